"""Delegations on record: made, revoked, never deleted."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, or_, select, update

from service.admin_log import AdminEvent, note
from service.database import Database, lock_table
from service.intake import KEYS_ARE_KEPT
from service.pages import rows_by
from service.queries import Page, Slice
from service.refusals import SelfAppointed, UnknownDelegation
from service.tables import delegations
from service.told_rows import rows_told
from workflows.domain.case import Actor
from workflows.domain.delegation import Delegation, require_sound, stand_ins_of
from workflows.domain.digest import Json, to_json
from workflows.domain.errors import DelegationEndsTooSoon


@dataclass(frozen=True)
class KeptDelegation:
    """A delegation and what became of it."""

    delegation: Delegation
    created_by: str
    revoked_at: datetime | None
    revoked_by: str | None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Delegations:
    """One call is one transaction. Whether the persons exist is the caller's to ask."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._now = database, now

    async def page(self, person: str | None, part: Slice) -> Page[KeptDelegation]:
        """Newest first: all, or those from or to a person."""
        return await self._database.read(partial(_page, person=person, part=part))

    async def own(self, principal: str) -> tuple[KeptDelegation, ...]:
        """What a person has delegated and is in force or to come, the earliest first."""
        return await self._database.read(partial(_own, principal=principal, at=self._now()))

    async def make(self, wanted: Delegation, by: Actor, call: str | None) -> KeptDelegation:
        """Put a delegation on record; it starts now at the earliest. The same call makes it once.

        Raises:
            SelfAppointed: somebody makes themselves, directly or through others, another's stand-in.
            as `require_sound`.
        """
        at = self._now()
        new = replace(wanted, starts=max(wanted.starts, at))
        return await self._database.write(partial(_make, new=new, by=by, call=call, at=at))

    async def revoke(self, number: int, by: Actor, is_admin: bool) -> KeptDelegation:
        """End it now. Doing it again changes nothing.

        Raises:
            UnknownDelegation: there is none, or none that is theirs to revoke.
        """
        return await self._database.write(
            partial(_revoke, number=number, by=by, is_admin=is_admin, at=self._now())
        )


def in_force(connection: Connection, at: datetime) -> tuple[Delegation, ...]:
    """Every delegation that holds at that instant."""
    holds = (delegations.c.starts <= at, delegations.c.ends > at, delegations.c.revoked_at.is_(None))
    return tuple(_kept(row).delegation for row in connection.execute(select(delegations).where(*holds)))


def _page(connection: Connection, person: str | None, part: Slice) -> Page[KeptDelegation]:
    chosen = select(delegations)
    if person is not None:
        chosen = chosen.where(or_(delegations.c.principal == person, delegations.c.delegate == person))
    rows = rows_by(connection, chosen, delegations.c.id, part, _number, newest_first=True)
    return Page(tuple(_kept(row) for row in rows.items), rows.next)


def _number(text: str) -> int:
    """Raises ValueError for what no database would take as a number of ours."""
    number = int(text)
    if not 0 <= number < 2**31:
        raise ValueError("never given out")
    return number


def _own(connection: Connection, principal: str, at: datetime) -> tuple[KeptDelegation, ...]:
    theirs = (
        delegations.c.principal == principal,
        delegations.c.ends > at,
        delegations.c.revoked_at.is_(None),
    )
    rows = connection.execute(select(delegations).where(*theirs).order_by(delegations.c.starts))
    return tuple(_kept(row) for row in rows)


def _make(
    connection: Connection, new: Delegation, by: Actor, call: str | None, at: datetime
) -> KeptDelegation:
    lock_table(connection, delegations)
    before = _made_by(connection, call, at) if call is not None else None
    if before is not None:
        return before
    known = _not_over(connection, at)
    require_sound(new, known)
    if new.ends <= at:
        raise DelegationEndsTooSoon(at.isoformat(), new.ends.isoformat())
    if by.person != new.principal:
        _require_no_own_favour(new, known, by.person)
    row = {
        "call": call,
        "principal": new.principal,
        "delegate": new.delegate,
        "starts": new.starts,
        "ends": new.ends,
        "ledger": new.ledger,
        "reason": new.reason,
        "created_at": at,
        "created_by": by.person,
    }
    number = connection.execute(delegations.insert().values(row)).inserted_primary_key
    assert number is not None, "the row was written"
    kept = _read(connection, number[0])
    note(connection, by, AdminEvent.DELEGATION_MADE, str(number[0]), _told(connection, kept), at)
    return kept


def _made_by(connection: Connection, call: str, at: datetime) -> KeptDelegation | None:
    """What the same call has made. A key is forgotten after some time and may then name another call."""
    old = (delegations.c.call == call) & (delegations.c.created_at < at - KEYS_ARE_KEPT)
    connection.execute(update(delegations).where(old).values(call=None))
    row = connection.execute(select(delegations).where(delegations.c.call == call)).one_or_none()
    return None if row is None else _kept(row)


def _not_over(connection: Connection, at: datetime) -> tuple[Delegation, ...]:
    wanted = select(delegations).where(delegations.c.ends > at, delegations.c.revoked_at.is_(None))
    return tuple(_kept(row).delegation for row in connection.execute(wanted))


def _require_no_own_favour(new: Delegation, known: tuple[Delegation, ...], maker: str) -> None:
    """Nobody bypasses, administrators included (design §5.5)."""
    further = stand_ins_of(new.delegate, known, new.starts, new.ledger)
    if maker == new.delegate or maker in further:
        raise SelfAppointed(maker, new.principal)


def _revoke(connection: Connection, number: int, by: Actor, is_admin: bool, at: datetime) -> KeptDelegation:
    kept = _read(connection, number)
    if by.person != kept.delegation.principal and not is_admin:
        raise UnknownDelegation(str(number))
    if kept.revoked_at is not None:
        return kept
    ended = {"revoked_at": at, "revoked_by": by.person}
    connection.execute(update(delegations).where(delegations.c.id == number).values(ended))
    kept = _read(connection, number)
    note(connection, by, AdminEvent.DELEGATION_REVOKED, str(number), _told(connection, kept), at)
    return kept


def _read(connection: Connection, number: int) -> KeptDelegation:
    row = connection.execute(select(delegations).where(delegations.c.id == number)).one_or_none()
    if row is None:
        raise UnknownDelegation(str(number))
    return _kept(row)


def _kept(row: Row[Any]) -> KeptDelegation:  # Any: as typed by the columns of the table
    one = Delegation(str(row.id), row.principal, row.delegate, row.starts, row.ends, row.ledger, row.reason)
    return KeptDelegation(one, row.created_by, row.revoked_at, row.revoked_by)


def _told(connection: Connection, kept: KeptDelegation) -> dict[str, Json]:
    said = to_json(kept.delegation)
    assert isinstance(said, dict)
    return {**said, **rows_told(connection, delegations, delegations.c.id == int(kept.delegation.id))}
