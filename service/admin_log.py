"""What administrators and others changed: users, tokens, delegations, schedules, subscriptions; replays."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from service.audit_trail import AuditEntry, append
from service.tables import admin_events
from workflows.domain.case import Actor
from workflows.domain.digest import Json


class AdminEvent(StrEnum):
    USER_ADDED = "user_added"
    USER_CHANGED = "user_changed"
    TOKEN_MADE = "token_made"  # noqa: S105  # a kind of event
    TOKEN_REVOKED = "token_revoked"  # noqa: S105  # a kind of event
    DELEGATION_MADE = "delegation_made"
    DELEGATION_REVOKED = "delegation_revoked"
    POLICY_CHANGED = "policy_changed"
    SCHEDULE_CHANGED = "schedule_changed"
    SCHEDULE_TRIGGERED = "schedule_triggered"
    SCHEDULE_BACKFILLED = "schedule_backfilled"
    SCHEDULE_REMOVED = "schedule_removed"
    DELIVERY_REPLAYED = "delivery_replayed"
    STANDING_TASK_OPENED = "standing_task_opened"
    STANDING_TASK_CHANGED = "standing_task_changed"
    STANDING_TASK_CLOSED = "standing_task_closed"
    LEASE_FREED = "lease_freed"
    SUBSCRIPTION_MADE = "subscription_made"
    SUBSCRIPTION_ENDED = "subscription_ended"


def note(
    connection: Connection,
    by: Actor,
    kind: AdminEvent,
    subject: str,
    data: Mapping[str, Json],
    at: datetime,
) -> None:
    """Put a change on record, in the transaction that makes it: neither is there without the other."""
    row = {"at": at, "actor": by.person, "on_behalf_of": by.on_behalf_of, "kind": kind, "subject": subject}
    added = connection.execute(
        admin_events.insert().returning(admin_events.c.id), {**row, "data": dict(data)}
    )
    told: dict[str, Json] = {"admin_event": added.scalar_one(), **data}
    append(connection, AuditEntry(at, by.person, by.on_behalf_of, kind, subject, told))
