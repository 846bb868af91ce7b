"""Leases as the register has them, and how one is freed whose case runs no longer."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, select, update

from activities.lease_watching import HeldLease
from service.admin_log import AdminEvent, note
from service.database import Database
from service.tables import cases, leases
from workflows.domain.case import Actor
from workflows.domain.digest import Json
from workflows.domain.request import FINAL_STATES


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Leases:
    """Implements `LeaseBook` of `activities/lease_watching.py`. One call is one transaction."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._now = database, now

    async def held(self) -> Sequence[HeldLease]:
        return await self._database.read(_held)

    async def on(self, ledger: str) -> HeldLease | None:
        """Who holds a ledger, if anybody does."""
        return next((lease for lease in await self.held() if lease.ledger == ledger), None)

    async def unfinished(self, ledger: str) -> Sequence[str]:
        return await self._database.read(partial(_unfinished, ledger=ledger))

    async def free(self, lease: HeldLease, by: Actor, comment: str) -> None:
        """Free exactly this lease, on record; one that is held no longer, or anew, stays as it is."""
        await self._database.write(partial(_free, lease=lease, by=by, comment=comment, at=self._now()))


def _held(connection: Connection) -> tuple[HeldLease, ...]:
    rows = connection.execute(select(leases).where(leases.c.holder.is_not(None)).order_by(leases.c.ledger))
    return tuple(HeldLease(row.ledger, row.holder, row.fence, row.taken_at) for row in rows)


def _unfinished(connection: Connection, ledger: str) -> tuple[str, ...]:
    going = (cases.c.ledger == ledger) & cases.c.state.not_in(FINAL_STATES)
    return tuple(connection.scalars(select(cases.c.id).where(going).order_by(cases.c.id)))


def _free(connection: Connection, lease: HeldLease, by: Actor, comment: str, at: datetime) -> None:
    its = leases.c
    same = (its.ledger == lease.ledger) & (its.holder == lease.holder) & (its.fence == lease.fence)
    freed = connection.execute(update(leases).where(same).values(holder=None, taken_at=None))
    if freed.rowcount:
        told: dict[str, Json] = {"holder": lease.holder, "fence": lease.fence, "comment": comment}
        note(connection, by, AdminEvent.LEASE_FREED, lease.ledger, told, at)
