"""Stock by moving average: what each warehouse holds of each item, and what every movement is worth."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from activities.demo_erp import tables
from activities.demo_erp.amounts import MICRO, ratio
from activities.demo_erp.asked import PERIOD
from activities.demo_erp.kinds import KIND, Effect
from workflows.domain.ledger import Module

_balance = tables.inventory_balance
_document, _line = tables.document, tables.document_line


@dataclass(slots=True)
class Holding:
    """One item in one warehouse: opening, what came in and went out, and what is there now."""

    open_qty: int = 0
    open_amount: int = 0
    last_cost: int = 0
    in_qty: int = 0
    in_amount: int = 0
    out_qty: int = 0
    out_amount: int = 0

    @property
    def qty(self) -> int:
        return self.open_qty + self.in_qty - self.out_qty

    @property
    def amount(self) -> int:
        return self.open_amount + self.in_amount - self.out_amount

    @property
    def unit_cost(self) -> int:
        """The average; with nothing in stock, the last one known."""
        return ratio(self.amount * MICRO, self.qty) if self.qty > 0 else self.last_cost

    def receive(self, qty: int, amount: int) -> None:
        self.in_qty += qty
        self.in_amount += amount

    def issue(self, qty: int) -> int:
        """Take out at average cost, and tell the amount. The last unit takes all the value that is left."""
        on_hand, self.last_cost = self.qty, self.unit_cost
        if 0 < qty <= on_hand:
            amount = self.amount if qty == on_hand else ratio(self.amount * qty, on_hand)
        else:
            amount = self.worth(qty)
        self.out_qty += qty
        self.out_amount += amount
        return amount

    def worth(self, qty: int) -> int:
        """What a quantity is worth at the present average."""
        return ratio(qty * self.unit_cost, MICRO)


Key = tuple[str, str]
"""Warehouse, item."""


class Stock:
    """All stock of a ledger, moved document by document."""

    def __init__(self, holdings: dict[Key, Holding]) -> None:
        self.holdings = holdings
        self.totals: dict[str, int] = {}
        """Value moved by each kind of document."""

    def move(
        self, kind: str, warehouse: str, to_warehouse: str | None, item: str, qty: int, amount: int
    ) -> None:
        """One line of one document."""
        holding = self._at(warehouse, item)
        match KIND[kind].effect:
            case Effect.IN_AT_PRICE:
                holding.receive(qty, amount)
            case Effect.IN_AT_COST:
                amount = holding.worth(qty)
                holding.receive(qty, amount)
            case Effect.OUT:
                amount = holding.issue(qty)
            case Effect.TRANSFER:
                amount = holding.issue(qty)
                self._at(str(to_warehouse), item).receive(qty, amount)
            case Effect.NONE:
                return
        self.totals[kind] = self.totals.get(kind, 0) + amount

    def _at(self, warehouse: str, item: str) -> Holding:
        holding = self.holdings.get((warehouse, item))
        if holding is None:
            holding = self.holdings[warehouse, item] = Holding()
        return holding


def compute(db: Connection, period: int) -> None:
    """Work out the stock of a period from the closing before it and the documents in their order."""
    stock = Stock(_opening(db, period))
    for kind, warehouse, to_warehouse, item, qty, amount in _movements(db, period):
        stock.move(kind, warehouse, to_warehouse, item, qty, amount)
    _store(db, period, stock)


def _opening(db: Connection, period: int) -> dict[Key, Holding]:
    rows = db.execute(_CLOSINGS, {"its_period": period - 1})
    return {(warehouse, item): Holding(qty, amount, cost) for warehouse, item, qty, amount, cost in rows}


_CLOSINGS = select(*_balance.c["warehouse", "item", "close_qty", "close_amount", "unit_cost"]).where(
    _balance.c.period == PERIOD
)


def _movements(db: Connection, period: int) -> Iterable[tuple[str, str, str | None, str, int, int]]:
    """Lines by day and number; of one day the receipts `IN` come before the issues `OUT`."""
    return (tuple(row) for row in db.execute(_MOVEMENTS, {"its_period": period}))


_d, _l = _document.c, _line.c
_MOVEMENTS = (
    select(_d.kind, _d.warehouse, _d.to_warehouse, _l.item, _l.qty, _l.amount)
    .join_from(_document, _line, _l.document == _d.number)
    .where(_d.period == PERIOD, _d.module == Module.INVENTORY)
    .order_by(_d.day, _d.number, _l.n)
)


def _store(db: Connection, period: int, stock: Stock) -> None:
    rows = list(_rows(period, stock))
    if rows:
        db.execute(_INSERT, rows)
    totals = [
        {"period": period, "kind": kind, "amount": amount} for kind, amount in sorted(stock.totals.items())
    ]
    if totals:
        db.execute(_INSERT_TOTALS, totals)


_INSERT, _INSERT_TOTALS = insert(_balance), insert(tables.stock_total)


def _rows(period: int, stock: Stock) -> Iterator[dict[str, object]]:
    for (warehouse, item), held in sorted(stock.holdings.items()):
        yield {
            "period": period,
            "warehouse": warehouse,
            "item": item,
            "open_qty": held.open_qty,
            "open_amount": held.open_amount,
            "in_qty": held.in_qty,
            "in_amount": held.in_amount,
            "out_qty": held.out_qty,
            "out_amount": held.out_amount,
            "close_qty": held.qty,
            "close_amount": held.amount,
            "unit_cost": held.unit_cost,
        }
