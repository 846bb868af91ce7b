"""What the root causes of earlier cases add to the self-check before a month's end (R93, R94, R99)."""

from collections.abc import Sequence
from typing import Protocol

from activities.self_checking import subject_prefix
from workflows.domain.case import TaskKind
from workflows.domain.digest import Json
from workflows.domain.findings import FindingCode
from workflows.domain.root_cause import PreventionCheck
from workflows.domain.standing import AlarmCode, StandingTask


class Causes(Protocol):
    """Where the root causes that were named on a ledger are kept (`service/root_causes.py`)."""

    async def checks(self, ledger: str) -> tuple[PreventionCheck, ...]:
        """Each cause once, with how often it was the cause."""


class PreventionChecks:
    """Implements `ExtraCheck`: what can be noticed is looked for, for the rest a person is asked."""

    def __init__(self, causes: Causes) -> None:
        self._causes = causes

    async def codes(self, ledger: str) -> Sequence[FindingCode]:
        found = await self._causes.checks(ledger)
        return [each.cause.check for each in found if each.cause.check is not None]

    async def tasks(self, ledger: str, open_periods: tuple[str, ...], run: str) -> Sequence[StandingTask]:
        """One for each cause and period; closed by its owner, it does not come back in that period."""
        found = await self._causes.checks(ledger)
        return [_task(ledger, open_periods[-1], each) for each in found if each.cause.check is None]


def _task(ledger: str, period: str, due: PreventionCheck) -> StandingTask:
    cause = due.cause
    facts: dict[str, Json] = {
        "cause": cause.code,
        "zh": cause.zh,
        "en": cause.en,
        "prevention_zh": cause.prevention_zh,
        "prevention_en": cause.prevention_en,
        "period": period,
        "cases": due.cases,
        "last_case": due.last_case,
    }
    return StandingTask(
        subject=f"{subject_prefix(ledger)}cause/{cause.code}/{period}",
        raised_by=period,
        kind=TaskKind.FINDING,
        code=AlarmCode.PREVENTION_DUE,
        owner=cause.owner,
        ledger=ledger,
        facts=facts,
    )
