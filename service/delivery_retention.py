"""Bodies of deliveries are kept for a time after their end; the rows stay, so that once is once for ever.

What is dead is not at its end: an operator may still have it tried again. Nothing is removed of a case that
runs, nor of one under a legal hold.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, bindparam, exists, select, update

from service.archive_tables import legal_holds
from service.database import Database
from service.deliveries import Direction
from service.inbox.ports import DeliveryState as In
from service.inbox_tables import inbox
from service.outbox_tables import outgoing
from service.sending.deliveries import DeliveryState as Out
from service.tables import cases
from workflows.domain.digest import Json, sha256
from workflows.domain.request import FINAL_STATES
from workflows.periodic_steps import JobDone, JobOrder

AT_ONCE = 500
"""Rows of one transaction: others write in between."""

_ENDED_IN = (In.DONE, In.FAILED, In.IGNORED)
_ENDED_OUT = (Out.DELIVERED, Out.CANCELLED)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class DeliveryRetention:
    """Removing twice is removing once: what is removed is not found again."""

    def __init__(
        self,
        database: Database,
        keep: timedelta,
        now: Callable[[], datetime] = _utc_now,
        at_once: int = AT_ONCE,
    ) -> None:
        self._database, self._keep, self._now, self._at_once = database, keep, now, at_once

    async def tidy(self, order: JobOrder) -> JobDone:
        """Remove the bodies of all that ended longer ago than they are kept."""
        removed = {
            str(Direction.IN): await self._remove(_remove_in),
            str(Direction.OUT): await self._remove(_remove_out),
        }
        return JobDone({**removed, "keep_days": self._keep.days})

    async def _remove(self, some: Callable[..., int]) -> int:
        now, total = self._now(), 0
        work = partial(some, before=now - self._keep, now=now, most=self._at_once)
        while removed := await self._database.write(work):
            total += removed
        return total


def _wanted(
    connection: Connection, table: Table, states: tuple[str, ...], before: datetime, most: int
) -> Sequence[Any]:  # Any: rows of two columns
    """Ids and bodies, held until the end of the transaction: none is tried again meanwhile."""
    its = table.c
    runs = exists().where(cases.c.id == its.case_id, cases.c.state.not_in(FINAL_STATES))
    is_held = exists().where(legal_holds.c.case_id == its.case_id, legal_holds.c.lifted_at.is_(None))
    ended = (its.ended_at <= before) & its.body_removed_at.is_(None) & its.state.in_(states)
    wanted = select(its.id, its.body).where(ended, ~runs, ~is_held).order_by(its.ended_at).limit(most)
    return connection.execute(wanted.with_for_update(skip_locked=True, of=table)).all()


def _remove_in(connection: Connection, before: datetime, now: datetime, most: int) -> int:
    rows = _wanted(connection, inbox, _ENDED_IN, before, most)
    told = [{"its_id": row.id, "digest": hashlib.sha256(row.body).hexdigest()} for row in rows]
    return _remove(connection, inbox, told, now, {"body": b"", "headers": {}, "query": ""})


def _remove_out(connection: Connection, before: datetime, now: datetime, most: int) -> int:
    rows = _wanted(connection, outgoing, _ENDED_OUT, before, most)
    told = [{"its_id": row.id, "digest": sha256(row.body), "left": _name_of(row.body)} for row in rows]
    return _remove(connection, outgoing, told, now, {"body": bindparam("left", type_=outgoing.c.body.type)})


def _name_of(body: dict[str, Json]) -> dict[str, Json]:
    """The id under which the receiver of an event knows it: lists go on naming it."""
    return {name: body[name] for name in body if name == "id"}


def _remove(
    connection: Connection,
    table: Table,
    told: list[dict[str, Any]],  # Any: parameters
    now: datetime,
    values: dict[str, Any],  # Any: columns
) -> int:
    if told:
        said = {**values, "body_sha256": bindparam("digest"), "body_removed_at": now}
        connection.execute(update(table).where(table.c.id == bindparam("its_id")).values(said), told)
    return len(told)
