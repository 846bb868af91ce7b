"""Root causes of earlier cases in the self-check: noticed where they can be, asked about where not."""

from dataclasses import replace
from datetime import UTC, datetime

from service.prevention_checks import PreventionChecks
from workflows.domain.approval import Group
from workflows.domain.findings import FindingCode
from workflows.domain.root_cause import PreventionCheck, RootCause

AT = datetime(2025, 6, 16, 12, tzinfo=UTC)
LOOKED_AT = RootCause("training", "操作失误", "mistake", "培训", "training", Group.WAREHOUSE)
NOTICED = replace(LOOKED_AT, code="count", check=FindingCode.COUNT_INCOMPLETE)


class FakeCauses:
    async def checks(self, ledger: str) -> tuple[PreventionCheck, ...]:
        return tuple(PreventionCheck(cause, 2, "UC-2025-000007", AT) for cause in (LOOKED_AT, NOTICED))


async def test_what_can_be_noticed_is_looked_for_and_for_the_rest_its_owner_is_asked() -> None:
    checks = PreventionChecks(FakeCauses())
    assert await checks.codes("demo") == [FindingCode.COUNT_INCOMPLETE]
    (task,) = await checks.tasks("demo", ("2025-05", "2025-06"), "run-1")
    assert (task.code, task.owner, task.facts["cause"]) == ("prevention_due", Group.WAREHOUSE, "training")
    assert task.facts["period"] == "2025-06"


async def test_its_owner_is_asked_once_in_each_period_whatever_run_asks() -> None:
    checks = PreventionChecks(FakeCauses())
    ids = {
        (await checks.tasks("demo", (period,), run))[0].id
        for period, run in (("2025-06", "run-1"), ("2025-06", "run-2"), ("2025-07", "run-3"))
    }
    assert len(ids) == 2
