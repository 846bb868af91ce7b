"""Legal holds: while one is not lifted, its case must be kept. Setting and lifting it is on record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, insert, select, update

from service.archive_tables import legal_holds
from service.audit_trail import AuditEntry, AuditKind, append
from service.database import Database
from service.tables import cases
from service.told_rows import rows_told
from workflows.domain.approval import Group
from workflows.domain.case import Actor
from workflows.domain.errors import NotOnHold, UnknownRequest

HOLDERS = (Group.AUDITOR, Group.ADMIN)
"""Who sets and lifts holds."""


@dataclass(frozen=True)
class Hold:
    """One hold, lifted or not."""

    reason: str
    set_by: str
    set_at: datetime
    lift_reason: str | None
    lifted_by: str | None
    lifted_at: datetime | None

    @property
    def is_in_force(self) -> bool:
        return self.lifted_at is None


class LegalHolds:
    """One call is one transaction. A case may have ended or not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_case(self, case: str) -> tuple[Hold, ...]:
        """Every hold there is or was, newest first. Raises UnknownRequest."""
        return await self._database.read(partial(_of_case, case=case))

    async def set(self, case: str, reason: str, by: Actor, at: datetime) -> tuple[Hold, ...]:
        """While one of the same reason by the same person is in force, setting it again changes nothing.

        Raises UnknownRequest.
        """
        return await self._database.write(partial(_set, case=case, reason=reason, by=by, at=at))

    async def lift(self, case: str, reason: str, by: Actor, at: datetime) -> tuple[Hold, ...]:
        """Lift every hold in force. Raises UnknownRequest, NotOnHold."""
        return await self._database.write(partial(_lift, case=case, reason=reason, by=by, at=at))


def _of_case(connection: Connection, case: str) -> tuple[Hold, ...]:
    if connection.scalar(select(cases.c.id).where(cases.c.id == case)) is None:
        raise UnknownRequest(case)
    kept = legal_holds.c
    wanted = select(kept.reason, kept.set_by, kept.set_at, kept.lift_reason, kept.lifted_by, kept.lifted_at)
    rows = connection.execute(wanted.where(kept.case_id == case).order_by(kept.n.desc()))
    return tuple(Hold(*row) for row in rows)


def _set(connection: Connection, case: str, reason: str, by: Actor, at: datetime) -> tuple[Hold, ...]:
    known = _of_case(connection, case)
    if any(hold.is_in_force and (hold.reason, hold.set_by) == (reason, by.person) for hold in known):
        return known
    row = {"case_id": case, "reason": reason, "set_by": by.person, "set_at": at}
    added = connection.execute(insert(legal_holds).values(row).returning(legal_holds.c.n)).scalar_one()
    _tell(connection, AuditKind.HOLD_SET, case, reason, by, at, (added,))
    return _of_case(connection, case)


def _lift(connection: Connection, case: str, reason: str, by: Actor, at: datetime) -> tuple[Hold, ...]:
    if not any(hold.is_in_force for hold in _of_case(connection, case)):
        raise NotOnHold(case)
    in_force = (legal_holds.c.case_id == case) & legal_holds.c.lifted_at.is_(None)
    lifted = {"lift_reason": reason, "lifted_by": by.person, "lifted_at": at}
    lifting = update(legal_holds).where(in_force).values(lifted).returning(legal_holds.c.n)
    which = connection.scalars(lifting).all()
    _tell(connection, AuditKind.HOLD_LIFTED, case, reason, by, at, which)
    return _of_case(connection, case)


def _tell(
    connection: Connection,
    kind: AuditKind,
    case: str,
    reason: str,
    by: Actor,
    at: datetime,
    which: Sequence[int],
) -> None:
    told = {"reason": reason, **rows_told(connection, legal_holds, legal_holds.c.n.in_(which))}
    append(connection, AuditEntry(at, by.person, by.on_behalf_of, kind, case, told))
