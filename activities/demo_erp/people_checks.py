"""Checks on people: the executor's right, who is in the ledger, and what was opened before."""

from collections.abc import Iterator

from sqlalchemy import select

from activities.demo_erp import faults, isolation, rights, tables
from activities.demo_erp.evidence import Look, Question, opened
from workflows.domain.findings import EvidenceRow, Finding, FindingCode
from workflows.domain.ledger import Verb


def missing_right(look: Look) -> Iterator[Finding]:
    """The executor cannot un-close: most failures come from this, so it is probed first (R16, R107)."""
    executor = look.scope.executor
    if not rights.holds(look.db, executor, (rights.UNCLOSE,), look.now):
        yield Finding(FindingCode.MISSING_RIGHT, rows=(EvidenceRow(executor, (("right", rights.UNCLOSE),)),))


def foreign_sessions(look: Look) -> Iterator[Finding]:
    """Who is in the ledger and will be asked to leave (R58), and whose session cannot be ended."""
    here = isolation.present(look.db)
    stuck = faults.stuck_persons(look.db)
    for code, seen in (
        (FindingCode.FOREIGN_SESSIONS, here),
        (FindingCode.SESSION_STUCK, [presence for presence in here if presence.person in stuck]),
    ):
        rows = tuple(
            EvidenceRow(each.person, (("since", each.since.isoformat()), ("doing", each.doing)))
            for each in seen
        )
        if rows:
            yield Finding(code, len(rows), rows, bound=False)


_j = tables.journal.c
_REOPENED = select(_j.module, _j.period, _j.at.label("what"), _j.person, _j.key).where(
    _j.act.startswith(Verb.UNCLOSE), opened(_j.module, _j.period)
)
"""Periods that have been opened before: what recurs deserves a second look (R99)."""

QUESTIONS = (Question(FindingCode.PERIOD_REOPENED_BEFORE, _REOPENED),)
