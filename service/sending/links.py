"""Decision links: sent to one person for one task, good once and for a short time, and no key to anything.

Whoever opens one must still sign in, and must be the person it was sent to. The token is derived from the
delivery that carries it, so that a message that is sent again carries the same one, and only its SHA-256 is
kept.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, select, update

from service.database import Database, insert_new
from service.outbox_tables import decision_links
from service.refusals import LinkExpired, LinkOfAnother, LinkUsed, UnknownLink

GOOD_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class Issued:
    token: str
    expires_at: datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


class DecisionLinks:
    """One call is one transaction."""

    def __init__(self, database: Database, key: bytes, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._key, self._now = database, key, now

    async def issue(self, delivery: str, person: str, task: str) -> Issued:
        """The link of a delivery. Sent again, it is good for as long again, unless it has been used."""
        token = self._token(delivery)
        expires_at = self._now() + GOOD_FOR
        work = partial(_issue, sha256=_sha256(token), person=person, task=task, expires_at=expires_at)
        await self._database.write(work)
        return Issued(token, expires_at)

    async def open(self, token: str, person: str, call: str | None = None) -> str:
        """The task behind a link, which is used up by it. The same call may be answered again.

        Raises:
            UnknownLink: there is none like that.
            LinkOfAnother: it was sent to somebody else; it stays good for them.
            LinkUsed, LinkExpired: it is good no more.
        """
        work = partial(_open, sha256=_sha256(token), person=person, call=call, at=self._now())
        return await self._database.write(work)

    def _token(self, delivery: str) -> str:
        made = hmac.new(self._key, f"decision link\x1f{delivery}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _issue(connection: Connection, sha256: str, person: str, task: str, expires_at: datetime) -> None:
    row = {"sha256": sha256, "person": person, "task": task, "expires_at": expires_at}
    connection.execute(insert_new(connection, decision_links), [row])
    unused = (decision_links.c.sha256 == sha256) & decision_links.c.used_at.is_(None)
    connection.execute(update(decision_links).where(unused).values(expires_at=expires_at))


def _open(connection: Connection, sha256: str, person: str, call: str | None, at: datetime) -> str:
    here = decision_links.c.sha256 == sha256
    row = connection.execute(select(decision_links).where(here).with_for_update()).one_or_none()
    if row is None:
        raise UnknownLink
    if row.person != person:
        raise LinkOfAnother(person)
    if row.used_at is not None and (call is None or row.used_by_call != call):
        raise LinkUsed(row.task)
    if row.used_at is None:
        if at >= row.expires_at:
            raise LinkExpired(row.task)
        connection.execute(update(decision_links).where(here).values(used_at=at, used_by_call=call))
    task: str = row.task
    return task
