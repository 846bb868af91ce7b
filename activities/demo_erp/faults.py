"""Things that go wrong on demand: each fault is a row in the ledger, set by setting and gone when used up."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from activities.demo_erp import tables
from activities.demo_erp.ledger import Book, DemoLedger
from workflows.domain.errors import GateNotPassed, LedgerRefused, LedgerUnavailable, UncloseError
from workflows.domain.ledger import Module
from workflows.domain.period import Period


class Fault(StrEnum):
    """What can go wrong. An act is the movement of one pointer; the text tells how the value is read."""

    SESSION_WILL_NOT_LEAVE = "session_will_not_leave"
    """Person whose session cannot be ended; `1` means everybody. Until cleared."""
    SLOW = "slow"
    """Milliseconds that each act takes longer. Until cleared."""
    PAUSE_BEFORE_COMMIT = "pause_before_commit"
    """The process stops in the middle of the n-th act, and goes on when it is sent SIGCONT. Once."""
    CRASH_AFTER_ACT = "crash_after_act"
    """The process dies right after the commit of the n-th act. Once."""
    ANSWER_LOST = "answer_lost"
    """The n-th act is done, and the connection breaks before its answer comes. Once."""
    POINTER_MOVED_BEHIND = "pointer_moved_behind"
    """With the n-th act another module's pointer moves too: two move. Once."""
    POINTER_MOVED_BETWEEN = "pointer_moved_between"
    """After the act before the n-th, and before that one, another module's pointer moves. Once."""
    WRONG_CLICK = "wrong_click"
    """The n-th act moves another module's pointer instead. Once."""
    WRONG_PERIOD = "wrong_period"
    """The n-th act moves the pointer by one, the other way. Once."""
    TWO_PERIODS = "two_periods"
    """The n-th act moves the pointer by two. Once."""
    NOTHING_MOVES = "nothing_moves"
    """The n-th act is taken without a word, and nothing has happened. Once."""
    LOCKED_PERIOD = "locked_period"
    """This period is locked in every module. Until cleared."""
    REFUSE_ACT = "refuse_act"
    """The n-th act is refused; `2x3`: the second one and the next two, three times in all."""
    FAIL_CLOSE = "fail_close"
    """Closing this module does not pass the gate; `1` means any module. Until cleared."""
    UNCLOSE_FAILS_ON_DATA = "unclose_fails_on_data"
    """The data of this place, `cost 2025-04`, are such that it cannot be un-closed, which no check sees.

    A module alone means any period of it, `1` any place. It lies in the data, so every copy has it. Until
    cleared.
    """
    GRANT_NOT_MADE = "grant_not_made"
    """Rights given to this person are not given, without a word; `1` means anybody. Until cleared."""
    REVOKE_NOT_MADE = "revoke_not_made"
    """Rights taken from this person stay, without a word; `1` means anybody. Until cleared."""


IN_THE_DATA = frozenset({Fault.LOCKED_PERIOD, Fault.FAIL_CLOSE, Fault.UNCLOSE_FAILS_ON_DATA})
"""Faults of the data, which every copy of the ledger has too. The others are accidents of one machine."""

_ANY = "1"
_LOCKED_BY = "fault"
_CRASHED = 137


@dataclass
class Strike:
    """What goes wrong with one act."""

    refused: bool = False
    wrong_click: bool = False
    wrong_period: bool = False
    two_periods: bool = False
    nothing_moves: bool = False
    moved_behind: bool = False
    answer_lost: bool = False
    crash: bool = False

    def after(self, ledger: DemoLedger) -> None:
        """Die or refuse, once the act's transaction has ended.

        Raises:
            LedgerRefused, LedgerUnavailable: as the fault demands.
        """
        if self.crash:
            os._exit(_CRASHED)
        if self.answer_lost:
            raise LedgerUnavailable(ledger.book.code, "the connection broke before the answer came")
        if self.refused:
            raise LedgerRefused(ledger.book.code, "fault refuse_act is set")


@dataclass
class Prelude:
    """What goes wrong between the look of an act and its commit."""

    moved: bool = False
    pause: bool = False
    slow_milliseconds: int = 0

    def hold_up(self) -> None:
        """Take as long as the fault demands, without holding up anybody else."""
        if self.pause:
            os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(self.slow_milliseconds / 1000)


class Faults:
    """Sets and clears faults of one ledger."""

    def __init__(self, ledger: DemoLedger) -> None:
        self.ledger = ledger

    def set(self, name: Fault | str, value: str | int = _ANY) -> None:
        """Let it go wrong from now on; a fault already set is set anew.

        Raises:
            LedgerRefused: the fault cannot be read out of this value.
        """
        fault, text = Fault(name), str(value)
        self._require_readable(fault, text)
        with self.ledger.writing() as db:
            _clear(db, fault)
            db.execute(insert(tables.fault), [{"name": fault, "value": text}])
            if fault == Fault.LOCKED_PERIOD:
                _lock(db, self.ledger.book, text)

    def clear(self, name: Fault | str | None = None) -> None:
        """Let one fault go, or all."""
        with self.ledger.writing() as db:
            for each in Fault if name is None else (Fault(name),):
                _clear(db, each)

    def active(self) -> dict[str, str]:
        with self.ledger.reading() as db:
            return _read(db)

    def _require_readable(self, fault: Fault, value: str) -> None:
        try:
            _READ.get(fault, str)(value)
        except (ValueError, UncloseError) as error:
            reason = f"fault {fault} cannot be read out of {value!r}"
            raise LedgerRefused(self.ledger.book.code, reason) from error


