"""Fakes of those who are told things: a channel that takes or refuses, an audience that names receivers."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.sending.ports import Addressed, News, Parcel, QuietHours, Undelivered


@dataclass
class FakeClock:
    """A clock that stands still until it is moved."""

    at: datetime

    def __call__(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


@dataclass
class FakeChannel:
    """Takes parcels, or refuses them as a test wants."""

    per_minute: int | None = None
    taken: list[Parcel] = field(default_factory=list)
    tried: list[Parcel] = field(default_factory=list)
    refuses: Callable[[Parcel], Undelivered | None] = lambda _: None
    pause: asyncio.Event | None = None
    """If given, a parcel that is being sent waits for it."""

    async def send(self, parcel: Parcel) -> None:
        self.tried.append(parcel)
        if self.pause is not None:
            await self.pause.wait()
        refusal = self.refuses(parcel)
        if refusal is not None:
            raise refusal
        self.taken.append(parcel)


@dataclass
class FakeAudience:
    """Everything concerns the same receivers."""

    receivers: tuple[str, ...] = ("person:li",)
    channel: str = "fake"
    quiet: QuietHours | None = None
    is_urgent: Callable[[News], bool] = lambda _: False
    breaks_on: int | None = None
    """Number of an event that it cannot make sense of."""

    async def addressed(self, news: News) -> Sequence[Addressed]:
        if news.event.seq == self.breaks_on:
            raise RuntimeError("a fault in an audience")
        return [
            Addressed(
                type=str(news.event.kind),
                channel=self.channel,
                receiver=receiver,
                body={"seq": news.event.seq},
                quiet=self.quiet,
                is_urgent=self.is_urgent(news),
            )
            for receiver in self.receivers
        ]
