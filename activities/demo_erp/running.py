"""Balances of debits and credits that run from period to period: of customers, suppliers and accounts."""

from collections.abc import Mapping

from sqlalchemy import Connection, Table, insert, select

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
        db.execute(insert(table), rows)


def closings(db: Connection, table: Table, period: int) -> dict[str, int]:
    """What each one stood at when the period was closed."""
    key = table.columns[table.columns.keys()[1]]
    return dict(db.execute(select(key, table.c.close_amount).where(table.c.period == period)).all())


def _joined(opening: Mapping[str, int], moved: Mapping[str, Movement]) -> list[tuple[str, int, int, int]]:
    names = sorted(opening.keys() | moved.keys())
    return [(name, opening.get(name, 0), *moved.get(name, (0, 0))) for name in names]
