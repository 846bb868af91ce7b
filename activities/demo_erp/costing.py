"""Cost of goods per item, and the vouchers that bring the period's stock movements into the ledger."""

from sqlalchemy import Connection, func, insert, select

from activities.demo_erp import posting, tables
from activities.demo_erp.amounts import MICRO, ratio
from activities.demo_erp.asked import PERIOD
from activities.demo_erp.ledger import Book
from workflows.domain.ledger import Module

_balance, _stock = tables.cost_balance, tables.inventory_balance


def compute(db: Connection, book: Book, period: int) -> None:
    """Sum the stock over all warehouses, and write one voucher for each kind of stock document."""
    rows = _rows(db, period)
    if rows:
        db.execute(_INSERT, rows)
    moved = db.execute(_TOTALS, {"its_period": period}).all()
    posting.write_vouchers(db, book, period, Module.COST, dict(moved))


def _rows(db: Connection, period: int) -> list[dict[str, object]]:
    rows = db.execute(_SUMS, {"its_period": period})
    return [_row(period, str(row[0]), *(int(value) for value in row[1:])) for row in rows]


_s, _total = _stock.c, tables.stock_total.c
_SUMMED = (_s.open_amount, _s.in_amount, _s.out_amount, _s.close_qty, _s.close_amount)
_SUMS = (
    select(_s.item, func.max(_s.unit_cost), *(func.sum(column) for column in _SUMMED))
    .where(_s.period == PERIOD)
    .group_by(_s.item)
    .order_by(_s.item)
)
_TOTALS = select(_total.kind, _total.amount).where(_total.period == PERIOD)
_INSERT = insert(_balance)


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
