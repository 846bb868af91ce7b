"""Acts under a key are done once: the key is written in the transaction of the act itself."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from activities.demo_erp.tables import done_key

KEPT = timedelta(days=30)
"""How long a key is known; the same as for every Idempotency-Key of the API."""


class DoneBefore(Exception):
    """The act was done under this key already; nothing was written."""

    def __init__(self, result: str) -> None:
        super().__init__(result)
        self.result = result
        """What it has made: the number of a document, the name of a session."""


def take(db: Connection, key: str, now: datetime) -> None:
    """Claim the key for the transaction under way, and forget keys that are too old. Raises DoneBefore."""
    db.execute(delete(done_key).where(done_key.c.at < (now - KEPT).isoformat()))
    require_new(db, key)
    db.execute(insert(done_key), [{"key": key, "at": now.isoformat(), "result": ""}])


def require_new(db: Connection, key: str) -> None:
    """Raises DoneBefore."""
    row = db.execute(select(done_key.c.result).where(done_key.c.key == key)).one_or_none()
    if row is not None:
        raise DoneBefore(row.result)


def remember(db: Connection, key: str, result: str) -> None:
    """What the act under way has made."""
    db.execute(update(done_key).where(done_key.c.key == key).values(result=result))
