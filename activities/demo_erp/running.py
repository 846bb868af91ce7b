"""Balances of debits and credits that run from period to period: of customers, suppliers and accounts."""

from collections.abc import Mapping
from functools import cache

from sqlalchemy import Connection, Insert, Select, Table, insert, select

from activities.demo_erp.asked import PERIOD

Movement = tuple[int, int]
"""Debit, credit."""


def roll_forward(db: Connection, table: Table, period: int, moved: Mapping[str, Movement]) -> None:
    """Write the period's balances: the closings before it, plus what moved in it."""
    key = table.columns.keys()[1]
    rows = [
        {
            "period": period,
            key: name,
            "open_amount": opening,
            "debit": debit,
            "credit": credit,
            "close_amount": opening + debit - credit,
        }
        for name, opening, debit, credit in _joined(closings(db, table, period - 1), moved)
    ]
    if rows:
        db.execute(_insert(table), rows)


@cache
def _insert(table: Table) -> Insert:
    return insert(table)


def closings(db: Connection, table: Table, period: int) -> dict[str, int]:
    """What each one stood at when the period was closed."""
    return dict(db.execute(_closings(table), {"its_period": period}).all())


@cache
def _closings(table: Table) -> Select[str, int]:
    key = table.columns[table.columns.keys()[1]]
    return select(key, table.c.close_amount).where(table.c.period == PERIOD)


def _joined(opening: Mapping[str, int], moved: Mapping[str, Movement]) -> list[tuple[str, int, int, int]]:
    names = sorted(opening.keys() | moved.keys())
    return [(name, opening.get(name, 0), *moved.get(name, (0, 0))) for name in names]
