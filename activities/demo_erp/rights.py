"""What persons may do in the ledger: rights held for good, and rights given for a time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select

from activities.demo_erp import faults, tables
from activities.demo_erp.isolation import renew, require_fence
from activities.demo_erp.ledger import Book, DemoLedger
from workflows.domain.errors import MissingRight

UNCLOSE = "unclose"
"""取消月末结账: move a pointer back and forward again."""
WRITE = "write"
AUDIT = "audit"
LOCK = "lock"
CORRECT = "correct_reopened_period"
"""Given for a time to those named for a correction: it covers writing and auditing."""

_right = tables.entitlement


@dataclass(frozen=True)
class Entitlement:
    """A right that somebody has; for good if it has no end."""

    person: str
    name: str
    until: datetime | None


def held(db: Connection, persons: tuple[str, ...], now: datetime) -> tuple[Entitlement, ...]:
    """The rights that these persons have at this moment. What has run out is no right."""
    found = (
        Entitlement(person, name, None if until is None else datetime.fromisoformat(until))
        for person, name, until in db.execute(_RIGHTS, {"persons": persons})
    )
    return tuple(right for right in found if right.until is None or right.until > now)


_RIGHTS = (
    select(_right)
    .where(_right.c.person.in_(bindparam("persons", expanding=True)))
    .order_by(_right.c.person, _right.c.name)
)


def holds(db: Connection, person: str, names: tuple[str, ...], now: datetime) -> bool:
    """Whether the person has any of these rights now."""
    return any(right.name in names for right in held(db, (person,), now))


def require(db: Connection, book: Book, person: str, names: tuple[str, ...], now: datetime) -> None:
    """Raises MissingRight unless the person has one of these rights; the first is the one to ask for."""
    if not holds(db, person, names, now):
        raise MissingRight(person, names[0], book.code)


def grant(ledger: DemoLedger, persons: tuple[str, ...], name: str, until: datetime, fence: int) -> None:
    """Give a right for a time; who has it for good keeps it so. Raises StaleFence."""
    with ledger.writing() as db:
        require_fence(db, fence)
        renew(db, fence, ledger.clock())
        _take_back(db, persons, name)
        for_good = set(db.scalars(select(_right.c.person).where(_right.c.name == name)))
        passed_over = set(faults.passed_over(db, faults.Fault.GRANT_NOT_MADE, persons))
        given = [
            {"person": person, "name": name, "until": until.isoformat()}
            for person in sorted(set(persons) - for_good - passed_over)
        ]
        if given:
            db.execute(insert(_right), given)


def revoke(ledger: DemoLedger, persons: tuple[str, ...], name: str, fence: int) -> None:
    """Take back what was given for a time. Raises StaleFence."""
    with ledger.writing() as db:
        require_fence(db, fence)
        renew(db, fence, ledger.clock())
        passed_over = set(faults.passed_over(db, faults.Fault.REVOKE_NOT_MADE, persons))
        _take_back(db, tuple(sorted(set(persons) - passed_over)), name)


def _take_back(db: Connection, persons: tuple[str, ...], name: str) -> None:
    given = _right.c.person.in_(persons) & (_right.c.name == name) & _right.c.until.is_not(None)
    db.execute(delete(_right).where(given))
