"""Where what must hold in the books does not: by period, warehouse, item, partner and account."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from activities.demo_erp import tables
from activities.demo_erp.amounts import decimal
from activities.demo_erp.kinds import INVENTORY_ACCOUNT
from activities.demo_erp.ledger import Book
from workflows.domain.corrections import MAX_BROKEN, Broken, Invariant
from workflows.domain.ledger import Module

Place = tuple[Module, int]

_TABLES = {module: made[0] for module, made in tables.COMPUTED}
_PAIRS = (("open_qty", "close_qty"), ("open_amount", "close_amount"))


def broken(db: Connection, book: Book, openings: tuple[Place, ...]) -> tuple[tuple[Broken, ...], int]:
    """The first places of each invariant that do not hold, and how many more there are."""
    found: list[Broken] = []
    more = 0
    for each in (_openings(db, book, openings), _stock(db, book), _trial_balances(db, book)):
        places = list(each)
        found += places[:MAX_BROKEN]
        more += len(places[MAX_BROKEN:])
    return tuple(found), more


# --------------------------------------------------------------------------- opening = previous closing


def broken_openings(db: Connection, book: Book) -> tuple[Place, ...]:
    """Modules and periods in which some opening is not the closing of the period before."""
    found: list[Place] = []
    for module, table in _TABLES.items():
        periods = set(db.scalars(_unlike_closing(table))) | set(db.scalars(_lost_closing(table, module)))
        found += [(module, period) for period in sorted(periods)]
    return tuple(found)


def _openings(db: Connection, book: Book, places: tuple[Place, ...]) -> Iterator[Broken]:
    """Which of a period's openings are broken; only periods that have such are looked into."""
    for module, period in places:
        table = _TABLES[module]
        for opening, closing in _PAIRS:
            if opening in table.c:
                rows = db.execute(_broken_rows(table, period, opening, closing)).all()
                for *key, expected, seen in rows:
                    what = " ".join(key)
                    yield Broken(
                        Invariant.OPENING_IS_CLOSING,
                        module,
                        book.period(period),
                        what,
                        opening,
                        decimal(expected),
                        decimal(seen),
                    )


def _broken_rows(table: Table, period: int, opening: str, closing: str) -> Select[*tuple[Any, ...]]:
    """Key, closing before and opening of each row of a period where they are not the same."""
    keys = [column.name for column in table.primary_key if column.name != "period"]
    was = select(*(table.c[name] for name in keys), table.c[closing].label("was"), literal(0).label("now"))
    now = select(*(table.c[name] for name in keys), literal(0).label("was"), table.c[opening].label("now"))
    both = (
        union_all(was.where(table.c.period == period - 1), now.where(table.c.period == period)).subquery().c
    )
    before, after = func.sum(both.was), func.sum(both.now)
    named = [both[name] for name in keys]
    return select(*named, before, after).group_by(*named).having(before != after).order_by(*named)


@cache
def _unlike_closing(table: Table) -> Select[int]:
    """Periods with an opening that is not the closing of the period before."""
    before = table.alias()
    unlike = [
        table.c[opening] != func.coalesce(before.c[closing], 0)
        for opening, closing in _PAIRS
        if opening in table.c
    ]
    follows = and_(before.c.period == table.c.period - 1, *_same(table, before))
    return select(table.c.period).distinct().outerjoin(before, follows).where(or_(*unlike))


@cache
def _lost_closing(table: Table, module: Module) -> Select[int]:
    """Closed periods without an opening for something that the period before had closed with."""
    after, complete = table.alias(), tables.closing.c
    follows = and_(after.c.period == table.c.period + 1, *_same(table, after))
    next_is_closed = exists().where(complete.module == module, complete.period == table.c.period + 1)
    return (
        select(table.c.period + 1)
        .distinct()
        .outerjoin(after, follows)
        .where(table.c.close_amount != 0, after.c.period.is_(None), next_is_closed)
    )


def _same(one: Table, other: FromClause) -> list[ColumnElement[bool]]:
    """The key but for the period."""
    return [column == other.c[column.name] for column in one.primary_key if column.name != "period"]


# --------------------------------------------------------------------------- sums


def _stock(db: Connection, book: Book) -> Iterator[Broken]:
    """Closed periods whose stock is worth something else than the inventory account says."""
    for period, stock, booked in db.execute(_STOCK_AND_ACCOUNT):
        yield Broken(
            Invariant.STOCK_IS_LEDGER,
            Module.GL,
            book.period(period),
            INVENTORY_ACCOUNT,
            "close_amount",
            decimal(stock),
            decimal(booked),
        )


def _trial_balances(db: Connection, book: Book) -> Iterator[Broken]:
    """Closed periods whose accounts do not add up to zero."""
    for period, amount in db.execute(_TRIAL_BALANCES):
        yield Broken(
            Invariant.TRIAL_BALANCE_IS_ZERO,
            Module.GL,
            book.period(period),
            "",
            "close_amount",
            decimal(0),
            decimal(amount),
        )


_s, _g = tables.inventory_balance.c, tables.gl_balance.c
_value = select(_s.period, func.sum(_s.close_amount).label("amount")).group_by(_s.period).subquery().c
_account = (
    select(_g.period, _g.close_amount.label("amount")).where(_g.account == INVENTORY_ACCOUNT).subquery().c
)
_STOCK_AND_ACCOUNT = (
    select(_value.period, _value.amount, _account.amount)
    .where(_value.period == _account.period, _value.amount != _account.amount)
    .order_by(_value.period)
)
_total = func.sum(_g.close_amount)
_TRIAL_BALANCES = select(_g.period, _total).group_by(_g.period).having(_total != 0).order_by(_g.period)
