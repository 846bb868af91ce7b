"""Every delivery out: claimed by one process at a time, in order per case and receiver, until it has arrived.

A claim is a lease in time: a process that dies between any two lines leaves a delivery that another takes
up once the lease is over. The receiver may then get it twice, under the same id.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, exists, func, or_, select, update

from service.database import Database, insert_new
from service.dead_letters import DeadLetter, tell
from service.deliveries import Direction
from service.outbox_tables import outbox, outgoing
from service.sending.patience import awake
from service.sending.ports import Addressed, News, Parcel, QuietHours
from workflows.domain.digest import Json

LEASE = timedelta(seconds=90)
"""How long a claim holds: longer than any single attempt may take."""

ID_PREFIX = "out-"
SUBSCRIPTION = "subscription:"
"""How a subscription is named among receivers."""
_MINUTE = timedelta(minutes=1)


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up; an operator may send it again."""
    CANCELLED = "cancelled"
    """Its subscription has ended."""


@dataclass(frozen=True)
class Claimed:
    """A delivery that this process may attempt now."""

    parcel: Parcel
    channel: str
    claim: str
    since: datetime
    quiet: QuietHours | None


@dataclass(frozen=True)
class Limits:
    """What a process has room for."""

    most: int
    per_minute: Mapping[str, int] = field(default_factory=dict)
    """Of some channels: how many may be attempted in a minute by everybody."""
    room: Mapping[str, int] = field(default_factory=dict)
    """Of some channels: how many more this process may have in hand."""
    held: Collection[str] = ()
    """Receivers that are not to be asked now."""


def delivery_id(news: News, receiver: str) -> str:
    """The same event for the same receiver is the same delivery. Ids rise with the time of the event."""
    whose = hashlib.sha256(f"{news.request.id}\x1f{news.event.seq}\x1f{receiver}".encode()).hexdigest()
    return f"{ID_PREFIX}{int(news.event.at.timestamp() * 1000):012x}{whose[:16]}"


class Deliveries:
    """One call is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def has_due(self, now: datetime, held: Collection[str] = ()) -> bool:
        """Whether there may be something to attempt: looked at before anything is written."""
        wanted = select(outgoing.c.id).where(*_due(now), outgoing.c.receiver.not_in(held)).limit(1)
        return await self._database.read(lambda connection: connection.scalar(wanted) is not None)

    async def claim(self, now: datetime, limits: Limits) -> tuple[Claimed, ...]:
        """Deliveries that are due and first in their line, for this process alone: one for each receiver."""
        return await self._database.write(partial(_claim, now=now, limits=limits))

    async def delivered(self, claimed: Claimed, now: datetime) -> None:
        """It has arrived; that stays so, even if the lease was over by then."""
        done = {"state": DeliveryState.DELIVERED, "ended_at": now, "error": "", "claim": None}
        here = outgoing.c.id == claimed.parcel.id
        await self._write(update(outgoing).where(here, _WAITS).values(**done))

    async def failed(self, claimed: Claimed, now: datetime, error: str, next_at: datetime | None) -> None:
        """It has not; tried again at `next_at`, or given up if that is none, of which operators are told."""
        await self._database.write(partial(_failed, claimed=claimed, now=now, error=error, next_at=next_at))

    async def _write(self, statement: Any) -> None:  # Any: an UPDATE
        await self._database.write(lambda connection: connection.execute(statement))


_WAITS = outgoing.c.state == DeliveryState.WAITING


def _due(now: datetime) -> tuple[Any, ...]:  # Any: conditions
    unclaimed = or_(outgoing.c.claimed_until.is_(None), outgoing.c.claimed_until <= now)
    return _WAITS, outgoing.c.next_at <= now, unclaimed


_ahead = outgoing.alias("ahead")
_FIRST_IN_LINE = ~exists().where(
    _ahead.c.case_id == outgoing.c.case_id,
    _ahead.c.receiver == outgoing.c.receiver,
    _ahead.c.state == DeliveryState.WAITING,
    _ahead.c.seq < outgoing.c.seq,
)
_NOTHING_UNADDRESSED = ~exists().where(outbox.c.case_id == outgoing.c.case_id, outbox.c.seq < outgoing.c.seq)
"""An earlier event may be for the same receiver; both tables are seen in one statement, as of one moment."""


def _claim(connection: Connection, now: datetime, limits: Limits) -> tuple[Claimed, ...]:
    left = {name: limit - _tried(connection, name, now) for name, limit in limits.per_minute.items()}
    for name, room in limits.room.items():
        left[name] = min(room, left.get(name, room))
    spent = [name for name, count in left.items() if count <= 0]
    chosen = _within(_candidates(connection, now, limits, spent), left)
    claim = uuid4().hex
    if chosen:
        taken = {
            "claim": claim,
            "claimed_until": now + LEASE,
            "tried_at": now,
            "attempts": outgoing.c.attempts + 1,
        }
        connection.execute(
            update(outgoing).where(outgoing.c.id.in_([row.id for row in chosen])).values(**taken)
        )
    return tuple(_claimed(row, claim, now) for row in chosen)


def _tried(connection: Connection, channel: str, now: datetime) -> int:
    recent = select(func.count()).where(outgoing.c.channel == channel, outgoing.c.tried_at > now - _MINUTE)
    return connection.scalar(recent) or 0


def _candidates(
    connection: Connection, now: datetime, limits: Limits, spent: Collection[str]
) -> Sequence[Row[Any]]:
    """One for each receiver: however much waits for one of them, it stands in nobody else's way."""
    by_age = outgoing.c.next_at, outgoing.c.id
    place = func.row_number().over(partition_by=outgoing.c.receiver, order_by=by_age).label("place")
    ranked = (
        select(outgoing.c.id, outgoing.c.next_at, place)
        .where(*_due(now), _FIRST_IN_LINE, _NOTHING_UNADDRESSED)
        .where(outgoing.c.receiver.not_in(limits.held), outgoing.c.channel.not_in(spent))
        .subquery()
    )
    first = select(ranked.c.id).where(ranked.c.place == 1).order_by(ranked.c.next_at, ranked.c.id)
    # Due is said again: another process may claim one between being ranked and being locked.
    wanted = select(outgoing).where(outgoing.c.id.in_(first.limit(limits.most)), *_due(now)).order_by(*by_age)
    # SQLite knows no locks of rows and needs none: this transaction is the only one that writes.
    return connection.execute(wanted.with_for_update(skip_locked=True, of=outgoing)).all()


