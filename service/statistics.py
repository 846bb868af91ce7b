"""Reads from the register what statistics count: few queries over narrow columns, row by row."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, func, select
from sqlalchemy.orm import aliased

from service.archive_tables import root_causes
from service.database import Database
from service.refusals import SpanUnusable
from service.tables import case_events, case_parts, cases, tasks
from workflows.domain.case import SYSTEM, EventKind
from workflows.domain.findings import FindingCode, Severity
from workflows.domain.request import CaseState
from workflows.domain.statistics import CaseFacts, Spent, Statistics, Wait, statistics_of

MOST_MONTHS = 120

USUAL_ZONE = ZoneInfo("Asia/Shanghai")
"""For the cases of a ledger that is not configured any more: that of one that says nothing else."""


@dataclass(frozen=True)
class Span:
    """Months from the first to the last, both within."""

    first: date
    last: date

    @staticmethod
    def of(first: str, last: str) -> "Span":
        """Two months as 2025-06. Raises SpanUnusable."""
        span = Span(*(date.fromisoformat(f"{month}-01") for month in (first, last)))
        if not 1 <= len(span.months) <= MOST_MONTHS:
            raise SpanUnusable(first, last, MOST_MONTHS)
        return span

    @property
    def months(self) -> tuple[str, ...]:
        first, last = (day.year * 12 + day.month - 1 for day in (self.first, self.last))
        return tuple(
            f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(first, min(last, first + MOST_MONTHS) + 1)
        )


class StatisticsReader:
    """Counts cases by the months in which they were accepted, each on its ledger's calendar."""

    def __init__(self, database: Database, zones: Mapping[str, ZoneInfo]) -> None:
        self._database, self._zones = database, zones

    async def read(self, span: Span, ledger: str | None) -> Statistics:
        """Raises StorageUnavailable."""
        return await self._database.read(partial(self._read, span=span, ledger=ledger))

    def _read(self, connection: Connection, span: Span, ledger: str | None) -> Statistics:
        about = _accepted(span, ledger)
        facts = {row.id: row for row in connection.execute(_HEADS.where(about)) if self._is_within(row, span)}
        clocks = _values(connection, "clocks", about)
        refused = and_(about, cases.c.state == CaseState.CHECKS_FAILED)
        findings = _values(connection, "findings", refused)
        causes = dict(_causes(connection))
        stages = dict(_stages(connection, about, facts))
        counted = [
            CaseFacts(
                ledger=row.ledger,
                month=self._month(row),
                state=CaseState(row.state),
                reason=row.reason,
                cause=causes[case][0] if case in causes else None,
                is_recurrence=case in causes and causes[case][1],
                misses_right=_misses_right(findings.get(case)),
                a=_spent(clocks.get(case), "a"),
                b=_spent(clocks.get(case), "b"),
                stages=stages.get(case, {}),
            )
            for case, row in facts.items()
        ]
        return statistics_of(counted, _waits(connection, about, facts), span.months)

    def _month(self, row: Any) -> str:  # Any: a row of _HEADS
        at: datetime = row.created_at.astimezone(self._zones.get(row.ledger, USUAL_ZONE))
        return f"{at:%Y-%m}"

    def _is_within(self, row: Any, span: Span) -> bool:  # Any: a row of _HEADS
        return f"{span.first:%Y-%m}" <= self._month(row) <= f"{span.last:%Y-%m}"


_HEADS = select(
    cases.c.id,
    cases.c.ledger,
    cases.c.state,
    cases.c.created_at,
    cases.c.request["reason_code"].as_string().label("reason"),
)

_A_DAY = timedelta(days=1)
"""More than any calendar is ahead of, or behind, the one of the register."""


def _accepted(span: Span, ledger: str | None) -> ColumnElement[bool]:
    """Accepted in one of the months on some calendar; which one it was is asked of each case."""
    after = (span.last.replace(day=28) + timedelta(days=4)).replace(day=1)
    begins, ends = (datetime.combine(day, time(), UTC) for day in (span.first, after))
    accepted = cases.c.created_at.between(begins - _A_DAY, ends + _A_DAY)
    return accepted if ledger is None else and_(accepted, cases.c.ledger == ledger)


