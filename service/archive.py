"""Searches the archive: the same cases for the same words on SQLite and on PostgreSQL, newest end first."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    cast,
    column,
    exists,
    func,
    literal_column,
    select,
    table,
    union_all,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from service.archive_index import PIECES
from service.archive_row import mark_pending
from service.archive_tables import (
    archive_modules,
    archive_people,
    archive_pieces,
    archive_texts,
    archived_cases,
    legal_holds,
)
from service.archive_text import Where
from service.archive_words import Phrase, Shown, excerpt, folded, phrases
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
class Highlight:
    """A line in which something stands that was asked for."""

    where: Where
    shown: Shown


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

_SMALL = table("archive_index", column("rowid", Integer))
_BIG = table("archive_big_index", column("rowid", Integer))
"""SQLite's indexes over the pieces of cases with one piece and with several; migrations make both."""

_MOST_HIGHLIGHTS = 3


def _search(connection: Connection, wanted: ArchiveFilter, part: Slice) -> Found:
    said = phrases(wanted.words) if wanted.words is not None else None
    rows = () if said == () else connection.execute(_chosen(connection, wanted, said, part)).all()
    shown = rows[: part.limit]
    found = _highlights(connection, [row.n for row in shown], said) if said else {}
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
    return Found(Page(items, more), pending)


_PENDING = select(func.count()).select_from(archived_cases).where(archived_cases.c.pending.is_(True))

_HELD = (
    exists()
    .where(legal_holds.c.case_id == archived_cases.c.case_id, legal_holds.c.lifted_at.is_(None))
    .label("on_hold")
)
_SHOWN = (
    *(column for column in archived_cases.c if column.name not in ("pending", "marks", "cause_due")),
    _HELD,
)


def _chosen(
    connection: Connection, wanted: ArchiveFilter, said: Sequence[Phrase] | None, part: Slice
) -> Select[tuple[object, ...]]:
    """One row more than wanted, so that it is known whether a next page exists."""
    before = None if part.cursor is None else _position(part.cursor)
    limits = [] if before is None else [archived_cases.c.n < before]
    conditions = (*_conditions(wanted), *limits)
    chosen = select(*_SHOWN)
    if said is None:
        return chosen.where(*conditions).order_by(archived_cases.c.n.desc()).limit(part.limit + 1)
    ways = _in_sqlite if connection.dialect.name == "sqlite" else _in_postgresql
    small, big = ways(said, before)
    small = small.where(*conditions).limit(part.limit + 1)
    big = big.where(*conditions).limit(part.limit + 1)
    both = union_all(select(small.subquery().c.n), select(big.subquery().c.n)).subquery()
    page = chosen.join(both, both.c.n == archived_cases.c.n)
    return page.order_by(archived_cases.c.n.desc()).limit(part.limit + 1)


def _in_sqlite(said: Sequence[Phrase], before: int | None) -> tuple[Select[tuple[int]], Select[tuple[int]]]:
    def match(index: str, wanted: str, name: str) -> ColumnElement[bool]:
        return literal_column(index).op("MATCH", is_comparison=True)(bindparam(name, wanted))

    # Read from the index itself in its order, so that it stops after a page, however many cases match.
    small = select(archived_cases.c.n).select_from(
        _SMALL.join(archived_cases, archived_cases.c.n == _SMALL.c.rowid // PIECES)
    )
    small = small.where(match("archive_index", " AND ".join(map(_fts, said)), "all_said"))
    if before is not None:
        small = small.where(_SMALL.c.rowid < before * PIECES)
    small = small.order_by(_SMALL.c.rowid.desc())
    big = select(archived_cases.c.n).order_by(archived_cases.c.n.desc())
    for at, phrase in enumerate(said):
        has = select(_BIG.c.rowid // PIECES).where(match("archive_big_index", _fts(phrase), f"said_{at}"))
        big = big.where(archived_cases.c.n.in_(has))
    return small, big


def _fts(phrase: Phrase) -> str:
    return f'"{" ".join(phrase.looked_up)}"{" *" if phrase.is_beginning else ""}'


def _in_postgresql(
    said: Sequence[Phrase], before: int | None
) -> tuple[Select[tuple[int]], Select[tuple[int]]]:
    matches = archive_pieces.c.words.op("@@", is_comparison=True)
    small = select(archived_cases.c.n).join(archive_pieces, archive_pieces.c.case_n == archived_cases.c.n)
    small = small.where(
        archive_pieces.c.big.is_(False), matches(_query(" & ".join(map(_tsquery, said)), "all_said"))
    )
    if before is not None:
        small = small.where(archive_pieces.c.n < before * PIECES)
    small = small.order_by(archive_pieces.c.n.desc())
    big = select(archived_cases.c.n).order_by(archived_cases.c.n.desc())
    for at, phrase in enumerate(said):
        has = select(archive_pieces.c.case_n).where(archive_pieces.c.big.is_(True))
        big = big.where(archived_cases.c.n.in_(has.where(matches(_query(_tsquery(phrase), f"said_{at}")))))
    return small, big


def _query(wanted: str, name: str) -> ColumnElement[str]:
    """Not read by PostgreSQL's parser: it would divide words otherwise than we do."""
    return cast(bindparam(name, wanted), TSQUERY)


def _tsquery(phrase: Phrase) -> str:
    words = [f"'{word}'" for word in phrase.looked_up]
    return " <-> ".join(words) + (":*" if phrase.is_beginning else "")


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


# --------------------------------------------------------------------------- what is shown of it


def _highlights(
    connection: Connection, shown: Sequence[int], said: Sequence[Phrase]
) -> Mapping[int, tuple[Highlight, ...]]:
    """By case: for everything asked for, the first line in which it stands."""
    wanted = select(archive_pieces.c.case_n, archive_pieces.c.lines).where(archive_pieces.c.case_n.in_(shown))
    patterns = [phrase.pattern() for phrase in said][:_MOST_HIGHLIGHTS]
    missing: dict[int, list[re.Pattern[str]]] = {}
    found: dict[int, tuple[Highlight, ...]] = {}
    for row in connection.execute(wanted.order_by(archive_pieces.c.n)):
        unseen = missing.setdefault(row.case_n, [*patterns])
        found[row.case_n] = (*found.get(row.case_n, ()), *_lines_with(row.lines, unseen))
    return found


def _lines_with(lines: Sequence[Sequence[str]], unseen: list[re.Pattern[str]]) -> Iterator[Highlight]:
    """The first lines with what has not been seen yet; it is seen then."""
    for where, text in lines:
        if not unseen:
            return
        plain = folded(text)
        here = [pattern for pattern in unseen if pattern.search(plain)]
        if here and where != Where.NAMES:
            unseen[:] = [pattern for pattern in unseen if pattern not in here]
            yield Highlight(Where(where), excerpt(text, here))


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