def _within(rows: Sequence[Row[Any]], left: dict[str, int]) -> list[Row[Any]]:
    """Those that the limits of their channels leave room for."""
    chosen = []
    for row in rows:
        if left.get(row.channel, 1) > 0:
            chosen.append(row)
            if row.channel in left:
                left[row.channel] -= 1
    return chosen


def _claimed(row: Row[Any], claim: str, now: datetime) -> Claimed:
    parcel = Parcel(row.id, row.case_id, row.seq, row.type, row.receiver, row.body, row.attempts + 1, now)
    return Claimed(parcel, row.channel, claim, row.since, _quiet(row.quiet))


def _quiet(found: Mapping[str, str] | None) -> QuietHours | None:
    return None if found is None else QuietHours(**found)


# --------------------------------------------------------------------------- how attempts end


def hook_of(channel: str, receiver: str) -> str:
    """What lists name a delivery out by: its subscription, or the channel to people."""
    return receiver.removeprefix(SUBSCRIPTION) if receiver.startswith(SUBSCRIPTION) else channel


def dead_letters(connection: Connection, channel: str, receiver: str) -> int:
    """How many there are by the same hook."""
    dead = select(func.count()).where(outgoing.c.state == DeliveryState.DEAD, outgoing.c.channel == channel)
    if receiver.startswith(SUBSCRIPTION):
        dead = dead.where(outgoing.c.receiver == receiver)
    return connection.scalar(dead) or 0


def _failed(
    connection: Connection, claimed: Claimed, now: datetime, error: str, next_at: datetime | None
) -> None:
    parcel = claimed.parcel
    ours = (outgoing.c.id == parcel.id) & (outgoing.c.claim == claimed.claim)
    said: dict[str, Any] = {"error": error[:2000], "claim": None, "claimed_until": None}  # Any: columns
    if next_at is None:
        said |= {"state": DeliveryState.DEAD, "ended_at": now}
    else:
        said |= {"next_at": awake(next_at, claimed.quiet)}
    is_ours = connection.execute(update(outgoing).where(ours, _WAITS).values(**said)).rowcount
    if next_at is None and is_ours:
        hook = hook_of(claimed.channel, parcel.receiver)
        dead = dead_letters(connection, claimed.channel, parcel.receiver)
        letter = DeadLetter(Direction.OUT, hook, parcel.id, claimed.claim, parcel.case, error, dead)
        tell(connection, letter, now)


# --------------------------------------------------------------------------- writing


def keep(connection: Connection, news: News, addressed: Sequence[Addressed], now: datetime) -> None:
    """Write what is to be sent because of an event, and that it needs no looking up any more."""
    rows = [_row(news, one, now) for one in addressed]
    if rows:
        connection.execute(insert_new(connection, outgoing), rows)
    for one in addressed:
        if one.is_urgent:
            _hurry(connection, news, one.receiver, now)
    done = (outbox.c.case_id == news.request.id) & (outbox.c.seq == news.event.seq)
    connection.execute(outbox.delete().where(done))


def _hurry(connection: Connection, news: News, receiver: str, now: datetime) -> None:
    """What waits for the morning goes out too: else the urgent news would wait behind it."""
    line = (outgoing.c.case_id == news.request.id) & (outgoing.c.receiver == receiver) & _WAITS
    held = line & (outgoing.c.attempts == 0) & (outgoing.c.next_at > now)
    connection.execute(update(outgoing).where(held).values(next_at=now, quiet=None))


def _row(news: News, one: Addressed, now: datetime) -> dict[str, Any]:  # Any: columns
    case, seq = news.request.id, news.event.seq
    quiet = None if one.is_urgent else one.quiet
    told: Json = None if quiet is None else {**vars(quiet)}
    return {
        "id": delivery_id(news, one.receiver),
        "case_id": case,
        "seq": seq,
        "type": one.type,
        "channel": one.channel,
        "receiver": one.receiver,
        "body": one.body,
        "quiet": told,
        "state": DeliveryState.WAITING,
        "attempts": 0,
        "created_at": now,
        "since": now,
        "next_at": awake(now, quiet),
        "error": "",
    }
