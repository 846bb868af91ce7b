"""Balances as canonical text rows, in order, read as a stream."""

from collections.abc import Callable, Generator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Row, Table, select

from activities.demo_erp import tables
from activities.demo_erp.amounts import amount_text, cost_text
from activities.demo_erp.ledger import DemoLedger
from workflows.domain.ledger import Module

CHUNK = 1000
"""Rows held in memory at a time."""

TextRow = tuple[str, ...]
Stored = Row[*tuple[Any, ...]]
"""A row as it is stored: the period, the rest of the key, amounts, and for stock the unit cost."""

_TABLES = {module: made[0] for module, made in tables.COMPUTED}


def stream(ledger: DemoLedger, module: Module) -> Generator[list[tuple[int, list[TextRow]]], None, None]:
    """Chunk after chunk of a module's rows by key, each chunk split by period."""
    table = _TABLES.get(module)
    if table is None:
        return
    as_text = _writer_of(table)
    query = select(table).order_by(*table.primary_key).execution_options(stream_results=True)
    with ledger.reading() as db:
        for rows in db.execute(query).partitions(CHUNK):
            yield _by_period(rows, as_text)


def _by_period(
    rows: Sequence[Stored], as_text: Callable[[Stored], TextRow]
) -> list[tuple[int, list[TextRow]]]:
    return [(period, [as_text(row) for row in part]) for period, part in groupby(rows, key=_period)]


def _period(row: Stored) -> int:
    return int(row[0])


def _writer_of(table: Table) -> Callable[[Stored], TextRow]:
    keys = len(table.primary_key)
    if "unit_cost" in table.c:
        return lambda row: (*row[1:keys], *map(amount_text, row[keys:-1]), cost_text(row[-1]))
    return lambda row: (*row[1:keys], *map(amount_text, row[keys:]))