def forget_accidents(copy: str) -> None:
    """Leave in a copy only what lies in its data: an accident of one machine does not travel with them."""
    with DemoLedger(copy) as ledger, ledger.founding() as db:
        db.execute(delete(tables.fault).where(tables.fault.c.name.not_in(sorted(IN_THE_DATA))))


def _read(db: Connection) -> dict[str, str]:
    return {row.name: row.value for row in db.execute(_WAITING)}


_WAITING = select(tables.fault)


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


# --------------------------------------------------------------------------- how values are read


def _counted(value: str) -> tuple[int, int]:
    """How many acts until it happens, and how often it does: `2`, `2x3`."""
    acts, _, times = value.partition("x")
    read = int(acts), int(times or "1")
    if min(read) < 1:
        raise ValueError(value)
    return read


def _milliseconds(value: str) -> int:
    if int(value) < 0:
        raise ValueError(value)
    return int(value)


def _module(value: str) -> Module | None:
    return None if value == _ANY else Module(value)


def _place(value: str) -> tuple[Module | None, Period | None]:
    module, _, period = value.partition(" ")
    return _module(module), Period.parse(period) if period else None


_AT_AN_ACT = (
    Fault.PAUSE_BEFORE_COMMIT,
    Fault.CRASH_AFTER_ACT,
    Fault.ANSWER_LOST,
    Fault.POINTER_MOVED_BEHIND,
    Fault.POINTER_MOVED_BETWEEN,
    Fault.WRONG_CLICK,
    Fault.WRONG_PERIOD,
    Fault.TWO_PERIODS,
    Fault.NOTHING_MOVES,
    Fault.REFUSE_ACT,
)

_READ: dict[Fault, Callable[[str], object]] = {
    **dict.fromkeys(_AT_AN_ACT, _counted),
    Fault.SLOW: _milliseconds,
    Fault.LOCKED_PERIOD: Period.parse,
    Fault.FAIL_CLOSE: _module,
    Fault.UNCLOSE_FAILS_ON_DATA: _place,
}


# --------------------------------------------------------------------------- asked by the acts


def stuck_persons(db: Connection) -> tuple[str, ...]:
    """Whose session cannot be ended."""
    inside = tuple(db.scalars(select(tables.session.c.person).distinct()))
    return passed_over(db, Fault.SESSION_WILL_NOT_LEAVE, inside)


def passed_over(db: Connection, name: Fault, persons: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the persons for whom the fault makes nothing happen."""
    who = _read(db).get(name)
    return tuple(person for person in persons if who in (_ANY, person))


def require_close_may_pass(db: Connection, module: Module) -> None:
    """Raises GateNotPassed as the fault demands."""
    if _read(db).get(Fault.FAIL_CLOSE) in (_ANY, module):
        raise GateNotPassed((f"fault fail_close is set for {module}",))


def require_data_can_be_opened(db: Connection, book: Book, module: Module, period: int) -> None:
    """Raises LedgerRefused as the fault demands."""
    value = _read(db).get(Fault.UNCLOSE_FAILS_ON_DATA)
    if value is None:
        return
    its_module, its_period = _place(value)
    if its_module in (None, module) and its_period in (None, book.period(period)):
        reason = f"the balances of {module} {book.text(period)} refer to a batch that does not exist"
        raise LedgerRefused(book.code, reason)


def prelude(ledger: DemoLedger) -> Prelude:
    """Count this act against what goes wrong before its commit; most often there is nothing to count."""
    with ledger.reading() as db:
        waiting = _read(db)
    slow = _milliseconds(waiting.get(Fault.SLOW, "0"))
    if not waiting.keys() & {Fault.PAUSE_BEFORE_COMMIT, Fault.POINTER_MOVED_BETWEEN}:
        return Prelude(slow_milliseconds=slow)
    with ledger.writing() as db:
        waiting = _read(db)
        return Prelude(
            moved=_due(db, waiting, Fault.POINTER_MOVED_BETWEEN),
            pause=_due(db, waiting, Fault.PAUSE_BEFORE_COMMIT),
            slow_milliseconds=slow,
        )


def strike(db: Connection) -> Strike:
    """Count this act against every fault that waits for one."""
    waiting = _read(db)
    return Strike(
        refused=_due(db, waiting, Fault.REFUSE_ACT),
        wrong_click=_due(db, waiting, Fault.WRONG_CLICK),
        wrong_period=_due(db, waiting, Fault.WRONG_PERIOD),
        two_periods=_due(db, waiting, Fault.TWO_PERIODS),
        nothing_moves=_due(db, waiting, Fault.NOTHING_MOVES),
        moved_behind=_due(db, waiting, Fault.POINTER_MOVED_BEHIND),
        answer_lost=_due(db, waiting, Fault.ANSWER_LOST),
        crash=_due(db, waiting, Fault.CRASH_AFTER_ACT),
    )


def _due(db: Connection, waiting: dict[str, str], name: Fault) -> bool:
    if name not in waiting:
        return False
    acts, times = _counted(waiting[name])
    acts_left, times_left = acts - 1, times
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
