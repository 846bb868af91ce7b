"""Copies of a demo ledger: by which database, what makes one fit to act upon, and putting one in place."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select, update

from activities.demo_erp import faults, isolation, tables
from activities.demo_erp.creation import EXECUTOR
from activities.demo_erp.ledger import DemoLedger
from activities.engines.copies import Copies, Query
from activities.engines.postgresql import PostgreSQLCopies, PostgreSQLTools
from activities.engines.sqlite import SQLiteCopies
from activities.erp.connector import Hold
from workflows.domain.errors import NotExclusive, StaleFence

_STATE = (
    "SELECT fence_seen, held_fence, (SELECT count(*) FROM named_person), (SELECT code FROM ledger)"
    " FROM holding"
)


def of(place: str, tools: PostgreSQLTools) -> Copies:
    """The means of the database that the ledger lies in."""
    return PostgreSQLCopies(place, tools) if "://" in place else SQLiteCopies(Path(place))


def free(place: str) -> None:
    """Nobody is in a copy, nobody holds it, and no fault that was set in the original goes off in it."""
    faults.forget_accidents(place)
    with DemoLedger(place) as ledger, ledger.writing() as db:
        for table in (tables.session, tables.notice, tables.named_person):
            db.execute(delete(table))
        db.execute(update(tables.holding).values(held_fence=None, held_until=None, reason=""))


def put_in_place(live: str, scratch: str, copies: Copies, hold: Hold) -> str:
    """Replace the live ledger by a scratch one; fence, holding and journal of the live one survive.

    Raises:
        StaleFence, NotExclusive: the ledger is not held by this fence alone.
    """
    beside = f"replaced-{hold.key.replace('/', '-')}-{hold.fence}"
    with DemoLedger(live) as ledger, ledger.reading() as db:
        if _is_done(db, hold.key):
            return beside
        _require_mine(ledger.book.code, hold.fence, isolation.read_holding(db))
        acts = select(*(column for column in tables.journal.c if column.name != "id"))
        remembered = [row._asdict() for row in db.execute(acts.order_by(tables.journal.c.id))]
    faults.forget_accidents(scratch)
    with DemoLedger(scratch) as ledger, ledger.writing() as db:
        _carry_over(db, remembered, hold, ledger.clock())
    copies.put_in_place(scratch, beside, _asking(hold.fence))
    return beside


def _is_done(db: Connection, key: str) -> bool:
    return db.scalar(select(tables.journal.c.id).where(tables.journal.c.key == key)) is not None


def _carry_over(db: Connection, remembered: list[dict[str, object]], hold: Hold, now: datetime) -> None:
    """Nobody may act under a fence that was refused before, and no act on record is done again."""
    known = set(db.scalars(select(tables.journal.c.key)))
    restored = {
        "key": hold.key,
        "act": f"restore {hold.reason}",
        "module": "",
        "period": 0,
        "fence": hold.fence,
        "person": EXECUTOR,
        "at": now.isoformat(),
    }
    for row in (*(row for row in remembered if row["key"] not in known), restored):
        db.execute(insert(tables.journal), [row])
    for table in (tables.session, tables.notice, tables.named_person):
        db.execute(delete(table))
    kept = {"fence_seen": hold.fence, "held_fence": hold.fence, "reason": hold.reason}
    db.execute(update(tables.holding).values(kept))
    isolation.renew(db, hold.fence, now)


def _asking(fence: int) -> Callable[[Query], None]:
    def ask(query: Query) -> None:
        seen, held, named, code = query(_STATE)[0]
        _require_mine(code, fence, isolation.Holding(seen, held, None, "", ("?",) * named))

    return ask


def _require_mine(code: str, fence: int, holding: isolation.Holding) -> None:
    if fence < holding.fence_seen:
        raise StaleFence(fence, holding.fence_seen)
    if holding.held_fence != fence or holding.named:
        raise NotExclusive(code, fence)
