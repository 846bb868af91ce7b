"""Things that go wrong on demand: each fault is a row in the ledger, set by setting and gone when used up."""

import os
import time
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from activities.demo_erp import tables
from activities.demo_erp.ledger import Book, DemoLedger
from workflows.domain.errors import GateNotPassed, LedgerRefused
from workflows.domain.ledger import Module
from workflows.domain.period import Period


class Fault(StrEnum):
    """What can go wrong. An act is the movement of one pointer; the text tells how the value is read."""

    SESSION_WILL_NOT_LEAVE = "session_will_not_leave"
    """Person whose session cannot be ended; `1` means everybody. Until cleared."""
    SLOW = "slow"
    """Milliseconds that each act takes longer. Until cleared."""
    CRASH_AFTER_ACT = "crash_after_act"
    """The process dies right after the commit of the n-th act. Once."""
    POINTER_MOVED_BEHIND = "pointer_moved_behind"
    """With the n-th act another module's pointer moves too. Once."""
    WRONG_CLICK = "wrong_click"
    """The n-th act moves another module's pointer instead. Once."""
    LOCKED_PERIOD = "locked_period"
    """This period is locked in every module. Until cleared."""
    REFUSE_ACT = "refuse_act"
    """The n-th act is refused; `2x3`: the second one and the next two, three times in all."""
    FAIL_CLOSE = "fail_close"
    """Closing this module does not pass the gate; `1` means any module. Until cleared."""


_ANY = "1"
_LOCKED_BY = "fault"
_CRASHED = 137


@dataclass
class Strike:
    """What goes wrong with one act."""

    refused: bool = False
    wrong_click: bool = False
    moved_behind: bool = False
    crash: bool = False

    def after(self, ledger: DemoLedger) -> None:
        """Die or refuse, once the act's transaction has ended.

        Raises:
            LedgerRefused: as the fault demands.
        """
        if self.crash:
            os._exit(_CRASHED)
        if self.refused:
            raise LedgerRefused(ledger.book.code, "fault refuse_act is set")


class Faults:
    """Sets and clears faults of one ledger."""

    def __init__(self, ledger: DemoLedger) -> None:
        self.ledger = ledger

    def set(self, name: Fault | str, value: str | int = _ANY) -> None:
        """Let it go wrong from now on; a fault already set is set anew."""
        with self.ledger.writing() as db:
            _clear(db, Fault(name))
            db.execute(insert(tables.fault), [{"name": Fault(name), "value": str(value)}])
            if name == Fault.LOCKED_PERIOD:
                _lock(db, self.ledger.book, str(value))

    def clear(self, name: Fault | str | None = None) -> None:
        """Let one fault go, or all."""
        with self.ledger.writing() as db:
            for each in Fault if name is None else (Fault(name),):
                _clear(db, each)

    def active(self) -> dict[str, str]:
        with self.ledger.reading() as db:
            return _read(db)


def _read(db: Connection) -> dict[str, str]:
    return {row.name: row.value for row in db.execute(select(tables.fault))}


def _clear(db: Connection, name: Fault) -> None:
    db.execute(delete(tables.fault).where(tables.fault.c.name == name))
    if name == Fault.LOCKED_PERIOD:
        db.execute(delete(tables.module_lock).where(tables.module_lock.c.person == _LOCKED_BY))


def _lock(db: Connection, book: Book, period: str) -> None:
    index = book.index(Period.parse(period))
    locked = set(db.scalars(select(tables.module_lock.c.module).where(tables.module_lock.c.period == index)))
    modules = set(db.scalars(select(tables.module_state.c.module))) - locked
    rows = [{"module": module, "period": index, "person": _LOCKED_BY} for module in sorted(modules)]
    if rows:
        db.execute(insert(tables.module_lock), rows)


# --------------------------------------------------------------------------- asked by the acts


def delay(ledger: DemoLedger) -> None:
    """Take as long as the fault demands, without holding up anybody else."""
    with ledger.reading() as db:
        slow = _read(db).get(Fault.SLOW)
    if slow is not None:
        time.sleep(int(slow) / 1000)


def stuck_persons(db: Connection) -> tuple[str, ...]:
    """Whose session cannot be ended."""
    person = _read(db).get(Fault.SESSION_WILL_NOT_LEAVE)
    if person != _ANY:
        return () if person is None else (person,)
    return tuple(db.scalars(select(tables.session.c.person).distinct()))


def require_close_may_pass(db: Connection, module: Module) -> None:
    """Raises GateNotPassed as the fault demands."""
    if _read(db).get(Fault.FAIL_CLOSE) in (_ANY, module):
        raise GateNotPassed((f"fault fail_close is set for {module}",))


def strike(db: Connection) -> Strike:
    """Count this act against every fault that waits for one."""
    waiting = _read(db)
    return Strike(
        refused=_due(db, waiting, Fault.REFUSE_ACT),
        wrong_click=_due(db, waiting, Fault.WRONG_CLICK),
        moved_behind=_due(db, waiting, Fault.POINTER_MOVED_BEHIND),
        crash=_due(db, waiting, Fault.CRASH_AFTER_ACT),
    )


def _due(db: Connection, waiting: dict[str, str], name: Fault) -> bool:
    if name not in waiting:
        return False
    acts, _, times = waiting[name].partition("x")
    acts_left, times_left = int(acts) - 1, int(times or "1")
    due = acts_left == 0
    if due:
        acts_left, times_left = 1, times_left - 1
    _store(db, name, f"{acts_left}x{times_left}" if times_left else None)
    return due


def _store(db: Connection, name: Fault, value: str | None) -> None:
    row = tables.fault.c.name == name
    db.execute(
        delete(tables.fault).where(row)
        if value is None
        else update(tables.fault).where(row).values(value=value)
    )
