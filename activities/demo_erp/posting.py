"""Vouchers and the general ledger: writing them, posting them, carrying profit forward, account balances."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from activities.demo_erp import running, tables
from activities.demo_erp.asked import FIRST, LAST, PERIOD
from activities.demo_erp.kinds import INVENTORY_ACCOUNT, KINDS, PROFIT_ACCOUNT, PROFIT_AND_LOSS_FROM
from activities.demo_erp.ledger import Book
from workflows.domain.ledger import Module

MANUAL = "manual"
CARRY_FORWARD = "carry_forward"

_voucher, _entry, _balance = tables.voucher, tables.voucher_entry, tables.gl_balance

Entry = tuple[str, int, int]
"""Account, debit, credit."""


@dataclass(frozen=True)
class Voucher:
    """A voucher to be written."""

    number: str
    period: int
    source: str
    kind: str
    entries: Sequence[Entry]
    note: str


def write_vouchers(
    db: Connection, book: Book, period: int, source: Module, totals: Mapping[str, int]
) -> None:
    """One voucher per kind of document. Its number says what it is of, so closing again makes the same."""
    write(db, list(_of_totals(book, period, source, totals)))


def _of_totals(book: Book, period: int, source: Module, totals: Mapping[str, int]) -> Iterator[Voucher]:
    for kind in KINDS:
        amount = totals.get(kind.name, 0)
        if amount:
            entries = [(kind.debit, amount, 0), (kind.credit, 0, amount)]
            number = f"V-{book.text(period)}-{kind.prefix}"
            yield Voucher(number, period, source, kind.name, entries, kind.title)


def write(db: Connection, vouchers: Sequence[Voucher]) -> None:
    """Write vouchers, not posted yet, with their entries."""
    if not vouchers:
        return
    heads = [
        {
            "number": v.number,
            "period": v.period,
            "source": v.source,
            "kind": v.kind,
            "posted": 0,
            "note": v.note,
        }
        for v in vouchers
    ]
    rows = [
        {"voucher": v.number, "n": n, "account": account, "debit": debit, "credit": credit}
        for v in vouchers
        for n, (account, debit, credit) in enumerate(v.entries, start=1)
    ]
    db.execute(_INSERT, heads)
    db.execute(_INSERT_ENTRIES, rows)


_INSERT, _INSERT_ENTRIES = insert(_voucher), insert(_entry)


def withdraw_vouchers(db: Connection, period: int, source: Module) -> None:
    """Take back what the closing of this module wrote, and what that of the general ledger posted."""
    mine = {"its_period": period, "its_source": source}
    db.execute(_DELETE_ENTRIES, mine)
    db.execute(_DELETE, mine)
    if source == Module.GL:
        db.execute(_POST, {"its_period": period, "is_posted": 0})


_MINE = (_voucher.c.period == PERIOD) & (_voucher.c.source == bindparam("its_source"))
_DELETE_ENTRIES = delete(_entry).where(_entry.c.voucher.in_(select(_voucher.c.number).where(_MINE)))
_DELETE = delete(_voucher).where(_MINE)
_POST = update(_voucher).where(_voucher.c.period == PERIOD).values(posted=bindparam("is_posted"))


def compute(db: Connection, book: Book, period: int) -> None:
    """Carry profit and loss forward, post every voucher of the period, write the account balances."""
    _carry_forward(db, book, period)
    db.execute(_POST, {"its_period": period, "is_posted": 1})
    running.roll_forward(db, _balance, period, movements(db, period, period))


def movements(db: Connection, first: int, last: int) -> dict[str, running.Movement]:
    """Debits and credits of each account over some periods, from the vouchers themselves."""
    rows = db.execute(_MOVEMENTS, {"first": first, "last": last})
    return {account: (int(debit), int(credit)) for account, debit, credit in rows}


_MOVEMENTS = (
    select(_entry.c.account, func.sum(_entry.c.debit), func.sum(_entry.c.credit))
    .join_from(_voucher, _entry, _entry.c.voucher == _voucher.c.number)
    .where(_voucher.c.period.between(FIRST, LAST))
    .group_by(_entry.c.account)
)


def unbalanced_vouchers(db: Connection, period: int) -> tuple[str, ...]:
    """Vouchers whose debits are not their credits."""
    return tuple(db.scalars(_UNBALANCED, {"its_period": period}))


_UNBALANCED = (
    select(_voucher.c.number)
    .join_from(_voucher, _entry, _entry.c.voucher == _voucher.c.number)
    .where(_voucher.c.period == PERIOD)
    .group_by(_voucher.c.number)
    .having(func.sum(_entry.c.debit) != func.sum(_entry.c.credit))
    .order_by(_voucher.c.number)
)


def account_amount(db: Connection, account: str, period: int) -> int:
    """What an account stood at when the period was closed; if it is open, what its vouchers make of it."""
    newest = db.scalar(_NEWEST, {"its_period": period})
    if newest is None:
        newest, amount = 0, 0
    else:
        amount = running.closings(db, _balance, newest).get(account, 0)
    debit, credit = movements(db, newest + 1, period).get(account, (0, 0))
    return amount + debit - credit


_NEWEST = select(func.max(_balance.c.period)).where(_balance.c.period <= PERIOD)


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
        write(db, [Voucher(number, period, Module.GL, CARRY_FORWARD, entries, "结转本期损益")])


def _against(account: str, amount: int) -> Entry:
    """The entry that takes a debit amount out of an account, or a credit amount if it is negative."""
    return (account, 0, amount) if amount > 0 else (account, -amount, 0)
