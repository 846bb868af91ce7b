"""The inbox in the register: takes deliveries once, hands them out, and keeps what became of them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    update,
)

from service.admin_log import AdminEvent, note
from service.database import Database, Insert, insert_into, insert_new
from service.dead_letters import DeadLetter, dealt_with, tell
from service.deliveries import DeliveryDetail, DeliveryFilter, DeliveryHead, Direction
from service.inbox.ports import Delivery, DeliveryState, Hook, HookKind, Place
from service.inbox.signatures import Fault, Sealed, SignatureFault, plain
from service.inbox_tables import inbox, inbox_refused
from service.queries import Page, Slice, newest_first, page_of
from service.refusals import DeliveryBodyRemoved, DeliveryDone, UnknownDelivery
from workflows.domain.case import Actor
from workflows.domain.digest import Json

PREFIX = "in-"
_ITS = inbox.c
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
_NO_PROBLEM: Mapping[str, object] = {"problem": None, "note": ""}


@dataclass(frozen=True)
class Arrival:
    """What has come, as it came."""

    headers: Mapping[str, str]
    query: str
    body: bytes
    source: str
    at: datetime


@dataclass(frozen=True)
class Settled:
    """What an attempt has led to."""

    state: DeliveryState
    case: str | None = None
    note: str = ""
    problem: Mapping[str, Json] | None = None
    """By language."""
    again_at: datetime | None = None
    """For what stays new."""
    is_fault: bool = False


@dataclass(frozen=True)
class Refusals:
    """What a hook has refused for one fault of its signature."""

    hook: str
    fault: Fault
    count: int
    last_at: datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Inbox:
    """One call is one transaction. Implements `DeliverySource` of `service/deliveries.py`."""

    direction = Direction.IN

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._now = database, now

    async def store(self, hook: Hook, sealed: Sealed, place: Place, arrival: Arrival) -> str:
        """Keep a delivery; its id here. Storing it again changes nothing.

        Raises:
            SignatureFault: the same bytes came before under another id, or this id with other bytes.
        """
        row = _row(hook, sealed, place, arrival)
        return await self._database.write(partial(_store, row=row))

    async def count_refusal(self, hook: str, fault: Fault) -> None:
        await self._database.write(partial(_count_refusal, hook=hook, fault=fault, at=self._now()))

    async def refusals(self, days: int) -> tuple[Refusals, ...]:
        """How many deliveries were refused on so many days up to today (UTC), by hook and fault."""
        first = (self._now() - timedelta(days=days - 1)).date().isoformat()
        return await self._database.read(partial(_refusals, first=first))

    async def is_any_due(self) -> bool:
        return await self._database.read(partial(_is_any_due, now=self._now()))

    async def have_come(self, many: int, within: timedelta) -> bool:
        """Whether at least so many were stored within so long up to now."""
        return await self._database.read(partial(_have_come, many=many, since=self._now() - within))

    async def claim(self, who: str, most: int, lease: timedelta) -> tuple[Delivery, ...]:
        """Take in hand what nobody has: of each record the oldest only, and none beside another."""
        return await self._database.write(partial(_claim, who=who, most=most, now=self._now(), lease=lease))

    async def renew(self, who: str, lease: timedelta) -> None:
        """Whoever has something in hand goes on working on it."""
        await self._database.write(partial(_renew, who=who, until=self._now() + lease))

    async def settle(self, delivery: str, who: str, settled: Settled) -> bool:
        """Keep what an attempt has led to; false if another has taken the delivery over meanwhile."""
        work = partial(_settle, delivery=delivery, who=who, settled=settled, now=self._now())
        return await self._database.write(work)

    async def page(self, wanted: DeliveryFilter, part: Slice) -> Page[DeliveryHead]:
        """Newest first. Raises CursorUnreadable."""
        return await self._database.read(partial(_page, wanted=wanted, part=part))

    async def find(self, delivery: str) -> DeliveryDetail:
        """Raises UnknownDelivery."""
        return await self._database.read(partial(_find, delivery=delivery))

    async def replay(self, delivery: str, by: Actor) -> None:
        """Have it tried again now; who asked goes on record.

        Raises:
            UnknownDelivery: there is none.
            DeliveryDone: its case is there; there is nothing to be tried.
            DeliveryBodyRemoved: it ended so long ago that there is nothing to try it with.
        """
        await self._database.write(partial(_replay, delivery=delivery, by=by, at=self._now()))


# --------------------------------------------------------------------------- taking in


def delivery_number(hook: str, delivery_id: str) -> str:
    """The id of a delivery here."""
    return PREFIX + hashlib.sha256(f"{hook}\x1f{delivery_id}".encode()).hexdigest()[:24]


def _row(
    hook: Hook, sealed: Sealed, place: Place, arrival: Arrival
) -> dict[str, Any]:  # Any: column by column
    moment = place.moment if place.moment is not None else int(arrival.at.timestamp() * 1000)
    return {
        "id": delivery_number(hook.name, sealed.delivery_id),
        "hook": hook.name,
        "kind": hook.kind,
        "delivery_id": sealed.delivery_id,
        "seal": sealed.seal,
        "record": plain(place.record) if place.record else None,
        "moment": max(-(2**63), min(2**63 - 1, moment)),
        "event": plain(place.event) if place.event else "",
        "source": plain(arrival.source) if arrival.source else "",
        "query": arrival.query,
        "headers": {n: "…" if n in _SECRET_HEADERS else value for n, value in arrival.headers.items()},
        "body": arrival.body,
        "received_at": arrival.at,
        "state": DeliveryState.NEW,
        "attempts": 0,
        "faults": 0,
        "due_at": arrival.at,
        "claim": None,
        "claimed_until": None,
        "case_id": None,
        "ended_at": None,
        "body_sha256": None,
        "body_removed_at": None,
        **_NO_PROBLEM,
    }


def _store(connection: Connection, row: dict[str, Any]) -> str:  # Any: column by column
    number: str = row["id"]
    is_new = connection.execute(insert_new(connection, inbox), row).rowcount
    if not is_new:
        before = connection.execute(_BEFORE, {"number": number}).one_or_none()
        if before is None:
            raise SignatureFault(Fault.REPLAYED)
        digest = hashlib.sha256(row["body"]).hexdigest()
        if digest != (before.body_sha256 or hashlib.sha256(before.body).hexdigest()):
            raise SignatureFault(Fault.ALTERED)
    return number


_BEFORE = select(_ITS.body, _ITS.body_sha256).where(_ITS.id == bindparam("number"))


def _count_refusal(connection: Connection, hook: str, fault: Fault, at: datetime) -> None:
    row = {"hook": hook, "day": at.date().isoformat(), "fault": fault, "count": 1, "last_at": at}
    connection.execute(_one_more(connection.dialect.name), row)


@cache
def _one_more(dialect: str) -> Insert:
    new = insert_into(dialect, inbox_refused)
    more = {"count": inbox_refused.c.count + 1, "last_at": new.excluded.last_at}
    return new.on_conflict_do_update(index_elements=["hook", "day", "fault"], set_=more)


def _refusals(connection: Connection, first: str) -> tuple[Refusals, ...]:
    its = inbox_refused.c
    counted = select(its.hook, its.fault, func.sum(its.count), func.max(its.last_at))
    chosen = counted.where(its.day >= first).group_by(its.hook, its.fault).order_by(its.hook, its.fault)
    rows = connection.execute(chosen)
    return tuple(Refusals(hook, Fault(fault), int(count), last) for hook, fault, count, last in rows)


# --------------------------------------------------------------------------- handing out

_OTHER = inbox.alias("other")
_NOW = bindparam("now", type_=_ITS.due_at.type)
_NEW: ColumnElement[str] = literal_column(f"'{DeliveryState.NEW}'")
"""Spelt out: no engine uses an index over new deliveries for a state that it learns only later."""
_WAITS = (_ITS.state == _NEW) & (_ITS.due_at <= _NOW)
_IS_FREE = or_(_ITS.claimed_until.is_(None), _ITS.claimed_until <= _NOW)
_IS_BEHIND = exists().where(
    _OTHER.c.hook == _ITS.hook,
    _OTHER.c.record == _ITS.record,
    _OTHER.c.state == _NEW,
    _OTHER.c.id != _ITS.id,
    or_(
        _OTHER.c.claimed_until > _NOW,
        tuple_(_OTHER.c.moment, _OTHER.c.received_at, _OTHER.c.id)
        < tuple_(_ITS.moment, _ITS.received_at, _ITS.id),
    ),
)
"""Another of the same record is being worked on, or comes first, also while it waits for its next attempt."""
_DUE = select(inbox).where(_WAITS, _IS_FREE, ~_IS_BEHIND).order_by(_ITS.due_at, _ITS.id)
_ANY_DUE = select(literal(1)).where(_WAITS, _IS_FREE, ~_IS_BEHIND).limit(1)
_TAKE = (
    update(inbox)
    .where(_ITS.id == bindparam("its_id"))
    .values(
        claim=bindparam("who"),
        claimed_until=bindparam("until", type_=_ITS.claimed_until.type),
        attempts=_ITS.attempts + 1,
        # Counted before it is known how the attempt ends: one that kills the process is a fault as well.
        faults=_ITS.faults + 1,
    )
)


def _is_any_due(connection: Connection, now: datetime) -> bool:
    return connection.execute(_ANY_DUE, {"now": now}).one_or_none() is not None


def _have_come(connection: Connection, many: int, since: datetime) -> bool:
    latest = select(_ITS.id).where(_ITS.received_at > since).limit(many).subquery()
    return connection.scalar(select(func.count()).select_from(latest)) == many


def _claim(
    connection: Connection, who: str, most: int, now: datetime, lease: timedelta
) -> tuple[Delivery, ...]:
    due = _DUE.limit(most).with_for_update(
        skip_locked=True, of=inbox
    )  # SQLite has one writer, and no such words
    rows = connection.execute(due, {"now": now}).all()
    if rows:
        until = now + lease
        connection.execute(_TAKE, [{"its_id": row.id, "who": who, "until": until} for row in rows])
    return tuple(_delivery(row) for row in rows)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        hook=row.hook,
        kind=HookKind(row.kind),
        delivery_id=row.delivery_id,
        record=row.record,
        event=row.event,
        headers=row.headers,
        query=row.query,
        body=row.body,
        received_at=row.received_at,
        attempts=row.attempts + 1,
        faults=row.faults,
    )


def _renew(connection: Connection, who: str, until: datetime) -> None:
    held = (_ITS.claim == who) & (_ITS.state == _NEW)
    connection.execute(update(inbox).where(held).values(claimed_until=until))


def _settled(settled: Settled, now: datetime) -> dict[str, Any]:  # Any: column by column
    values: dict[str, Any] = {
        "state": settled.state,
        "case_id": settled.case,
        "note": settled.note,
        "problem": settled.problem,
        "claim": None,
        "claimed_until": None,
    }
    if settled.state == DeliveryState.NEW:
        values["due_at"] = settled.again_at or now
    else:
        values["ended_at"] = now
    if not settled.is_fault:
        values["faults"] = _ITS.faults - 1
    return values


def _settle(connection: Connection, delivery: str, who: str, settled: Settled, now: datetime) -> bool:
    mine = (_ITS.id == delivery) & (_ITS.claim == who) & (_ITS.state == DeliveryState.NEW)
    is_mine = connection.execute(update(inbox).where(mine).values(_settled(settled, now))).rowcount == 1
    if is_mine and settled.state == DeliveryState.DEAD:
        _tell_of_dead(connection, delivery, now)
    return is_mine


def _tell_of_dead(connection: Connection, delivery: str, now: datetime) -> None:
    row = connection.execute(select(inbox).where(_ITS.id == delivery)).one()
    said = row.problem["en"]["title"] if row.problem else row.note
    last, dead = f"{row.attempts}", _dead_letters(connection, row.hook)
    tell(connection, DeadLetter(Direction.IN, row.hook, delivery, last, row.case_id, said, dead), now)


def _dead_letters(connection: Connection, hook: str) -> int:
    dead = select(func.count()).where(_ITS.state == DeliveryState.DEAD, _ITS.hook == hook)
    return connection.scalar(dead) or 0


# --------------------------------------------------------------------------- for people

_HEAD = [column for column in _ITS if column.name not in ("body", "headers", "query", "seal")]


def _page(connection: Connection, wanted: DeliveryFilter, part: Slice) -> Page[DeliveryHead]:
    where: list[ColumnElement[bool]] = [true()]
    if wanted.states:
        where.append(_ITS.state.in_(wanted.states))
    if wanted.hook is not None:
        where.append(_ITS.hook == wanted.hook)
    chosen: Select[Any] = select(*_HEAD).where(*where)
    rows = newest_first(connection, chosen, _ITS.received_at, _ITS.id, part)
    return page_of([_head(row) for row in rows], [(row.received_at, row.id) for row in rows], part)


def _find(connection: Connection, delivery: str) -> DeliveryDetail:
    row = connection.execute(select(inbox).where(_ITS.id == delivery)).one_or_none()
    if row is None:
        raise UnknownDelivery(delivery)
    return DeliveryDetail(
        head=_head(row),
        headers=row.headers,
        query=row.query,
        body=row.body,
        source=row.source,
        note=row.note,
        problem=row.problem,
        body_removed_at=row.body_removed_at,
        body_sha256=row.body_sha256,
    )


def _head(row: Row[Any]) -> DeliveryHead:
    return DeliveryHead(
        id=row.id,
        direction=Direction.IN,
        hook=row.hook,
        kind=row.kind,
        event=row.event,
        sender_id=row.delivery_id,
        record=row.record,
        at=row.received_at,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_try=row.due_at if row.state == DeliveryState.NEW else None,
        ended_at=row.ended_at,
        case=row.case_id,
        problem_type=row.problem["en"]["type"] if row.problem else None,
    )


def _replay(connection: Connection, delivery: str, by: Actor, at: datetime) -> None:
    wanted = select(_ITS.state, _ITS.hook, _ITS.body_removed_at).where(_ITS.id == delivery)
    row = connection.execute(wanted.with_for_update()).one_or_none()
    if row is None:
        raise UnknownDelivery(delivery)
    if row.state == DeliveryState.DONE:
        raise DeliveryDone(delivery)
    if row.body_removed_at is not None:
        raise DeliveryBodyRemoved(delivery, f"{row.body_removed_at:%Y-%m-%d}")
    again = {"state": DeliveryState.NEW, "faults": 0, "due_at": at, "ended_at": None}
    connection.execute(update(inbox).where(_ITS.id == delivery, _ITS.state == row.state).values(again))
    note(connection, by, AdminEvent.DELIVERY_REPLAYED, delivery, {"hook": row.hook, "was": row.state}, at)
    if row.state == DeliveryState.DEAD and not _dead_letters(connection, row.hook):
        dealt_with(connection, Direction.IN, row.hook, by, at)
