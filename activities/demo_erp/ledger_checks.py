"""Checks on the books: vouchers that would come loose, and whether stock, accounts and balances agree."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, case, func, literal, select, union_all

from activities.demo_erp import pointers, tables
from activities.demo_erp.evidence import Look, gather
from activities.demo_erp.kinds import INVENTORY_ACCOUNT, KINDS, Effect
from workflows.domain.findings import EvidenceRow, Finding, FindingCode
from workflows.domain.ledger import Module

_document, _line, _reference = tables.document, tables.document_line, tables.document_reference
_voucher, _entry = tables.voucher, tables.voucher_entry
_stock, _gl = tables.inventory_balance, tables.gl_balance

MADE_FROM_BILLS = (Module.COST, Module.RECEIVABLE, Module.PAYABLE)
"""Modules whose closing writes vouchers."""

_INVENTORY = literal(Module.INVENTORY.value).label("module")
_GL = literal(Module.GL.value).label("module")


def posted_vouchers(look: Look) -> Iterator[Finding]:
    """Posted vouchers made from bills of opened periods; worse where the ledger stays closed (R67, R68)."""
    v = _voucher.c
    query = select(_GL, v.period, v.number.label("what"), v.source, v.kind).where(
        v.posted == 1, v.source.in_(MADE_FROM_BILLS), look.opened(v.source, v.period)
    )
    ledger_opened = look.within(Module.GL, v.period)
    yield from gather(look, FindingCode.POSTED_VOUCHERS, query.where(ledger_opened))
    yield from gather(look, FindingCode.POSTED_VOUCHERS_GL_CLOSED, query.where(~ledger_opened))


def negative_stock(look: Look) -> Iterator[Finding]:
    """Items of which less than nothing is left: by the closing, or by the documents of periods open now."""
    s = _stock.c
    closed = select(
        _INVENTORY, s.period, (s.warehouse + " " + s.item).label("what"), s.close_qty, s.close_amount
    ).where(s.close_qty < 0, look.within(Module.INVENTORY, s.period))
    yield from gather(look, FindingCode.NEGATIVE_STOCK, closed)
    span, current = look.span(Module.INVENTORY), pointers.current_of(look.db, Module.INVENTORY)
    if span and span[1] >= current:
        yield from gather(look, FindingCode.NEGATIVE_STOCK, _negative_now(current, span[1]))


def _negative_now(current: int, last: int) -> Select[*tuple[Any, ...]]:
    """Closing quantities of the newest closed period, and what has moved since."""
    s, d, line = _stock.c, _document.c, _line.c
    before = select(s.warehouse, s.item, s.close_qty.label("qty")).where(s.period == current - 1)
    came_in = [kind.name for kind in KINDS if kind.effect in (Effect.IN_AT_PRICE, Effect.IN_AT_COST)]
    signed = case((d.kind.in_(came_in), line.qty), else_=-line.qty)
    moved = (
        select(d.warehouse, line.item, signed)
        .join_from(_document, _line, line.document == d.number)
        .where(d.module == Module.INVENTORY, d.period.between(current, last))
    )
    arrived = (
        select(d.to_warehouse, line.item, line.qty)
        .join_from(_document, _line, line.document == d.number)
        .where(d.module == Module.INVENTORY, d.period.between(current, last), d.to_warehouse.is_not(None))
    )
    all_of_it = union_all(before, moved, arrived).subquery().c
    left = func.sum(all_of_it.qty)
    return (
        select(
            _INVENTORY,
            literal(last).label("period"),
            (all_of_it.warehouse + " " + all_of_it.item).label("what"),
            left.label("close_qty"),
        )
        .group_by(all_of_it.warehouse, all_of_it.item)
        .having(left < 0)
    )


def stock_ledger_difference(look: Look) -> Iterator[Finding]:
    """Closed periods whose stock value is not what the inventory account says (R27, trap T9)."""
    s, g = _stock.c, _gl.c
    value = (
        select(s.period, func.sum(s.close_amount).label("stock_amount"))
        .where(look.within(Module.INVENTORY, s.period))
        .group_by(s.period)
        .subquery()
        .c
    )
    query = select(
        _GL,
        value.period,
        literal(INVENTORY_ACCOUNT).label("what"),
        value.stock_amount,
        g.close_amount.label("account_amount"),
    ).where(g.period == value.period, g.account == INVENTORY_ACCOUNT, g.close_amount != value.stock_amount)
    yield from gather(look, FindingCode.STOCK_LEDGER_DIFFERENCE, query)


def trial_balance_open(look: Look) -> Iterator[Finding]:
    """Periods whose accounts, or vouchers, do not add up to zero (R27, trap T9)."""
    g, v, e = _gl.c, _voucher.c, _entry.c
    accounts = (
        select(_GL, g.period, literal("所有科目").label("what"), func.sum(g.close_amount).label("amount"))
        .where(look.within(Module.GL, g.period))
        .group_by(g.period)
        .having(func.sum(g.close_amount) != 0)
    )
    difference = func.sum(e.debit - e.credit)
    vouchers = (
        select(_GL, v.period, v.number.label("what"), difference.label("amount"))
        .join_from(_voucher, _entry, e.voucher == v.number)
        .where(look.within(Module.GL, v.period))
        .group_by(v.period, v.number)
        .having(difference != 0)
    )
    either = union_all(accounts, vouchers).subquery()
    yield from gather(look, FindingCode.TRIAL_BALANCE_OPEN, select(either))


def blast_radius(look: Look) -> Iterator[Finding]:
    """What the opening touches, counted period by period (R63)."""
    counts = [_counted(look, query) for query in (_documents(look), _vouchers(look), _settlements(look))]
    periods = sorted({period for _, period in look.scope.opened})
    names = ("documents", "vouchers", "settlements")
    by_period = {p: [found.get(look.book.index(p), 0) for found in counts] for p in periods}
    totals = [sum(column) for column in zip(*by_period.values(), strict=True)] or [0, 0, 0]
    total = (("periods", str(len(periods))), *_facts(names, totals))
    rows = [EvidenceRow(str(period), _facts(names, numbers)) for period, numbers in by_period.items()]
    yield Finding(
        FindingCode.BLAST_RADIUS, len(periods), (EvidenceRow("total", total), *rows), period=look.scope.target
    )


def _facts(names: tuple[str, ...], numbers: list[int]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(number)) for name, number in zip(names, numbers, strict=True))


def _counted(look: Look, query: Select[int, int]) -> dict[int, int]:
    return dict(look.db.execute(query).all())


def _documents(look: Look) -> Select[int, int]:
    d = _document.c
    return select(d.period, func.count()).where(look.opened(d.module, d.period)).group_by(d.period)


def _vouchers(look: Look) -> Select[int, int]:
    v = _voucher.c
    return select(v.period, func.count()).where(look.within(Module.GL, v.period)).group_by(v.period)


def _settlements(look: Look) -> Select[int, int]:
    d, r = _document.c, _reference.c
    return (
        select(d.period, func.count())
        .join_from(_reference, _document, d.number == r.by)
        .where(r.kind == "settlement", look.opened(d.module, d.period))
        .group_by(d.period)
    )
