"""What a delivery is, and what is asked of whoever handles those of one kind of hook."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from pydantic import SecretStr


class HookKind(StrEnum):
    JIANDAOYUN = "jiandaoyun"
    GENERIC = "generic"


class DeliveryState(StrEnum):
    NEW = "new"
    """It waits, or is being worked on."""
    DONE = "done"
    FAILED = "failed"
    """The rules have said no; the problem is kept."""
    DEAD = "dead"
    """It was tried too often. A person may have it tried again."""
    IGNORED = "ignored"
    """It asks for nothing."""


@dataclass(frozen=True)
class Hook:
    """One way in, as it is configured."""

    name: str
    kind: HookKind
    secrets: tuple[SecretStr, ...]
    """Newest first; a signature by any of them holds, so that secrets can be changed without a gap."""
    account: str
    """The service account that asks, on behalf of whom the delivery names."""
    window: timedelta
    """How old, or how far ahead, the time in a signature may be."""
    options: Mapping[str, Any] = field(default_factory=dict)  # Any: read by the handler of the kind


@dataclass(frozen=True)
class Place:
    """Where a delivery stands in line."""

    event: str = ""
    """What has happened, in the sender's word; empty if there is none."""
    record: str | None = None
    """What it is about at the sender's; none if it stands in no line."""
    moment: int | None = None
    """When it happened there, in milliseconds since 1970; its arrival if none."""


@dataclass(frozen=True)
class Delivery:
    """One delivery as a handler gets it; its signature has been verified."""

    id: str
    hook: str
    kind: HookKind
    delivery_id: str
    record: str | None
    event: str
    headers: Mapping[str, str]
    query: str
    body: bytes
    received_at: datetime
    attempts: int
    """Which attempt this is, from 1."""
    faults: int = 0
    """How many attempts before this one have ended in nothing known."""


@dataclass(frozen=True)
class Outcome:
    """What became of a delivery."""

    state: DeliveryState = DeliveryState.DONE
    """Done or ignored; failures are raised."""
    case: str | None = None
    note: str = ""
    """For people who look at the delivery."""


class TryLater(Exception):
    """A handler can do nothing about a delivery yet, through nobody's fault."""

    def __init__(self, reason: str, after: timedelta) -> None:
        super().__init__(reason)
        self.reason, self.after = reason, after


class Handler(Protocol):
    """Handles the deliveries of one kind of hook."""

    async def handle(self, delivery: Delivery, hook: Hook) -> Outcome:
        """Do what the delivery asks for. Called again until it has ended once: must be safe to repeat.

        Raises:
            UncloseError, ServiceRefusal, ValidationError: it cannot be taken; the problem is kept.
            Unavailable, TryLater: it is tried again, however long that takes.
            anything else: it is tried again a few times, then it is dead.
        """
