"""Searches the archive: the same cases for the same words on SQLite and on PostgreSQL, newest end first."""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    exists,
    func,
    select,
    union_all,
)

from service.archive_highlights import Highlight, highlights
from service.archive_matches import newest
from service.archive_row import mark_pending
from service.archive_tables import (
    archive_modules,
    archive_people,
    archive_texts,
    archived_cases,
    legal_holds,
)
from service.archive_words import Phrase, phrases
from service.database import Database, insert_or_replace
from service.queries import Page, Slice
from service.refusals import CursorUnreadable
from service.tables import cases
from workflows.domain.errors import UnknownRequest
from workflows.domain.ledger import Module
from workflows.domain.request import CaseState, ReasonCode


@dataclass(frozen=True)
class ArchiveFilter:
    """What is looked for. Times are from the first moment to before the last."""

    words: str | None = None
    ledger: str | None = None
    period: str | None = None
    module: Module | None = None
    outcomes: tuple[CaseState, ...] = ()
    reason_code: ReasonCode | None = None
    cause: str | None = None
    person: str | None = None
    ended_from: datetime | None = None
    ended_before: datetime | None = None


@dataclass(frozen=True)
class Archived:
    """A case in the archive, and why it was found."""

    case: str
    ledger: str
    target_period: str
    applicant: str
    outcome: CaseState
    reason_code: ReasonCode
    cause: str | None
    accepted_at: datetime
    ended_at: datetime
    on_hold: bool
    highlights: tuple[Highlight, ...]


@dataclass(frozen=True)
class Found:
    page: Page[Archived]
    pending: int
    """Cases that have ended and cannot be found by all their words yet."""
    unreadable: tuple[str, ...]
    """The first of them that could not be read; they are tried again, and the worker's log says why."""


class Archive:
    """Reads the archive, and takes texts that belong into it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, wanted: ArchiveFilter, part: Slice) -> Found:
        """Raises CursorUnreadable, StorageUnavailable."""
        return await self._database.read(partial(_search, wanted=wanted, part=part))

    async def add_text(self, case: str, name: str, text: str) -> None:
        """From now on the case is also found by this text; the name's earlier text is replaced.

        Raises UnknownRequest, StorageUnavailable.
        """
        await self._database.write(partial(add_text, case=case, name=name, text=text))


def add_text(connection: Connection, case: str, name: str, text: str) -> None:
    """Within a transaction of the caller's. Raises UnknownRequest."""
    if connection.scalar(select(cases.c.id).where(cases.c.id == case)) is None:
        raise UnknownRequest(case)
    row = {"case_id": case, "name": name, "text": text.replace("\x00", " ")}
    connection.execute(insert_or_replace(connection, archive_texts), row)
    mark_pending(connection, case)


# --------------------------------------------------------------------------- searching


def _search(connection: Connection, wanted: ArchiveFilter, part: Slice) -> Found:
    said = phrases(wanted.words) if wanted.words is not None else None
    rows = () if said == () else connection.execute(_chosen(connection, wanted, said, part)).all()
    shown = rows[: part.limit]
    found = highlights(connection, [row.n for row in shown], said) if said else {}
    items = tuple(
        Archived(
            case=row.case_id,
            ledger=row.ledger,
            target_period=row.target_period,
            applicant=row.applicant,
            outcome=CaseState(row.outcome),
            reason_code=ReasonCode(row.reason_code),
            cause=row.cause,
            accepted_at=row.accepted_at,
            ended_at=row.ended_at,
            on_hold=row.on_hold,
            highlights=found.get(row.n, ()),
        )
        for row in shown
    )
    more = _cursor(rows[part.limit - 1].n) if len(rows) > part.limit else None
    pending = connection.execute(_PENDING).scalar_one()
    unreadable = tuple(connection.scalars(_UNREADABLE)) if pending else ()
    return Found(Page(items, more), pending, unreadable)


_IS_PENDING = archived_cases.c.pending.is_(True)
_PENDING = select(func.count()).select_from(archived_cases).where(_IS_PENDING)

MOST_UNREADABLE = 20
_UNREADABLE = select(archived_cases.c.case_id).where(_IS_PENDING, archived_cases.c.failures > 0)
_UNREADABLE = _UNREADABLE.order_by(archived_cases.c.n).limit(MOST_UNREADABLE)

_OUR_OWN = ("pending", "marks", "cause_due", "failures", "not_before")

_HELD = (
    exists()
    .where(legal_holds.c.case_id == archived_cases.c.case_id, legal_holds.c.lifted_at.is_(None))
    .label("on_hold")
)
_SHOWN = (
    *(column for column in archived_cases.c if column.name not in _OUR_OWN),
    _HELD,
)


def _chosen(
    connection: Connection, wanted: ArchiveFilter, said: Sequence[Phrase] | None, part: Slice
) -> Select[tuple[object, ...]]:
    """One row more than wanted, so that it is known whether a next page exists."""
    before, limit = None if part.cursor is None else _position(part.cursor), part.limit + 1
    conditions = tuple(_conditions(wanted))
    page = select(*_SHOWN).order_by(archived_cases.c.n.desc()).limit(limit)
    if said is not None:
        small, big = newest(connection, said, conditions, before, limit)
        both = union_all(select(small.subquery().c.n), select(big.subquery().c.n)).subquery()
        return page.join(both, both.c.n == archived_cases.c.n)
    return page.where(*conditions, *(() if before is None else (archived_cases.c.n < before,)))


def _conditions(wanted: ArchiveFilter) -> Iterator[ColumnElement[bool]]:
    kept = archived_cases.c
    exact = (
        (kept.ledger, wanted.ledger),
        (kept.target_period, wanted.period),
        (kept.reason_code, wanted.reason_code),
        (kept.cause, wanted.cause),
    )
    yield from (column == value for column, value in exact if value is not None)
    if wanted.outcomes:
        yield kept.outcome.in_(wanted.outcomes)
    if wanted.ended_from is not None:
        yield kept.ended_at >= wanted.ended_from
    if wanted.ended_before is not None:
        yield kept.ended_at < wanted.ended_before
    if wanted.module is not None:
        of_module = select(archive_modules.c.case_n).where(archive_modules.c.module == wanted.module)
        yield kept.n.in_(of_module)
    if wanted.person is not None:
        yield kept.n.in_(select(archive_people.c.case_n).where(archive_people.c.person == wanted.person))


# --------------------------------------------------------------------------- pages


def _cursor(n: int) -> str:
    return base64.urlsafe_b64encode(f"archive {n}".encode()).decode()


def _position(cursor: str) -> int:
    """Raises CursorUnreadable for anything but a cursor of the archive."""
    try:
        given = base64.urlsafe_b64decode(cursor.encode()).decode()
    except ValueError:
        raise CursorUnreadable from None
    if not (found := re.fullmatch(r"archive ([0-9]{1,9})", given)):
        raise CursorUnreadable
    return int(found[1])
