"""Closing and un-closing one period of one module: balances computed or withdrawn, then the pointer moved."""

from collections.abc import Callable

from sqlalchemy import Connection, delete, insert, select

from activities.demo_erp import (
    costing,
    faults,
    isolation,
    journal,
    pointers,
    posting,
    rights,
    settling,
    soundness,
    stock,
    tables,
)
from activities.demo_erp.asked import MODULE, PERIOD
from activities.demo_erp.journal import Act
from activities.demo_erp.kinds import UNFINISHED
from activities.demo_erp.ledger import Book, DemoLedger
from workflows.domain.errors import GateNotPassed
from workflows.domain.ledger import Module, Verb

CLOSERS: dict[Module, Callable[[Connection, Book, int], None]] = {
    Module.INVENTORY: lambda db, book, period: stock.compute(db, period),
    Module.COST: costing.compute,
    Module.RECEIVABLE: lambda db, book, period: settling.compute(db, book, period, settling.RECEIVABLE),
    Module.PAYABLE: lambda db, book, period: settling.compute(db, book, period, settling.PAYABLE),
    Module.GL: posting.compute,
}
"""What closing a period of each module computes."""


def perform(ledger: DemoLedger, act: Act) -> None:
    """Do one act in one transaction; the same key again does nothing.

    Raises:
        StaleFence, NotExclusive, SessionsRemain: not alone, or not any more.
        MissingRight, UnknownModule, OutOfOrder, BeforeStartPeriod, PeriodLocked, GateNotPassed: the rules.
        LedgerRefused, LedgerUnavailable: the database's own rules, or a fault that was set.
    """
    _begin(ledger, act)
    with ledger.writing() as db:
        # Looked at again, whoever was paused meanwhile: only what holds at the commit counts.
        holding = isolation.require_fence(db, act.fence)
        if journal.has(db, ledger.book, act):
            return
        isolation.require_alone(db, ledger.book, holding, act.fence)
        rights.require(db, ledger.book, act.person, (rights.UNCLOSE,), ledger.clock())
        isolation.renew(db, act.fence, ledger.clock())
        struck = faults.strike(db)
        if not struck.refused:
            _carry_out(db, ledger, act, struck)
    struck.after(ledger)


def _begin(ledger: DemoLedger, act: Act) -> None:
    """What may happen between the beginning of an act and its commit. Holds up nobody else."""
    prelude = faults.prelude(ledger)
    if prelude.moved:
        with ledger.writing() as db:
            _move_another(db, act)
    prelude.hold_up()


def _carry_out(db: Connection, ledger: DemoLedger, act: Act, struck: faults.Strike) -> None:
    if struck.nothing_moves:
        return
    if not _go_astray(db, act, struck):
        _move(db, ledger.book, act)
    if struck.moved_behind:
        _move_another(db, act)
    journal.record(db, ledger.book, act, ledger.timestamp())


def _move(db: Connection, book: Book, act: Act) -> None:
    if act.verb == Verb.UNCLOSE:
        _unclose(db, book, act)
    else:
        _close(db, book, act)


def _go_astray(db: Connection, act: Act, struck: faults.Strike) -> bool:
    """Do something else than was asked, as a wrong click does. False if nothing of the kind is due."""
    if struck.wrong_click:
        _move_another(db, act)
    elif struck.wrong_period:
        other_way = Verb.RECLOSE if act.verb == Verb.UNCLOSE else Verb.UNCLOSE
        _shove(db, other_way, act.module)
    elif struck.two_periods:
        _shove(db, act.verb, act.module)
        _shove(db, act.verb, act.module)
    else:
        return False
    return True


def _move_another(db: Connection, act: Act) -> None:
    module, _ = pointers.another(db, not_this=act.module)
    _shove(db, act.verb, module)


def _shove(db: Connection, verb: Verb, module: Module) -> None:
    """Move a module past all rules, whole, with what belongs to its closing."""
    current = pointers.current_of(db, module)
    if verb == Verb.UNCLOSE:
        _withdraw(db, module, current - 1)
    pointers.shove(db, verb, module, current)


def _withdraw(db: Connection, module: Module, period: int) -> None:
    """Take back the balances that closing made."""
    db.execute(_WITHDRAW, {"its_module": module, "its_period": period})
    for balances in _BALANCES[module]:
        db.execute(balances, {"its_period": period})


_closing, _document = tables.closing, tables.document
_WITHDRAW = delete(_closing).where(_closing.c.module == MODULE, _closing.c.period == PERIOD)
_BALANCES = {
    module: [delete(made).where(made.c.period == PERIOD) for made in all_made]
    for module, all_made in tables.COMPUTED
}


def _unclose(db: Connection, book: Book, act: Act) -> None:
    """Take back exactly what closing made; vouchers last, for they are closed until the pointer is back."""
    pointers.require_order(db, book, act.verb, act.module, act.period)
    faults.require_data_can_be_opened(db, book, act.module, act.period)
    _withdraw(db, act.module, act.period)
    pointers.move(db, act.module, act.period, act.fence)
    posting.withdraw_vouchers(db, act.period, act.module)


def _close(db: Connection, book: Book, act: Act) -> None:
    pointers.require_order(db, book, act.verb, act.module, act.period)
    faults.require_close_may_pass(db, act.module)
    _require_finished(db, book, act)
    CLOSERS[act.module](db, book, act.period)
    if act.module == Module.GL:
        soundness.require_sound(db, book, act.period)
    db.execute(_COMPLETE, [{"module": act.module, "period": act.period}])
    pointers.move(db, act.module, act.period + 1, act.fence)


_COMPLETE = insert(_closing)


def _require_finished(db: Connection, book: Book, act: Act) -> None:
    """Raises GateNotPassed while documents of the period wait for their audit."""
    waiting = db.scalars(_UNFINISHED, {"its_module": act.module, "its_period": act.period})
    reasons = tuple(f"{number} is not audited" for number in waiting)
    if reasons:
        raise GateNotPassed(reasons)


_UNFINISHED = (
    select(_document.c.number)
    .where(
        _document.c.status.in_(UNFINISHED),
        _document.c.period == PERIOD,
        _document.c.module == MODULE,
    )
    .order_by(_document.c.number)
    .limit(20)
)
