"""The self-check before a month's end: what would be found too late is found now (R93 to R96)."""

from collections.abc import Sequence
from typing import Protocol

from activities.ledgers import Ledgers
from activities.recording import Profiles
from workflows.domain.case import Actor, TaskKind
from workflows.domain.digest import Json, to_json
from workflows.domain.findings import CATALOGUE, Finding, FindingCode, FindingRule, FindingScope
from workflows.domain.ledger import CloseState, Module
from workflows.domain.period import FiscalCalendar, Period
from workflows.domain.standing import OWNERS, StandingTask
from workflows.periodic_steps import JobDone, JobOrder, Prepared

SELF_CHECK = Actor("self-check")

CHECKED = (
    FindingCode.COUNT_NOT_ADJUSTED,
    FindingCode.COUNT_INCOMPLETE,
    FindingCode.GAIN_LOSS_UNAUDITED,
    FindingCode.AUDIT_IN_FLIGHT,
    FindingCode.DOCUMENT_FROZEN,
    FindingCode.NEGATIVE_STOCK,
    FindingCode.STOCK_LEDGER_DIFFERENCE,
    FindingCode.TRIAL_BALANCE_OPEN,
    FindingCode.MISSING_RIGHT,
)
"""What must be clear before a period is closed; 盘点未清 first. The rest is about un-closing."""

_RULES: dict[str, FindingRule] = {rule.code: rule for rule in CATALOGUE}


class ExtraCheck(Protocol):
    """One more check, such as one that the root cause of an earlier case has brought (R99)."""

    async def codes(self, ledger: str) -> Sequence[FindingCode]:
        """Findings that the connector's own checks are to tell besides the usual ones."""

    async def tasks(self, ledger: str, open_periods: tuple[str, ...], run: str) -> Sequence[StandingTask]:
        """What it finds now. Each subject begins with `subject_prefix(ledger)`."""


class StandingTaskBook(Protocol):
    """Where standing tasks are kept."""

    async def bring_in_line(
        self, prefix: str, found: Sequence[StandingTask], by: Actor
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Open what is found, close what is not found any more; the ids opened, the ids closed."""


def subject_prefix(ledger: str) -> str:
    """How the subjects of all findings about a ledger begin."""
    return f"self-check/{ledger}/"


class SelfCheck:
    """Asks the connector's own checks about the periods that are open and about to be closed."""

    def __init__(
        self, ledgers: Ledgers, profiles: Profiles, tasks: StandingTaskBook, more: Sequence[ExtraCheck] = ()
    ) -> None:
        self.ledgers, self.profiles, self.tasks, self.more = ledgers, profiles, tasks, tuple(more)

    async def prepare(self, order: JobOrder) -> Prepared:
        """What is to be looked for besides the usual."""
        return Prepared([code for check in self.more for code in await check.codes(str(order.ledger))])

    async def look(self, order: JobOrder) -> Json:
        """The findings, and which periods were looked at."""
        more = order.before if isinstance(order.before, list) else []
        profile = self.profiles.profile(str(order.ledger))
        connector = self.ledgers.connector(profile.code)
        places = open_places(await connector.read_close_state(), profile.calendar)
        scope = FindingScope(
            target=max(period for _, period in places),
            modules=tuple(dict.fromkeys(module for module, _ in places)),
            opened=places,
            documents=(),
            executor=profile.executor,
        )
        found = [each for each in await connector.findings(scope) if each.code in (*CHECKED, *more)]
        return {
            "periods": sorted({str(period) for _, period in places}),
            "findings": [_told(finding) for finding in found],
        }

    async def judge(self, order: JobOrder) -> JobDone:
        """Open a task for each finding, and close those of earlier runs that are found no longer."""
        ledger, seen = str(order.ledger), order.seen
        assert isinstance(seen, dict)
        assert isinstance(seen["findings"], list)
        assert isinstance(seen["periods"], list)
        periods = tuple(str(period) for period in seen["periods"])
        found = [_task(order, told) for told in seen["findings"] if isinstance(told, dict)]
        for check in self.more:
            found.extend(await check.tasks(ledger, periods, order.run))
        opened, closed = await self.tasks.bring_in_line(subject_prefix(ledger), found, SELF_CHECK)
        return JobDone(
            {
                "periods": list(periods),
                "findings": len(found),
                "opened": list(opened),
                "closed": list(closed),
            }
        )


def open_places(state: CloseState, calendar: FiscalCalendar) -> tuple[tuple[Module, Period], ...]:
    """Every module with the periods from its own current one to the newest of any module."""
    newest = max(each.current for each in state.modules)
    return tuple(
        (each.module, period) for each in state.modules for period in calendar.span(each.current, newest)
    )


def _told(finding: Finding) -> Json:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "module": finding.module,
        "period": str(finding.period) if finding.period else None,
        "count": finding.count,
        "rows": [{"what": row.what, "facts": dict(row.facts)} for row in finding.rows],
    }


def _task(order: JobOrder, told: dict[str, Json]) -> StandingTask:
    code = str(told["code"])
    facts = to_json({name: told[name] for name in ("severity", "module", "period", "count", "rows")})
    assert isinstance(facts, dict)
    return StandingTask(
        subject=f"{subject_prefix(str(order.ledger))}{code}/{told['module'] or ''}/{told['period'] or ''}",
        raised_by=order.run,
        kind=TaskKind.FINDING,
        code=code,
        owner=OWNERS[_RULES[code].owner],
        ledger=order.ledger,
        facts=facts,
    )
