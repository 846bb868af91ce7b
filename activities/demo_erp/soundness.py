"""What must hold in a sound ledger: stock equals its account, debits credits, openings earlier closings."""

from sqlalchemy import Connection, Select, Table, func, select

from activities.demo_erp import invariants, pointers, posting, tables
from activities.demo_erp.amounts import amount_text, decimal
from activities.demo_erp.asked import PERIOD
from activities.demo_erp.ledger import Book
from workflows.domain.corrections import Invariants
from workflows.domain.errors import GateNotPassed
from workflows.domain.ledger import Module


def read_invariants(db: Connection, book: Book) -> Invariants:
    """Stock and ledger are compared at the newest period whose stock has been booked."""
    booked = pointers.current_of(db, Module.COST) - 1
    places = invariants.broken_openings(db, book)
    broken, more = invariants.broken(db, book, places)
    return Invariants(
        stock_value=decimal(stock_value(db, booked)),
        stock_account=decimal(posting.stock_account(db, booked)),
        trial_balance=decimal(trial_balance(db)),
        broken_openings=tuple(f"{module} {book.text(period)}" for module, period in places),
        broken=broken,
        more=more,
    )


def require_sound(db: Connection, book: Book, period: int) -> None:
    """Whether a period, all computed, is fit to be closed in the general ledger.

    Raises:
        GateNotPassed: naming each condition that does not hold.
    """
    reasons = [f"voucher {number} does not balance" for number in posting.unbalanced_vouchers(db, period)]
    value, booked = stock_value(db, period), posting.stock_account(db, period)
    if value != booked:
        reasons.append(f"stock value {amount_text(value)} is not the ledger's {amount_text(booked)}")
    if reasons:
        raise GateNotPassed(tuple(reasons))


def stock_value(db: Connection, period: int) -> int:
    """What all stock was worth when the period was closed."""
    return int(db.scalar(_STOCK_VALUE, {"its_period": period}) or 0)


def trial_balance(db: Connection) -> int:
    """Debits minus credits: the newest closing of all accounts, and every voucher since."""
    newest = {"its_period": pointers.current_of(db, Module.GL) - 1}
    return int(db.scalar(_ACCOUNTS, newest) or 0) + int(db.scalar(_VOUCHERS_SINCE, newest) or 0)


def _closing_amounts(balance: Table) -> Select[int]:
    return select(func.sum(balance.c.close_amount)).where(balance.c.period == PERIOD)


_STOCK_VALUE, _ACCOUNTS = _closing_amounts(tables.inventory_balance), _closing_amounts(tables.gl_balance)
_entry, _voucher = tables.voucher_entry.c, tables.voucher.c
_VOUCHERS_SINCE = (
    select(func.sum(_entry.debit - _entry.credit))
    .join_from(tables.voucher, tables.voucher_entry, _entry.voucher == _voucher.number)
    .where(_voucher.period > PERIOD)
)
