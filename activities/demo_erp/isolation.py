"""Who is in the ledger, who holds it, and who may write meanwhile."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from activities.demo_erp import faults, tables
from activities.demo_erp.ledger import Book, DemoLedger
from workflows.domain.errors import LedgerBusy, NotExclusive, NotNamed, SessionsRemain, StaleFence


@dataclass(frozen=True)
class Presence:
    """Someone logged in."""

    id: str
    person: str
    since: datetime
    doing: str


@dataclass(frozen=True)
class Holding:
    """The highest fence ever seen, the one that holds the ledger now, and who may write nevertheless."""

    fence_seen: int
    held_fence: int | None
    reason: str
    named: tuple[str, ...]


def read_holding(db: Connection) -> Holding:
    row = db.execute(select(tables.holding)).one()
    named = tuple(db.scalars(select(tables.named_person.c.person).order_by("person")))
    return Holding(row.fence_seen, row.held_fence, row.reason, named)


def present(db: Connection) -> tuple[Presence, ...]:
    """Everyone in the ledger. Unclose itself never logs in."""
    rows = db.execute(select(tables.session).order_by("since", "id"))
    return tuple(Presence(row.id, row.person, datetime.fromisoformat(row.since), row.doing) for row in rows)


def require_fence(db: Connection, fence: int) -> Holding:
    """Raises StaleFence if a higher fence has been here."""
    holding = read_holding(db)
    if fence < holding.fence_seen:
        raise StaleFence(fence, holding.fence_seen)
    return holding


def require_alone(db: Connection, book: Book, holding: Holding, fence: int) -> None:
    """Raises NotExclusive unless this fence holds the ledger with nobody named, SessionsRemain if it must."""
    if holding.held_fence != fence or holding.named:
        raise NotExclusive(book.code, fence)
    _require_empty(book, present(db))


def _require_empty(book: Book, remaining: tuple[Presence, ...]) -> None:
    if remaining:
        raise SessionsRemain(book.code, tuple(presence.person for presence in remaining))


def require_may_enter(db: Connection, book: Book, person: str) -> None:
    """Raises LedgerBusy while the ledger is held exclusively, NotNamed while it is restricted to others."""
    holding = read_holding(db)
    if holding.held_fence is None or person in holding.named:
        return
    if holding.named:
        raise NotNamed(person, holding.named)
    raise LedgerBusy(book.code, holding.reason)


def enter_exclusive(ledger: DemoLedger, fence: int, reason: str) -> None:
    """Let nobody in any more, then end the sessions there are.

    Raises:
        StaleFence: a higher fence has been here.
        SessionsRemain: someone will not leave. The ledger stays held, so that asking again may succeed.
    """
    with ledger.writing() as db:
        require_fence(db, fence)
        db.execute(update(tables.holding).values(fence_seen=fence, held_fence=fence, reason=reason))
        db.execute(delete(tables.named_person))
        db.execute(delete(tables.session).where(tables.session.c.person.not_in(faults.stuck_persons(db))))
        remaining = present(db)
    _require_empty(ledger.book, remaining)


def restrict_to(ledger: DemoLedger, persons: tuple[str, ...], fence: int) -> None:
    """Let exactly these persons in. Raises StaleFence, NotExclusive."""
    with ledger.writing() as db:
        if require_fence(db, fence).held_fence != fence:
            raise NotExclusive(ledger.book.code, fence)
        db.execute(delete(tables.named_person))
        db.execute(delete(tables.session).where(tables.session.c.person.not_in(persons)))
        if persons:
            db.execute(insert(tables.named_person), [{"person": person} for person in sorted(set(persons))])


def leave_exclusive(ledger: DemoLedger, fence: int) -> None:
    """Let everybody in again; where nothing is held there is nothing to do. Raises StaleFence."""
    with ledger.writing() as db:
        if read_holding(db).held_fence is None:
            return
        require_fence(db, fence)
        db.execute(update(tables.holding).values(fence_seen=fence, held_fence=None, reason=""))
        db.execute(delete(tables.named_person))
