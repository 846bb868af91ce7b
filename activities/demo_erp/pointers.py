"""The current period of every module: reading it, the order it may move in, and moving it."""

from dataclasses import dataclass

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update

from activities.demo_erp import dialect, tables
from activities.demo_erp.asked import FIRST, MODULE
from activities.demo_erp.ledger import Book
from workflows.domain.errors import BeforeStartPeriod, OutOfOrder, PeriodLocked, UnknownModule
from workflows.domain.ledger import CloseState, Module, ModuleGraph, ModuleState, Verb
from workflows.domain.period import Period

_state = tables.module_state


@dataclass(frozen=True)
class Pointer:
    """One module's row: from `start` to the period before `current` it is closed."""

    module: Module
    start: int
    current: int


def read_pointers(db: Connection) -> dict[Module, Pointer]:
    """All pointers, in the order of configuration."""
    return {
        Module(module): Pointer(Module(module), start, current)
        for module, start, current in db.execute(_POINTERS)
    }


_POINTERS = select(_state.c.module, _state.c.start, _state.c.current).order_by(_state.c.position)


def current_of(db: Connection, module: Module) -> int:
    """Raises UnknownModule if the ledger has no such module."""
    return _known(read_pointers(db), module).current


def _known(pointers: dict[Module, Pointer], module: Module) -> Pointer:
    if module not in pointers:
        raise UnknownModule(module, tuple(pointers))
    return pointers[module]


def read_close_state(db: Connection, book: Book) -> CloseState:
    """Start, current and locked periods of every module; the revision counts all movements ever made."""
    locked: dict[str, list[Period]] = {}
    for module, period in db.execute(_LOCKS):
        locked.setdefault(module, []).append(book.period(period))
    rows = db.execute(_STATES).all()
    states = tuple(
        ModuleState(
            Module(row.module),
            book.period(row.start),
            book.period(row.current),
            tuple(locked.get(row.module, ())),
        )
        for row in rows
    )
    return CloseState(states, revision=str(sum(row.moves for row in rows)))


_locks = tables.module_lock.c
_LOCKS = select(_locks.module, _locks.period).order_by(_locks.period)
_STATES = select(_state).order_by(_state.c.position)


def require_order(db: Connection, book: Book, verb: Verb, module: Module, period: int) -> None:
    """The ledger's own rules for one movement.

    Raises:
        UnknownModule, OutOfOrder, BeforeStartPeriod, PeriodLocked: what forbids it.
    """
    pointers = read_pointers(db)
    _known(pointers, module)
    if verb == Verb.UNCLOSE:
        _require_may_unclose(db, book, pointers, module, period)
    else:
        _require_may_close(db, book, pointers, module, period)


def _require_may_unclose(
    db: Connection, book: Book, pointers: dict[Module, Pointer], module: Module, period: int
) -> None:
    mine = pointers[module]
    if period < mine.start:
        raise BeforeStartPeriod(module, book.text(period), book.text(mine.start))
    if period != mine.current - 1:
        newest = book.text(mine.current - 1)
        raise OutOfOrder(Verb.UNCLOSE, module, book.text(period), f"the newest closed period is {newest}")
    if db.scalar(_LOCK_FROM, {"its_module": module, "first": period}) is not None:
        raise PeriodLocked(module, book.text(period))
    for later in _neighbours(db, _LATER, module):
        if pointers[later].start <= period < pointers[later].current:
            reason = f"{later} closes after {module} and still has it closed"
            raise OutOfOrder(Verb.UNCLOSE, module, book.text(period), reason)


def _require_may_close(
    db: Connection, book: Book, pointers: dict[Module, Pointer], module: Module, period: int
) -> None:
    current = pointers[module].current
    if period != current:
        reason = f"the current period is {book.text(current)}"
        raise OutOfOrder(Verb.RECLOSE, module, book.text(period), reason)
    for earlier in _neighbours(db, _EARLIER, module):
        if max(pointers[earlier].start, pointers[earlier].current) <= period:
            reason = f"{earlier} closes before {module} and still has it open"
            raise OutOfOrder(Verb.RECLOSE, module, book.text(period), reason)


def _neighbours(db: Connection, which: Select[str], module: Module) -> list[Module]:
    return [Module(name) for name in db.scalars(which, {"its_module": module})]


_edge = tables.module_edge.c
_LOCK_FROM = select(_locks.period).where(_locks.module == MODULE, _locks.period >= FIRST).limit(1)
_LATER = select(_edge.later).where(_edge.earlier == MODULE).order_by(_edge.later)
_EARLIER = select(_edge.earlier).where(_edge.later == MODULE).order_by(_edge.earlier)


def move(db: Connection, module: Module, target: int, fence: int) -> None:
    """Set one pointer; the database refuses what the rules forbid."""
    db.execute(_MOVE, {"its_module": module, "target": target, "under": fence})


_MOVE = (
    update(_state)
    .where(_state.c.module == MODULE)
    .values(current=bindparam("target"), moves=_state.c.moves + 1, fence=bindparam("under"))
)


def another(db: Connection, not_this: Module) -> tuple[Module, int]:
    """Some other module, and its current period."""
    wanted = select(_state.c.module, _state.c.current).where(_state.c.module != not_this)
    other = db.execute(wanted.order_by(_state.c.position).limit(1)).one()
    return Module(other.module), other.current


def shove(db: Connection, verb: Verb, module: Module, current: int) -> None:
    """Move a pointer past all rules: what a wrong click or a hand in the database does."""
    fence = db.execute(select(_state.c.fence).where(_state.c.module == module)).scalar_one()
    with dialect.without_rules(db, _state.name):
        move(db, module, current - 1 if verb == Verb.UNCLOSE else current + 1, fence)


def lock(db: Connection, period: int, modules: tuple[Module, ...], person: str) -> None:
    """Forbid un-closing a period, in all modules unless some are named."""
    unlock(db, period, modules)
    chosen = modules or tuple(read_pointers(db))
    rows = [{"module": module, "period": period, "person": person} for module in chosen]
    db.execute(insert(tables.module_lock), rows)


def unlock(db: Connection, period: int, modules: tuple[Module, ...]) -> None:
    """Lift the lock of a period."""
    row = tables.module_lock.c
    lifted = delete(tables.module_lock).where(row.period == period)
    db.execute(lifted.where(row.module.in_(modules)) if modules else lifted)


def create(db: Connection, graph: ModuleGraph, start: int) -> None:
    """Give a new ledger its modules, their order, and nothing closed yet."""
    rows = [
        {"module": module, "position": n, "start": start, "current": start, "moves": 0, "fence": 0}
        for n, module in enumerate(graph.modules)
    ]
    db.execute(insert(_state), rows)
    # With the pairs that follow from others, each rule is one look at one table.
    edges = [
        {"earlier": module, "later": later}
        for module in graph.modules
        for later in sorted(graph.closing_after((module,)) - {module})
    ]
    if edges:
        db.execute(insert(tables.module_edge), edges)
