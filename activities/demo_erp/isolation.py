"""Who is in the ledger, who holds it, and who may write meanwhile."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from activities.demo_erp import faults, tables
from activities.demo_erp.ledger import Book, DemoLedger
from workflows.domain.errors import LedgerBusy, NotExclusive, NotNamed, SessionsRemain, StaleFence

LEASE = timedelta(minutes=10)
"""How long a holding lasts after the holder's latest act; only then can a higher fence take it over."""


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
    held_until: datetime | None
    reason: str
    named: tuple[str, ...]


@dataclass(frozen=True)
class Notice:
    """What somebody in the ledger has been told: to leave by this time."""

    session: str
    person: str
    until: datetime
    reason: str


def read_holding(db: Connection) -> Holding:
    row = db.execute(_HOLDING).one()
    named = tuple(db.scalars(_NAMED))
    until = None if row.held_until is None else datetime.fromisoformat(row.held_until)
    return Holding(row.fence_seen, row.held_fence, until, row.reason, named)


_HOLDING = select(tables.holding)
_NAMED = select(tables.named_person.c.person).order_by("person")


def present(db: Connection) -> tuple[Presence, ...]:
    """Everyone in the ledger. Unclose itself never logs in."""
    rows = db.execute(_PRESENT)
    return tuple(Presence(row.id, row.person, datetime.fromisoformat(row.since), row.doing) for row in rows)


_PRESENT = select(tables.session).order_by("since", "id")


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


def renew(db: Connection, fence: int, now: datetime) -> None:
    """The holder has acted: its lease runs anew from now."""
    db.execute(_RENEW, {"its_fence": fence, "until": (now + LEASE).isoformat()})


_RENEW = (
    update(tables.holding)
    .where(tables.holding.c.held_fence == bindparam("its_fence"))
    .values(held_until=bindparam("until"))
)


def warn(ledger: DemoLedger, fence: int, grace: timedelta, reason: str) -> datetime | None:
    """Tell everyone in the ledger to leave, and by when; nothing if nobody is there.

    Who came in after an earlier warning is given what is left of its time: asking again does not prolong it.

    Raises:
        StaleFence: a higher fence has been here.
        LedgerBusy: another fence holds the ledger, and its lease has not run out.
    """
    with ledger.writing() as db:
        _require_may_take(db, ledger, fence)
        known = {row.session: row for row in db.execute(select(tables.notice))}
        told = [row.until for row in known.values() if row.fence == fence]
        until = min(told, default=(ledger.clock() + grace).isoformat())
        db.execute(delete(tables.notice))
        here = [presence.id for presence in present(db)]
        if not here:
            return None
        rows = [{"session": each, "fence": fence, "until": until, "reason": reason} for each in here]
        db.execute(insert(tables.notice), rows)
        return datetime.fromisoformat(until)


def notices(db: Connection) -> tuple[Notice, ...]:
    """Who has been told to leave and is still here."""
    n, s = tables.notice.c, tables.session.c
    query = select(n.session, s.person, n.until, n.reason).join_from(
        tables.notice, tables.session, n.session == s.id
    )
    rows = db.execute(query.order_by(s.person, n.session))
    return tuple(
        Notice(session, person, datetime.fromisoformat(until), reason)
        for session, person, until, reason in rows
    )


def enter_exclusive(ledger: DemoLedger, fence: int, reason: str) -> None:
    """Let nobody in any more, then end the sessions there are.

    Raises:
        StaleFence: a higher fence has been here.
        LedgerBusy: another fence holds the ledger, and its lease has not run out.
        SessionsRemain: someone will not leave. The ledger stays held, so that asking again may succeed.
    """
    with ledger.writing() as db:
        _require_may_take(db, ledger, fence)
        db.execute(update(tables.holding).values(fence_seen=fence, held_fence=fence, reason=reason))
        renew(db, fence, ledger.clock())
        db.execute(delete(tables.named_person))
        db.execute(delete(tables.notice))
        db.execute(delete(tables.session).where(tables.session.c.person.not_in(faults.stuck_persons(db))))
        remaining = present(db)
    _require_empty(ledger.book, remaining)


def _require_may_take(db: Connection, ledger: DemoLedger, fence: int) -> None:
    holding = require_fence(db, fence)
    if _is_held_by_another(holding, fence, ledger.clock()):
        raise LedgerBusy(ledger.book.code, holding.reason)


def _is_held_by_another(holding: Holding, fence: int, now: datetime) -> bool:
    """Whether a lower fence holds the ledger and its lease has not run out."""
    is_another = holding.held_fence not in (None, fence)
    return is_another and holding.held_until is not None and now < holding.held_until


def restrict_to(ledger: DemoLedger, persons: tuple[str, ...], fence: int) -> None:
    """Let exactly these persons in. Raises StaleFence, NotExclusive."""
    with ledger.writing() as db:
        if require_fence(db, fence).held_fence != fence:
            raise NotExclusive(ledger.book.code, fence)
        renew(db, fence, ledger.clock())
        db.execute(delete(tables.named_person))
        db.execute(delete(tables.session).where(tables.session.c.person.not_in(persons)))
        if persons:
            db.execute(insert(tables.named_person), [{"person": person} for person in sorted(set(persons))])


def leave_exclusive(ledger: DemoLedger, fence: int) -> None:
    """Let everybody in again; what this fence does not hold is left as it is. Raises StaleFence."""
    with ledger.writing() as db:
        holding = require_fence(db, fence)
        db.execute(delete(tables.notice).where(tables.notice.c.fence <= fence))
        if holding.held_fence is None or _is_held_by_another(holding, fence, ledger.clock()):
            return
        free = {"fence_seen": fence, "held_fence": None, "held_until": None, "reason": ""}
        db.execute(update(tables.holding).values(free))
        db.execute(delete(tables.named_person))
