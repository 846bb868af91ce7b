"""Deliveries out, as people look at them: the other half of `service/deliveries.py`."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, true, update
from typing_extensions import override

from service.admin_log import AdminEvent, note
from service.database import Database
from service.dead_letters import dealt_with
from service.deliveries import DeliveryDetail, DeliveryFilter, DeliveryHead, DeliverySource, Direction
from service.inbox.ports import DeliveryState as Shown
from service.outbox_tables import outgoing
from service.queries import Page, Slice, newest_first, page_of
from service.refusals import DeliveryBodyRemoved, DeliveryDone, UnknownDelivery
from service.sending.deliveries import DeliveryState, dead_letters, hook_of
from service.sending.subscriptions import CHANNEL, PREFIX
from workflows.domain.case import Actor

_S = DeliveryState

SHOWN: Mapping[DeliveryState, Shown] = {
    _S.WAITING: Shown.NEW,
    _S.DELIVERED: Shown.DONE,
    _S.DEAD: Shown.DEAD,
    _S.CANCELLED: Shown.IGNORED,
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Sent(DeliverySource):
    """One call is one transaction."""

    direction = Direction.OUT

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._now = database, now

    @override
    async def page(self, wanted: DeliveryFilter, part: Slice) -> Page[DeliveryHead]:
        return await self._database.read(partial(_page, wanted=wanted, part=part))

    @override
    async def find(self, delivery: str) -> DeliveryDetail:
        return await self._database.read(partial(_find, delivery=delivery))

    @override
    async def replay(self, delivery: str, by: Actor) -> None:
        """Send it again now, with as much patience as a new one, under the same id.

        One that waits is only hurried. An event may be posted again after it has arrived, since its receiver
        knows it by its id; a person who has been told is not told twice.

        Raises:
            UnknownDelivery: there is none.
            DeliveryDone: the person has been told.
            DeliveryBodyRemoved: it ended so long ago that there is nothing to send.
        """
        await self._database.write(partial(_replay, delivery=delivery, by=by, at=self._now()))


def _page(connection: Connection, wanted: DeliveryFilter, part: Slice) -> Page[DeliveryHead]:
    where: list[ColumnElement[bool]] = [true()]
    if wanted.states:
        where.append(outgoing.c.state.in_([ours for ours, shown in SHOWN.items() if shown in wanted.states]))
    if wanted.hook is not None:
        whose = outgoing.c.receiver == PREFIX + wanted.hook
        where.append((outgoing.c.channel == wanted.hook) | whose)
    rows = newest_first(
        connection, select(outgoing).where(*where), outgoing.c.created_at, outgoing.c.id, part
    )
    return page_of([_head(row) for row in rows], [(row.created_at, row.id) for row in rows], part)


def _row(
    connection: Connection, delivery: str, *, to_change: bool = False
) -> Row[Any]:  # Any: as typed by the columns of the table
    found = select(outgoing).where(outgoing.c.id == delivery)
    row = connection.execute(found.with_for_update() if to_change else found).one_or_none()
    if row is None:
        raise UnknownDelivery(delivery)
    return row


def _find(connection: Connection, delivery: str) -> DeliveryDetail:
    row = _row(connection, delivery)
    body = json.dumps(row.body, ensure_ascii=False, separators=(",", ":")).encode()
    return DeliveryDetail(
        head=_head(row),
        headers={},
        query="",
        body=body if row.body_removed_at is None else b"",
        source=row.receiver,
        note=row.error,
        problem=None,
        body_removed_at=row.body_removed_at,
        body_sha256=row.body_sha256,
    )


def _replay(connection: Connection, delivery: str, by: Actor, at: datetime) -> None:
    row = _row(connection, delivery, to_change=True)
    if row.state == _S.DELIVERED and row.channel != CHANNEL:
        raise DeliveryDone(delivery)
    if row.body_removed_at is not None:
        raise DeliveryBodyRemoved(delivery, f"{row.body_removed_at:%Y-%m-%d}")
    hurried: dict[str, Any] = {"next_at": at, "quiet": None}  # Any: columns
    if row.state != _S.WAITING:
        anew = {"since": at, "ended_at": None, "attempts": 0, "claim": None, "claimed_until": None}
        hurried |= {"state": _S.WAITING, **anew}
    connection.execute(update(outgoing).where(outgoing.c.id == delivery).values(**hurried))
    said = {"was": str(row.state), "receiver": row.receiver, "error": row.error}
    note(connection, by, AdminEvent.DELIVERY_REPLAYED, delivery, said, at)
    if row.state == _S.DEAD and not dead_letters(connection, row.channel, row.receiver):
        dealt_with(connection, Direction.OUT, hook_of(row.channel, row.receiver), by, at)


def _head(row: Row[Any]) -> DeliveryHead:  # Any: as typed by the columns of the table
    is_event = row.channel == CHANNEL
    state = DeliveryState(row.state)
    return DeliveryHead(
        id=row.id,
        direction=Direction.OUT,
        hook=hook_of(row.channel, row.receiver),
        kind=CHANNEL if is_event else "message",
        event=row.type,
        sender_id=row.body["id"] if is_event else row.id,
        record=None if is_event else row.receiver,
        at=row.created_at,
        state=SHOWN[state],
        attempts=row.attempts,
        next_try=row.next_at if state == _S.WAITING else None,
        ended_at=row.ended_at,
        case=row.case_id,
        problem_type=None,
    )
