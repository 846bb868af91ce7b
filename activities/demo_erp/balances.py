"""Balances as canonical text rows, in order, read as a stream."""

from collections.abc import Generator, Iterable
from functools import cache
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Table, select

from activities.demo_erp import dialect, tables
from activities.demo_erp.amounts import amount_text, cost_text
from activities.demo_erp.asked import PERIOD
from activities.demo_erp.dialect import Query, Stored
from activities.demo_erp.ledger import DemoLedger
from workflows.domain.canonical import RowLayout
from workflows.domain.ledger import Module

CHUNK = 500
"""Rows held in memory at a time."""

TextRow = tuple[str, ...]

_TABLES = {module: made[0] for module, made in tables.COMPUTED}


def layout(module: Module) -> RowLayout:
    """What the fields of a module's rows mean."""
    table = _TABLES.get(module)
    if table is None:
        return RowLayout((), ())
    names, keys = table.columns.keys(), len(table.primary_key)
    return RowLayout(tuple(names[1:keys]), tuple(names[keys:]))


def stream(
    ledger: DemoLedger, module: Module, period: int | None = None
) -> Generator[list[tuple[int, list[TextRow]]], None, None]:
    """Chunk after chunk of a module's rows by key, each chunk split by period; of one period if given."""
    table = _TABLES.get(module)
    if table is None:
        return
    query, values = (_all_of(table), {}) if period is None else (_one_of(table), {"its_period": period})
    with ledger.reading() as db:
        for rows in dialect.stream_often(db, query, values, CHUNK):
            yield [(at, _texts(table, part)) for at, part in groupby(rows, key=itemgetter(0))]


@cache
def _all_of(table: Table) -> Query:
    return select(table).order_by(*table.primary_key)


@cache
def _one_of(table: Table) -> Query:
    return _all_of(table).where(table.c.period == PERIOD)


def _texts(table: Table, rows: Iterable[Stored]) -> list[TextRow]:
    """The rest of the key, amounts, and for stock the unit cost; the period goes without saying.

    Every case reads all balances several times over, so they are turned column by column: no step per row.
    """
    columns = list(zip(*rows, strict=True))
    keys = len(table.primary_key)
    amounts = columns[keys:-1] if "unit_cost" in table.c else columns[keys:]
    costs = columns[keys + len(amounts) :]
    texts = (*(map(amount_text, column) for column in amounts), *(map(cost_text, column) for column in costs))
    return list(zip(*columns[1:keys], *texts, strict=True))
