"""The chain of everything that is no event of a case: reads and exports, acts on backups, administration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from activities.verifier import digest_of
from service.database import Database, insert_new
from service.trail_tables import audit_events, chain_heads
from workflows.domain.case import Actor
from workflows.domain.digest import Json, to_json

CHAIN = "audit"
"""Name of the chain among the heads; its first link is the digest of this name."""


class AuditKind(StrEnum):
    """What is told here besides the changes of `AdminEvent`."""

    EVIDENCE_READ = "evidence_read"
    EVIDENCE_EXPORTED = "evidence_exported"
    REPORT_READ = "report_read"
    DIFFERENCE_READ = "difference_read"
    ATTACHMENT_READ = "attachment_read"
    TRAIL_READ = "trail_read"
    VERIFIED = "verified"
    REPORT_MADE = "report_made"
    PACKAGE_MADE = "package_made"
    CHECKPOINT_MADE = "checkpoint_made"
    CHECKPOINT_STAMPED = "checkpoint_stamped"
    BACKUP_KEPT = "backup_kept"
    BACKUP_ACT = "backup_act"
    ROOT_CAUSE_NAMED = "root_cause_named"
    HOLD_SET = "hold_set"
    HOLD_LIFTED = "hold_lifted"
    WATCH_LEARNED = "watch_learned"


@dataclass(frozen=True)
class AuditEntry:
    """One thing to be told."""

    at: datetime
    actor: str
    on_behalf_of: str | None
    kind: str
    subject: str
    data: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditFilter:
    kind: str | None = None
    actor: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class AuditEvent:
    """One thing as it stands in the chain."""

    n: int
    at: datetime
    actor: str
    on_behalf_of: str | None
    kind: str
    subject: str
    data: Json
    digest_of_previous: str
    digest: str


def _utc_now() -> datetime:
    return datetime.now(UTC)


class AuditTrail:
    """Adds to the chain, and reads it. One call is one transaction."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._now = database, now

    async def tell(self, actor: Actor, kind: AuditKind, subject: str, data: Mapping[str, Json]) -> None:
        """Put on record what somebody has read, exported or checked. Raises StorageUnavailable."""
        entry = AuditEntry(self._now(), actor.person, actor.on_behalf_of, kind, subject, data)
        await self._database.write(partial(append, entry=entry))

    async def page(self, wanted: AuditFilter, limit: int, before: int | None) -> tuple[AuditEvent, ...]:
        """At most so many, newest first, from before the given number."""
        return await self._database.read(partial(_page, wanted=wanted, limit=limit, before=before))


def append(connection: Connection, entry: AuditEntry) -> None:
    """Add to the chain within the transaction of the act that is told; nobody else adds to it meanwhile."""
    head = hold(connection)
    row: dict[str, Any] = {  # Any: a row to be written, column by column
        "n": head.n + 1,
        "at": entry.at,
        "actor": entry.actor,
        "on_behalf_of": entry.on_behalf_of,
        "kind": str(entry.kind),
        "subject": entry.subject,
        "data": to_json(entry.data),
        "digest_of_previous": head.digest,
    }
    digest = digest_of(to_json(row))
    connection.execute(audit_events.insert(), {**row, "digest": digest})
    moved = update(chain_heads).where(chain_heads.c.name == CHAIN)
    connection.execute(moved.values(n=head.n + 1, digest=digest))


def hold(connection: Connection) -> Any:  # Any: a row of the heads
    """The end of the chain, kept for oneself until the transaction ends."""
    wanted = select(chain_heads).where(chain_heads.c.name == CHAIN).with_for_update()
    head = connection.execute(wanted).one_or_none()
    if head is None:
        first = {"name": CHAIN, "n": 0, "digest": digest_of(CHAIN)}
        connection.execute(insert_new(connection, chain_heads), first)
        head = connection.execute(wanted).one()
    return head


def newest_of(connection: Connection, kind: AuditKind, subject: str) -> Json:
    """What was told last of this kind about a subject; none if nothing was."""
    wanted = select(audit_events.c.data).where(audit_events.c.kind == kind, audit_events.c.subject == subject)
    told: Json = connection.scalar(wanted.order_by(audit_events.c.n.desc()).limit(1))
    return told


def _page(
    connection: Connection, wanted: AuditFilter, limit: int, before: int | None
) -> tuple[AuditEvent, ...]:
    chosen = select(audit_events).where(*_conditions(wanted))
    if before is not None:
        chosen = chosen.where(audit_events.c.n < before)
    rows = connection.execute(chosen.order_by(audit_events.c.n.desc()).limit(limit)).mappings()
    return tuple(AuditEvent(**row) for row in rows)


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    same = {"kind": wanted.kind, "actor": wanted.actor, "subject": wanted.subject}
    found = [audit_events.c[name] == value for name, value in same.items() if value is not None]
    if wanted.since is not None:
        found.append(audit_events.c.at >= wanted.since)
    if wanted.until is not None:
        found.append(audit_events.c.at < wanted.until)
    return found
