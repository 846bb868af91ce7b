"""The two ports of sending: who is to hear of an event, and the way to a receiver."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from workflows.domain.case import CaseEvent
from workflows.domain.digest import Json
from workflows.domain.request import CaseState, UncloseRequest


@dataclass(frozen=True)
class News:
    """An event, and the case it happened in."""

    request: UncloseRequest
    event: CaseEvent
    state: CaseState
    """Where the case stands now; what the event tells may be older."""


@dataclass(frozen=True)
class QuietHours:
    """When a person is not to be disturbed, by the clock of their time zone; may span midnight."""

    start: str
    """HH:MM, included."""
    end: str
    """HH:MM, not included."""
    time_zone: str


@dataclass(frozen=True)
class Addressed:
    """One thing for one receiver, on one channel."""

    type: str
    channel: str
    """Name of the channel that carries it."""
    receiver: str
    """What it is kept in order for, and told once: `subscription:…`, `person:…`, `channel:…`."""
    body: dict[str, Json]
    """What the channel makes its message of."""
    quiet: QuietHours | None = None
    is_urgent: bool = False
    """Whether it goes out at once, with all of the case that the same receiver has not been told before."""


class Audience(Protocol):
    """Knows who must hear of what. Asked again after a crash, so it only reads."""

    async def addressed(self, news: News) -> Sequence[Addressed]:
        """What is to be sent because of this event."""


@dataclass(frozen=True)
class Parcel:
    """A delivery as its channel gets it. The same one may come again: the receiver knows it by its id."""

    id: str
    case: str
    seq: int
    type: str
    receiver: str
    body: dict[str, Json]
    attempt: int
    """From 1."""
    at: datetime
    """When it is sent."""


class Channel(Protocol):
    """A way to receivers."""

    per_minute: int | None
    """How many may be sent in a minute, by all processes together; none if nobody counts."""

    async def send(self, parcel: Parcel) -> None:
        """Hand it over. Returning means that the receiver has said yes.

        Raises:
            Undelivered: it has not, or not in words that can be relied on.
        """


class Undelivered(Exception):
    """The receiver has not taken it; the text says why, without secrets."""

    def __init__(
        self,
        reason: str,
        *,
        is_final: bool = False,
        is_away: bool = False,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(reason)
        self.is_away = is_away
        """Whether it has not answered at all: then nothing else is sent to it for a while."""
        self.is_final = is_final
        """Whether trying again is of no use until somebody has put something right."""
        self.retry_after = retry_after
        """How long the receiver asks not to be bothered."""
