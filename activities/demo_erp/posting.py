"""Vouchers and the general ledger: writing them, posting them, carrying profit forward, account balances."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, func, insert, select, update

from activities.demo_erp import running, tables
from activities.demo_erp.kinds import INVENTORY_ACCOUNT, KINDS, PROFIT_ACCOUNT, PROFIT_AND_LOSS_FROM
from activities.demo_erp.ledger import Book
from workflows.domain.ledger import Module

MANUAL = "manual"
CARRY_FORWARD = "carry_forward"

_voucher, _entry, _balance = tables.voucher, tables.voucher_entry, tables.gl_balance

Entry = tuple[str, int, int]
"""Account, debit, credit."""


def write_vouchers(
    db: Connection, book: Book, period: int, source: Module, totals: Mapping[str, int]
) -> None:
    """One voucher per kind of document. Its number says what it is of, so closing again makes the same."""
    for kind in KINDS:
        amount = totals.get(kind.name, 0)
        if amount:
            entries = [(kind.debit, amount, 0), (kind.credit, 0, amount)]
            number = f"V-{book.text(period)}-{kind.prefix}"
            write_voucher(db, number, period, source, kind.name, entries, kind.title)


def write_voucher(
    db: Connection, number: str, period: int, source: str, kind: str, entries: list[Entry], note: str
) -> None:
    voucher = {"number": number, "period": period, "source": source, "kind": kind, "posted": 0, "note": note}
    db.execute(insert(_voucher), [voucher])
    rows = [
        {"voucher": number, "n": n, "account": account, "debit": debit, "credit": credit}
        for n, (account, debit, credit) in enumerate(entries, start=1)
    ]
    db.execute(insert(_entry), rows)


def withdraw_vouchers(db: Connection, period: int, source: Module) -> None:
    """Take back what the closing of this module wrote, and what that of the general ledger posted."""
    mine = (_voucher.c.period == period) & (_voucher.c.source == source)
    db.execute(delete(_entry).where(_entry.c.voucher.in_(select(_voucher.c.number).where(mine))))
    db.execute(delete(_voucher).where(mine))
    if source == Module.GL:
        db.execute(update(_voucher).where(_voucher.c.period == period).values(posted=0))


def compute(db: Connection, book: Book, period: int) -> None:
    """Carry profit and loss forward, post every voucher of the period, write the account balances."""
    _carry_forward(db, book, period)
    db.execute(update(_voucher).where(_voucher.c.period == period).values(posted=1))
    running.roll_forward(db, _balance, period, movements(db, period, period))


def movements(db: Connection, first: int, last: int) -> dict[str, running.Movement]:
    """Debits and credits of each account over some periods, from the vouchers themselves."""
    query = (
        select(_entry.c.account, func.sum(_entry.c.debit), func.sum(_entry.c.credit))
        .join_from(_voucher, _entry, _entry.c.voucher == _voucher.c.number)
        .where(_voucher.c.period.between(first, last))
        .group_by(_entry.c.account)
    )
    return {account: (int(debit), int(credit)) for account, debit, credit in db.execute(query)}


def unbalanced_vouchers(db: Connection, period: int) -> tuple[str, ...]:
    """Vouchers whose debits are not their credits."""
    query = (
        select(_voucher.c.number)
        .join_from(_voucher, _entry, _entry.c.voucher == _voucher.c.number)
        .where(_voucher.c.period == period)
        .group_by(_voucher.c.number)
        .having(func.sum(_entry.c.debit) != func.sum(_entry.c.credit))
        .order_by(_voucher.c.number)
    )
    return tuple(db.scalars(query))


def account_amount(db: Connection, account: str, period: int) -> int:
    """What an account stood at when the period was closed; if it is open, what its vouchers make of it."""
    closed = select(func.max(_balance.c.period)).where(_balance.c.period <= period)
    newest = db.scalar(closed)
    if newest is None:
        newest, amount = 0, 0
    else:
        amount = running.closings(db, _balance, newest).get(account, 0)
    debit, credit = movements(db, newest + 1, period).get(account, (0, 0))
    return amount + debit - credit


def stock_account(db: Connection, period: int) -> int:
    return account_amount(db, INVENTORY_ACCOUNT, period)


def _carry_forward(db: Connection, book: Book, period: int) -> None:
    """结转损益: what revenue and expense accounts gathered goes to profit, so they start the next at zero."""
    gathered = {
        account: debit - credit
        for account, (debit, credit) in sorted(movements(db, period, period).items())
        if account >= PROFIT_AND_LOSS_FROM and debit != credit
    }
    if gathered:
        entries = [_against(account, amount) for account, amount in gathered.items()]
        entries.append(_against(PROFIT_ACCOUNT, -sum(gathered.values())))
        number = f"V-{book.text(period)}-PL"
        write_voucher(db, number, period, Module.GL, CARRY_FORWARD, entries, "结转本期损益")


def _against(account: str, amount: int) -> Entry:
    """The entry that takes a debit amount out of an account, or a credit amount if it is negative."""
    return (account, 0, amount) if amount > 0 else (account, -amount, 0)
