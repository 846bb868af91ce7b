"""Subscriptions: who is posted which events of which ledger, and the secret they are signed with."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, select, update
from typing_extensions import override

from service.admin_log import AdminEvent, note
from service.database import Database, lock_table
from service.intake import KEYS_ARE_KEPT
from service.outbox_tables import outgoing, subscriptions
from service.pages import rows_by
from service.queries import Page, Slice
from service.refusals import UnknownSubscription
from service.sending.catalogue import BY_KIND, EventType, envelope
from service.sending.deliveries import SUBSCRIPTION, DeliveryState
from service.sending.ports import Addressed, Audience, News
from workflows.domain.case import Actor
from workflows.domain.digest import Json

CHANNEL = "webhook"
PREFIX = SUBSCRIPTION


@dataclass(frozen=True)
class SubscriptionWish:
    url: str
    types: tuple[EventType, ...]
    ledger: str | None = None
    """Of this ledger only; of every one if none."""
    description: str = ""


@dataclass(frozen=True)
class Subscription:
    id: str
    url: str
    types: tuple[EventType, ...]
    ledger: str | None
    description: str
    created_at: datetime
    created_by: str
    ended_at: datetime | None
    ended_by: str | None
    salt: str

    def wants(self, kind: EventType, ledger: str) -> bool:
        return kind in self.types and self.ledger in (None, ledger)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Subscriptions(Audience):
    """One call is one transaction.

    Secrets are derived from a key of the installation and a salt of the subscription, so that no secret lies
    in the register, and one that is asked for again under the same key is the same.
    """

    def __init__(self, database: Database, key: bytes, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._key, self._now = database, key, now

    def secret_of(self, subscription: Subscription) -> str:
        """What its events are signed with, in the form of Standard Webhooks."""
        said = f"webhook secret\x1f{subscription.id}\x1f{subscription.salt}".encode()
        return "whsec_" + base64.b64encode(hmac.new(self._key, said, hashlib.sha256).digest()).decode()

    async def make(self, wish: SubscriptionWish, by: Actor, call: str | None = None) -> Subscription:
        """The same call makes one, and gives it again."""
        return await self._database.write(partial(_make, wish=wish, by=by, call=call, at=self._now()))

    async def page(self, part: Slice) -> Page[Subscription]:
        """Newest first, with those that have ended."""
        return await self._database.read(partial(_page, part=part))

    async def end(self, subscription: str, by: Actor) -> Subscription:
        """No event is posted there any more. Doing it again changes nothing. Raises UnknownSubscription."""
        return await self._database.write(partial(_end, name=subscription, by=by, at=self._now()))

    async def find(self, subscription: str) -> Subscription:
        """Raises UnknownSubscription."""
        return await self._database.read(partial(_find, name=subscription))

    @override
    async def addressed(self, news: News) -> Sequence[Addressed]:
        entry = BY_KIND.get(news.event.kind)
        if entry is None:
            return ()
        active = await self._database.read(_read_active)
        wanted = [one for one in active if one.wants(entry.name, news.request.ledger)]
        body = envelope(news) if wanted else {}
        return [Addressed(entry.name, CHANNEL, PREFIX + one.id, body) for one in wanted]


def _make(
    connection: Connection, wish: SubscriptionWish, by: Actor, call: str | None, at: datetime
) -> Subscription:
    if call is not None:
        made = _made_before(connection, call, at)
        if made is not None:
            return made
    name = f"{int(at.timestamp()):08x}{secrets.token_hex(4)}"
    types: list[Json] = [str(kind) for kind in wish.types]
    row = {
        "id": name,
        "call": call,
        "url": wish.url,
        "types": types,
        "ledger": wish.ledger,
        "description": wish.description,
        "salt": secrets.token_hex(16),
        "created_at": at,
        "created_by": by.person,
    }
    connection.execute(subscriptions.insert().values(row))
    said: dict[str, Json] = {"url": wish.url, "types": types, "ledger": wish.ledger}
    note(connection, by, AdminEvent.SUBSCRIPTION_MADE, name, said, at)
    return _find(connection, name)


def _made_before(connection: Connection, call: str, at: datetime) -> Subscription | None:
    lock_table(connection, subscriptions)
    old = (subscriptions.c.call == call) & (subscriptions.c.created_at < at - KEYS_ARE_KEPT)
    connection.execute(update(subscriptions).where(old).values(call=None))
    row = connection.execute(select(subscriptions).where(subscriptions.c.call == call)).one_or_none()
    return None if row is None else _subscription(row)


def _page(connection: Connection, part: Slice) -> Page[Subscription]:
    chosen = select(subscriptions)
    rows = rows_by(connection, chosen, subscriptions.c.id, part, str, newest_first=True)
    return Page(tuple(_subscription(row) for row in rows.items), rows.next)


def _end(connection: Connection, name: str, by: Actor, at: datetime) -> Subscription:
    known = _find(connection, name)
    if known.ended_at is not None:
        return known
    ended = {"ended_at": at, "ended_by": by.person}
    connection.execute(update(subscriptions).where(subscriptions.c.id == name).values(**ended))
    waiting = (outgoing.c.receiver == PREFIX + name) & (outgoing.c.state == DeliveryState.WAITING)
    cancelled = {"state": DeliveryState.CANCELLED, "ended_at": at, "error": "the subscription has ended"}
    connection.execute(update(outgoing).where(waiting).values(**cancelled))
    note(connection, by, AdminEvent.SUBSCRIPTION_ENDED, name, {"url": known.url}, at)
    return _find(connection, name)


def _find(connection: Connection, name: str) -> Subscription:
    row = connection.execute(select(subscriptions).where(subscriptions.c.id == name)).one_or_none()
    if row is None:
        raise UnknownSubscription(name)
    return _subscription(row)


def _read_active(connection: Connection) -> tuple[Subscription, ...]:
    active = select(subscriptions).where(subscriptions.c.ended_at.is_(None)).order_by(subscriptions.c.id)
    return tuple(_subscription(row) for row in connection.execute(active))


def _subscription(row: Row[Any]) -> Subscription:  # Any: as typed by the columns of the table
    return Subscription(
        id=row.id,
        url=row.url,
        types=tuple(EventType(kind) for kind in row.types),
        ledger=row.ledger,
        description=row.description,
        created_at=row.created_at,
        created_by=row.created_by,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        salt=row.salt,
    )
