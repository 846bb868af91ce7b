"""Making a new ledger: built beside its place and moved there whole, so that half a ledger is never seen."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import insert

from activities.demo_erp import closing, dialect, isolation, pointers, tables
from activities.demo_erp.journal import Act
from activities.demo_erp.kinds import ACCOUNTS
from activities.demo_erp.ledger import DemoLedger
from activities.demo_erp.rights import AUDIT, LOCK, UNCLOSE, WRITE
from workflows.domain.ledger import Module, ModuleGraph, Verb
from workflows.domain.period import FiscalCalendar, Period

EXECUTOR = "unclose"
"""Unclose's own user in the ledger."""

GRAPH = ModuleGraph(
    modules=(Module.INVENTORY, Module.COST, Module.RECEIVABLE, Module.PAYABLE, Module.GL),
    closes_before=(
        (Module.INVENTORY, Module.COST),
        (Module.COST, Module.GL),
        (Module.RECEIVABLE, Module.GL),
        (Module.PAYABLE, Module.GL),
    ),
)
"""Stock before its cost, and everything before the general ledger."""

RIGHTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (EXECUTOR, (UNCLOSE,)),
    ("erp-admin", (UNCLOSE,)),
    ("clerk", (WRITE,)),
    ("warehouse", (WRITE, AUDIT)),
    ("finance", (WRITE, AUDIT, LOCK)),
)

NOBODY_HOLDS_IT = {"id": 1, "fence_seen": 0, "held_fence": None, "held_until": None, "reason": ""}


@dataclass(frozen=True)
class Definition:
    """What a ledger is given at its creation and keeps."""

    code: str
    name: str
    start: Period
    graph: ModuleGraph = GRAPH
    calendar: FiscalCalendar = field(default_factory=FiscalCalendar)


@contextmanager
def building(place: Path) -> Iterator[Path]:
    """A path to build on; what is there moves to its place when all went well, and is removed if not.

    Raises:
        FileExistsError: something else has come to the place meanwhile, and stays.
    """
    unfinished = place.with_name(f".{place.name}.{os.getpid()}.unfinished")
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        unfinished.unlink(missing_ok=True)
        unfinished.touch()
        yield unfinished
        _settle(unfinished, place)
    finally:
        for left in unfinished.parent.glob(unfinished.name + "*"):
            left.unlink()


def _settle(unfinished: Path, place: Path) -> None:
    try:
        os.link(unfinished, place)
    except FileExistsError:
        raise
    except OSError:
        # Not every file system knows links; this way two builders at once are not told apart.
        unfinished.replace(place)


def create(ledger: DemoLedger, definition: Definition) -> None:
    """The tables, the rules, and an empty ledger in which nothing is closed."""
    with ledger.founding() as db:
        tables.metadata.create_all(db)
        calendar = definition.calendar
        row = {
            "code": definition.code,
            "name": definition.name,
            "periods_per_year": calendar.periods_per_year,
            "first_month": calendar.first_month,
        }
        db.execute(insert(tables.ledger), [row])
        pointers.create(db, definition.graph, calendar.index(definition.start))
        db.execute(insert(tables.holding), [NOBODY_HOLDS_IT])
        db.execute(insert(tables.account), [{"code": code, "name": name} for code, name in ACCOUNTS])
        rights = [
            {"person": person, "name": name, "until": None} for person, names in RIGHTS for name in names
        ]
        db.execute(insert(tables.entitlement), rights)
        dialect.install_rules(db)


def close_periods(
    ledger: DemoLedger,
    graph: ModuleGraph,
    periods: Iterable[Period],
    closed: Callable[[Period], None] = lambda _: None,
) -> None:
    """Close periods one by one, each module in its order, by the ledger's own rules."""
    isolation.enter_exclusive(ledger, 0, "first closings")
    for period in periods:
        index = ledger.book.index(period)
        for module in graph.close_order(graph.modules):
            key = f"creation/{period}/{module}"
            closing.perform(ledger, Act(Verb.RECLOSE, module, index, 0, key, EXECUTOR))
        closed(period)
    isolation.leave_exclusive(ledger, 0)
