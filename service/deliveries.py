"""Deliveries in both directions as people look at them: one page over what came in and what goes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from service.inbox.ports import DeliveryState
from service.queries import Page, Slice, page_of
from service.refusals import UnknownDelivery
from workflows.domain.case import Actor
from workflows.domain.digest import Json


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


@dataclass(frozen=True)
class DeliveryFilter:
    states: tuple[DeliveryState, ...] = ()
    hook: str | None = None
    direction: Direction | None = None


@dataclass(frozen=True)
class DeliveryHead:
    """A delivery as lists show it."""

    id: str
    """Its beginning tells its source: two sources never give out the same."""
    direction: Direction
    hook: str
    """The hook it came in by, or the subscription or channel it goes out by."""
    kind: str
    event: str
    sender_id: str
    """The id under which sender and receiver know it."""
    record: str | None
    """What it is about at the sender's."""
    at: datetime
    state: DeliveryState
    attempts: int
    next_try: datetime | None
    ended_at: datetime | None
    case: str | None
    problem_type: str | None


@dataclass(frozen=True)
class DeliveryDetail:
    """All that is kept of a delivery."""

    head: DeliveryHead
    headers: Mapping[str, str]
    query: str
    body: bytes
    source: str
    """Address it came from, or goes to."""
    note: str
    problem: Mapping[str, Mapping[str, Json]] | None
    """The problem document of the last attempt, by language."""
    body_removed_at: datetime | None
    """When the body was removed, with headers and query; none while it is kept."""
    body_sha256: str | None
    """What a removed body was."""


class DeliverySource(Protocol):
    """The deliveries of one direction."""

    @property
    def direction(self) -> Direction: ...

    async def page(self, wanted: DeliveryFilter, part: Slice) -> Page[DeliveryHead]:
        """Newest first, by `at` and then `id`. Raises CursorUnreadable."""

    async def find(self, delivery: str) -> DeliveryDetail:
        """Raises UnknownDelivery."""

    async def replay(self, delivery: str, by: Actor) -> None:
        """Have it tried again now; who asked goes on record.

        Raises:
            UnknownDelivery, DeliveryDone, DeliveryBodyRemoved: there is nothing to be tried.
        """


class Deliveries:
    """Everything that was delivered or is to be."""

    def __init__(self, sources: Sequence[DeliverySource]) -> None:
        self._sources = tuple(sources)

    async def page(self, wanted: DeliveryFilter, part: Slice) -> Page[DeliveryHead]:
        """Newest first, whatever the direction. Raises CursorUnreadable."""
        one_more = replace(part, limit=part.limit + 1)
        asked = (source for source in self._sources if wanted.direction in (None, source.direction))
        found = [head for source in asked for head in (await source.page(wanted, one_more)).items]
        found.sort(key=lambda head: (head.at, head.id), reverse=True)
        newest = found[: one_more.limit]
        return page_of(newest, [(head.at, head.id) for head in newest], part)

    async def find(self, delivery: str) -> DeliveryDetail:
        """Raises UnknownDelivery."""
        return (await self._found(delivery))[1]

    async def replay(self, delivery: str, by: Actor) -> DeliveryDetail:
        """Have it tried again now. Raises as `DeliverySource.replay`."""
        source, _ = await self._found(delivery)
        await source.replay(delivery, by)
        return await source.find(delivery)

    async def _found(self, delivery: str) -> tuple[DeliverySource, DeliveryDetail]:
        for source in self._sources:
            try:
                return source, await source.find(delivery)
            except UnknownDelivery:
                continue
        raise UnknownDelivery(delivery)
