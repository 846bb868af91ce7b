"""Archives of many cases: some told and indexed by the product, the rest like them with their own numbers."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from bench import filled
from service.archive_index import Piece, replace_pieces
from service.archive_tables import archive_modules, archive_people, archive_pieces, archived_cases
from service.archive_text import Line, Where
from service.archiving import Archivist
from service.database import Database, open_database
from service.migrate import upgrade
from service.register import receive, record
from service.tables import cases
from workflows.domain.case import CaseChange, CaseEvent, EventKind
from workflows.domain.digest import Json
from workflows.domain.request import CaseState

_TOLD = 250
"""How many are told by their events and indexed from them; that takes many times what a copy takes."""
_AT_ONCE = 250

Values = Mapping[str, Any]  # Any: a row, column by column


@dataclass(frozen=True)
class _Shelved:
    """All that a search reads of one case."""

    rows: Mapping[Table, Sequence[Values]]
    told: Sequence[str]
    places: Sequence[str]
    words: Sequence[str]


def fill(first: str, others: Sequence[str], number: int) -> None:
    """The same archive of so many cases in every database; the first must be SQLite."""
    for url in (first, *others):
        upgrade(url)
    asyncio.run(_fill(first, others, number))


async def _fill(first: str, others: Sequence[str], number: int) -> None:
    database = open_database(first)
    await database.write(partial(_tell, numbers=range(1, _TOLD + 1)))
    await Archivist(database).catch_up()
    told = await database.read(_shelved)
    await _copy(database, told, range(_TOLD + 1, number + 1))
    await database.aclose()
    for url in others:
        database = open_database(url)
        await _copy(database, told, range(1, number + 1))
        await database.aclose()


def _tell(connection: Connection, numbers: range) -> None:
    for n in numbers:
        wish = replace(
            filled.a_request(n, _TOLD), reason=f"三月盘点遗漏，申请反结账；quantity of IN-2026-{n:06d}"
        )
        end = (CaseState.COMPLETED, CaseState.REJECTED)[n % 2]
        told = tuple(
            CaseEvent(seq, wish.accepted_at, "finance", None, EventKind.COMMENTED, {"comment": text})
            for seq, text in enumerate((f"数量与盘点表 {n:06d} 一致", "请财务复核后处理"), start=1)
        )
        changed: Json = [
            {"number": f"CHG-{n:06d}-{k}", "what": "数量", "after": str(k * 7)} for k in range(20)
        ]
        receive(connection, wish)
        record(connection, CaseChange(wish.id, end, told, parts={"memo": changed}))


# --------------------------------------------------------------------------- copies


def _shelved(connection: Connection) -> list[_Shelved]:
    pieces = connection.execute(select(archive_pieces).order_by(archive_pieces.c.n)).all()
    return [
        _Shelved(
            rows={table: _rows(connection, table, piece.case_n) for table in _TABLES},
            told=piece.told.split("\n"),
            places=piece.places.split(),
            words=piece.words.split(" ¶ "),
        )
        for piece in pieces
    ]


_TABLES = (cases, archived_cases, archive_people, archive_modules)


def _rows(connection: Connection, table: Table, case_n: int) -> list[Values]:
    ids = select(archived_cases.c.case_id).where(archived_cases.c.n == case_n)
    number = table.c.n if table is archived_cases else table.c.get("case_n")
    mine = cases.c.id.in_(ids) if number is None else number == case_n
    return [dict(row) for row in connection.execute(select(table).where(mine)).mappings()]


async def _copy(database: Database, told: Sequence[_Shelved], numbers: range) -> None:
    for at in range(0, len(numbers), _AT_ONCE):
        await database.write(partial(_put, told=told, numbers=numbers[at : at + _AT_ONCE]))


def _put(connection: Connection, told: Sequence[_Shelved], numbers: range) -> None:
    for n in numbers:
        like = told[(n - 1) % _TOLD]
        renumbered = _Renumbered(f"{(n - 1) % _TOLD + 1:06d}", f"{n:06d}")
        for table in _TABLES:
            connection.execute(insert(table), [renumbered.row(row, n) for row in like.rows[table]])
        told_in = zip(like.places, like.told, strict=True)
        lines = [Line(Where(where), renumbered.text(line)) for where, line in told_in]
        words = [renumbered.text(line).split() for line in like.words]
        replace_pieces(connection, n, [Piece(lines, words)])


@dataclass(frozen=True)
class _Renumbered:
    """A case with the number of another: both as they stand in its texts."""

    before: str
    after: str

    def text(self, text: str) -> str:
        return text.replace(self.before, self.after)

    def row(self, row: Values, n: int) -> Values:
        texts = {name: self.text(value) for name, value in row.items() if isinstance(value, str)}
        return {**row, **texts, **{name: n for name in ("n", "case_n") if name in row}}
