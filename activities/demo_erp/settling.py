"""What customers owe and what suppliers are owed, and the vouchers that bring it into the ledger."""

from dataclasses import dataclass

from sqlalchemy import Connection, Table, func, select

from activities.demo_erp import posting, running, tables
from activities.demo_erp.asked import MODULE, PERIOD
from activities.demo_erp.kinds import KIND, PAYABLE_ACCOUNT, RECEIVABLE_ACCOUNT
from activities.demo_erp.ledger import Book
from workflows.domain.ledger import Module


@dataclass(frozen=True)
class Side:
    """Receivable or payable: the account that must agree with all partners together."""

    module: Module
    account: str
    balance: Table


RECEIVABLE = Side(Module.RECEIVABLE, RECEIVABLE_ACCOUNT, tables.receivable_balance)
PAYABLE = Side(Module.PAYABLE, PAYABLE_ACCOUNT, tables.payable_balance)


def compute(db: Connection, book: Book, period: int, side: Side) -> None:
    """Carry every partner's balance forward, and write one voucher for each kind of document."""
    moved: dict[str, running.Movement] = {}
    totals: dict[str, int] = {}
    for partner, kind, amount in _sums(db, period, side.module):
        debit, credit = moved.get(partner, (0, 0))
        if KIND[kind].debit == side.account:
            moved[partner] = (debit + amount, credit)
        else:
            moved[partner] = (debit, credit + amount)
        totals[kind] = totals.get(kind, 0) + amount
    running.roll_forward(db, side.balance, period, moved)
    posting.write_vouchers(db, book, period, side.module, totals)


def _sums(db: Connection, period: int, module: Module) -> list[tuple[str, str, int]]:
    rows = db.execute(_SUMS, {"its_period": period, "its_module": module})
    return [(str(partner), str(kind), int(amount)) for partner, kind, amount in rows]


_d = tables.document.c
_SUMS = (
    select(_d.partner, _d.kind, func.sum(_d.amount))
    .where(_d.period == PERIOD, _d.module == MODULE)
    .group_by(_d.partner, _d.kind)
)
