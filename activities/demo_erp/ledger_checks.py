"""Checks on the books: vouchers that would come loose, and whether stock, accounts and balances agree."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from sqlalchemy import Select, case, func, literal, select, union_all

from activities.demo_erp import tables
from activities.demo_erp.evidence import STOCK_CURRENT, Look, Question, last_of, opened, within
from activities.demo_erp.kinds import INVENTORY_ACCOUNT, KINDS, Effect
from workflows.domain.findings import EvidenceRow, Finding, FindingCode
from workflows.domain.ledger import Module

_document, _line, _reference = tables.document, tables.document_line, tables.document_reference
_voucher, _entry = tables.voucher, tables.voucher_entry
_stock, _gl = tables.inventory_balance, tables.gl_balance
_d, _l, _r, _v, _e = _document.c, _line.c, _reference.c, _voucher.c, _entry.c
_s, _g = _stock.c, _gl.c

Query: TypeAlias = Select[*tuple[Any, ...]]

MADE_FROM_BILLS = (Module.COST, Module.RECEIVABLE, Module.PAYABLE)
"""Modules whose closing writes vouchers."""

_INVENTORY = literal(Module.INVENTORY.value).label("module")
_GL = literal(Module.GL.value).label("module")


def _posted_vouchers(ledger_opened: bool) -> Query:
    """Posted vouchers made from bills of opened periods; worse where the ledger stays closed (R67, R68)."""
    query = select(_GL, _v.period, _v.number.label("what"), _v.source, _v.kind).where(
        _v.posted == 1, _v.source.in_(MADE_FROM_BILLS), opened(_v.source, _v.period)
    )
    in_ledger = within(Module.GL, _v.period)
    return query.where(in_ledger if ledger_opened else ~in_ledger)


def _negative_at_closing() -> Query:
    """Items of which less than nothing was left when the period was closed."""
    query = select(
        _INVENTORY, _s.period, (_s.warehouse + " " + _s.item).label("what"), _s.close_qty, _s.close_amount
    )
    return query.where(_s.close_qty < 0, within(Module.INVENTORY, _s.period))


def _negative_now() -> Query:
    """The same for periods open now: the newest closing, and what has moved since."""
    last = last_of(Module.INVENTORY)
    since = (_d.module == Module.INVENTORY, _d.period.between(STOCK_CURRENT, last))
    before = select(_s.warehouse, _s.item, _s.close_qty.label("qty")).where(_s.period == STOCK_CURRENT - 1)
    came_in = [kind.name for kind in KINDS if kind.effect in (Effect.IN_AT_PRICE, Effect.IN_AT_COST)]
    signed = case((_d.kind.in_(came_in), _l.qty), else_=-_l.qty)
    moved = (
        select(_d.warehouse, _l.item, signed)
        .join_from(_document, _line, _l.document == _d.number)
        .where(*since)
    )
    arrived = (
        select(_d.to_warehouse, _l.item, _l.qty)
        .join_from(_document, _line, _l.document == _d.number)
        .where(*since, _d.to_warehouse.is_not(None))
    )
    all_of_it = union_all(before, moved, arrived).subquery().c
    left = func.sum(all_of_it.qty)
    return (
        select(
            _INVENTORY,
            last.label("period"),
            (all_of_it.warehouse + " " + all_of_it.item).label("what"),
            left.label("close_qty"),
        )
        .where(last >= STOCK_CURRENT)
        .group_by(all_of_it.warehouse, all_of_it.item)
        .having(left < 0)
    )


def _stock_ledger_difference() -> Query:
    """Closed periods whose stock value is not what the inventory account says (R27, trap T9)."""
    value = (
        select(_s.period, func.sum(_s.close_amount).label("stock_amount"))
        .where(within(Module.INVENTORY, _s.period))
        .group_by(_s.period)
        .subquery()
        .c
    )
    return select(
        _GL,
        value.period,
        literal(INVENTORY_ACCOUNT).label("what"),
        value.stock_amount,
        _g.close_amount.label("account_amount"),
    ).where(_g.period == value.period, _g.account == INVENTORY_ACCOUNT, _g.close_amount != value.stock_amount)


def _trial_balance_open() -> Query:
    """Periods whose accounts, or vouchers, do not add up to zero (R27, trap T9)."""
    accounts = (
        select(_GL, _g.period, literal("所有科目").label("what"), func.sum(_g.close_amount).label("amount"))
        .where(within(Module.GL, _g.period))
        .group_by(_g.period)
        .having(func.sum(_g.close_amount) != 0)
    )
    difference = func.sum(_e.debit - _e.credit)
    vouchers = (
        select(_GL, _v.period, _v.number.label("what"), difference.label("amount"))
        .join_from(_voucher, _entry, _e.voucher == _v.number)
        .where(within(Module.GL, _v.period))
        .group_by(_v.period, _v.number)
        .having(difference != 0)
    )
    return select(union_all(accounts, vouchers).subquery())


QUESTIONS = (
    Question(FindingCode.POSTED_VOUCHERS, _posted_vouchers(ledger_opened=True)),
    Question(FindingCode.POSTED_VOUCHERS_GL_CLOSED, _posted_vouchers(ledger_opened=False)),
    Question(FindingCode.NEGATIVE_STOCK, _negative_at_closing()),
    Question(FindingCode.NEGATIVE_STOCK, _negative_now()),
    Question(FindingCode.STOCK_LEDGER_DIFFERENCE, _stock_ledger_difference()),
    Question(FindingCode.TRIAL_BALANCE_OPEN, _trial_balance_open()),
)


# --------------------------------------------------------------------------- how much is touched


def blast_radius(look: Look) -> Iterator[Finding]:
    """What the opening touches, counted period by period (R63)."""
    counts = [_counted(look, query) for query in _TOUCHED]
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
    return dict(look.db.execute(query, look.values).all())


_TOUCHED = (
    select(_d.period, func.count()).where(opened(_d.module, _d.period)).group_by(_d.period),
    select(_v.period, func.count()).where(within(Module.GL, _v.period)).group_by(_v.period),
    select(_d.period, func.count())
    .join_from(_reference, _document, _d.number == _r.by)
    .where(_r.kind == "settlement", opened(_d.module, _d.period))
    .group_by(_d.period),
)
"""Documents, vouchers and settlements by period."""
