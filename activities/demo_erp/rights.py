"""What persons may do in the ledger: rights held for good, and rights given for a time."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from activities.demo_erp import tables
from activities.demo_erp.isolation import require_fence
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


def holds(db: Connection, person: str, names: tuple[str, ...], now: datetime) -> bool:
    """Whether the person has any of these rights now."""
    rows = db.scalars(select(_right.c.until).where(_right.c.person == person, _right.c.name.in_(names)))
    return any(until is None or datetime.fromisoformat(until) > now for until in rows)


def require(db: Connection, book: Book, person: str, names: tuple[str, ...], now: datetime) -> None:
    """Raises MissingRight unless the person has one of these rights; the first is the one to ask for."""
    if not holds(db, person, names, now):
        raise MissingRight(person, names[0], book.code)


def grant(ledger: DemoLedger, persons: tuple[str, ...], name: str, until: datetime, fence: int) -> None:
    """Give a right for a time; who has it for good keeps it so. Raises StaleFence."""
    with ledger.writing() as db:
        require_fence(db, fence)
        _take_back(db, persons, name)
        for_good = set(db.scalars(select(_right.c.person).where(_right.c.name == name)))
        given = [
            {"person": person, "name": name, "until": until.isoformat()}
            for person in sorted(set(persons) - for_good)
        ]
        if given:
            db.execute(insert(_right), given)


def revoke(ledger: DemoLedger, persons: tuple[str, ...], name: str, fence: int) -> None:
    """Take back what was given for a time. Raises StaleFence."""
    with ledger.writing() as db:
        require_fence(db, fence)
        _take_back(db, persons, name)


def _take_back(db: Connection, persons: tuple[str, ...], name: str) -> None:
    given = _right.c.person.in_(persons) & (_right.c.name == name) & _right.c.until.is_not(None)
    db.execute(delete(_right).where(given))