def _values(connection: Connection, part: str, about: ColumnElement[bool]) -> dict[str, Any]:  # Any: JSON
    """By case: one of its parts."""
    wanted = select(case_parts.c.case_id, case_parts.c.value).join(cases, cases.c.id == case_parts.c.case_id)
    rows = connection.execute(wanted.where(case_parts.c.name == part, about))
    return {row.case_id: row.value for row in rows}


def _spent(clocks: Any, name: str) -> Spent:  # Any: JSON
    told = clocks if isinstance(clocks, dict) else {}
    return Spent(told.get(f"{name}_human_ms", 0), told.get(f"{name}_machine_ms", 0), told.get(f"{name}_ms"))


def _misses_right(findings: Any) -> bool:  # Any: JSON
    return isinstance(findings, list) and any(
        finding.get("code") == FindingCode.MISSING_RIGHT and finding.get("severity") == Severity.BLOCKER
        for finding in findings
    )


def _causes(connection: Connection) -> Iterator[tuple[str, tuple[str, bool]]]:
    """By case: its cause as named last, and whether a case of the ledger accepted earlier had it too."""
    newer = aliased(root_causes)
    newest = select(func.max(newer.c.n)).where(newer.c.case_id == root_causes.c.case_id).scalar_subquery()
    wanted = select(root_causes.c.case_id, root_causes.c.ledger, root_causes.c.cause)
    wanted = wanted.join(cases, cases.c.id == root_causes.c.case_id).where(root_causes.c.n == newest)
    known: set[tuple[str, str]] = set()
    for row in connection.execute(wanted.order_by(cases.c.created_at, cases.c.id)):
        had = (row.ledger, row.cause)
        yield row.case_id, (row.cause, had in known)
        known.add(had)


def _stages(
    connection: Connection, about: ColumnElement[bool], facts: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[CaseState, int]]]:
    """By case: the time in each state that it has left."""
    entered = case_events.c.data["to"].as_string().label("state")
    wanted = select(case_events.c.case_id, case_events.c.at, entered)
    wanted = wanted.join(cases, cases.c.id == case_events.c.case_id)
    wanted = wanted.where(about, case_events.c.kind == EventKind.STATE_CHANGED)
    rows = connection.execute(wanted.order_by(case_events.c.case_id, case_events.c.seq))
    for case, changes in groupby(rows, lambda row: row.case_id):
        if case in facts:
            yield case, _times(facts[case].created_at, ((row.at, CaseState(row.state)) for row in changes))


def _times(accepted: datetime, changes: Iterable[tuple[datetime, CaseState]]) -> dict[CaseState, int]:
    spent: dict[CaseState, int] = {}
    state, since = CaseState.RECEIVED, accepted
    for at, entered in changes:
        spent[state] = spent.get(state, 0) + _milliseconds(at - since)
        state, since = entered, at
    return spent


def _waits(connection: Connection, about: ColumnElement[bool], facts: Mapping[str, Any]) -> Iterator[Wait]:
    """Tasks that were answered, or ended by themselves."""
    wanted = select(
        tasks.c.case_id, tasks.c.kind, tasks.c.name, tasks.c.closed_by, tasks.c.opened_at, tasks.c.closed_at
    )
    wanted = wanted.join(cases, cases.c.id == tasks.c.case_id).where(about)
    wanted = wanted.where(tasks.c.closed_at.is_not(None), tasks.c.outcome != "void")
    for row in connection.execute(wanted):
        if row.case_id in facts:
            person = None if row.closed_by == SYSTEM.person else row.closed_by
            yield Wait(row.kind, row.name, person, _milliseconds(row.closed_at - row.opened_at))


def _milliseconds(spent: timedelta) -> int:
    return round(spent / timedelta(milliseconds=1))
