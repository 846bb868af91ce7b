"""Cost of goods per item, and the vouchers that bring the period's stock movements into the ledger."""

from sqlalchemy import Connection, func, insert, select

from activities.demo_erp import posting, tables
from activities.demo_erp.amounts import MICRO, ratio
from activities.demo_erp.ledger import Book
from workflows.domain.ledger import Module

_balance, _stock = tables.cost_balance, tables.inventory_balance


def compute(db: Connection, book: Book, period: int) -> None:
    """Sum the stock over all warehouses, and write one voucher for each kind of stock document."""
    rows = _rows(db, period)
    if rows:
        db.execute(insert(_balance), rows)
    total = tables.stock_total.c
    moved = db.execute(select(total.kind, total.amount).where(total.period == period)).all()
    posting.write_vouchers(db, book, period, Module.COST, dict(moved))


def _rows(db: Connection, period: int) -> list[dict[str, object]]:
    s = _stock.c
    sums = (s.open_amount, s.in_amount, s.out_amount, s.close_qty, s.close_amount)
    query = (
        select(s.item, func.max(s.unit_cost), *(func.sum(column) for column in sums))
        .where(s.period == period)
        .group_by(s.item)
        .order_by(s.item)
    )
    return [_row(period, str(row[0]), *(int(value) for value in row[1:])) for row in db.execute(query)]


def _row(
    period: int, item: str, last_cost: int, opening: int, came: int, went: int, qty: int, amount: int
) -> dict[str, object]:
    return {
        "period": period,
        "item": item,
        "open_amount": opening,
        "in_amount": came,
        "out_amount": went,
        "close_qty": qty,
        "close_amount": amount,
        "unit_cost": ratio(amount * MICRO, qty) if qty > 0 else last_cost,
    }
