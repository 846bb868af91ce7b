"""The loop that sends: addresses what has happened, claims what is due, hands it to its channels.

Any number of processes may run it. It runs in the workers and not in the API: what it sends is written by
workers, it needs a way out and may wait for slow receivers, and the API is kept free for its callers.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from service.database import Database
from service.sending.addressing import Addressing
from service.sending.deliveries import Claimed, Deliveries, Limits
from service.sending.patience import GIVE_UP_AFTER, LONGEST_DELAY, delay_after
from service.sending.ports import Audience, Channel, Undelivered
from service.sending.rests import Rests
from workflows.domain.errors import StorageUnavailable

LONGEST_ATTEMPT = timedelta(seconds=30)
"""Then an attempt has failed, whatever the receiver makes of it; well before the claim is over."""
AT_ONCE = 100
"""Attempts that a process has in hand: far more than a few slow receivers can take up."""
AT_ONCE_BY_CHANNEL = 60
"""A mail server that hangs leaves room for subscribers."""
AT_ONCE_TO_RECEIVER = 2
"""One while it is away."""
IDLE = 1.0
"""Seconds between two looks when there is nothing to do."""

log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Dispatcher:
    """Sends what is due. Killed between any two lines it loses nothing and sends at most once too often."""

    def __init__(
        self,
        database: Database,
        channels: Mapping[str, Channel],
        audiences: Sequence[Audience],
        now: Callable[[], datetime] = _utc_now,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._channels, self._now, self._chance = channels, now, chance
        self._addressing = Addressing(database, audiences, now)
        self._deliveries = Deliveries(database)
        self._rests = Rests(chance)
        self._in_hand: dict[asyncio.Task[None], Claimed] = {}
        self._per_minute = {
            name: channel.per_minute for name, channel in channels.items() if channel.per_minute is not None
        }

    async def turn(self) -> int:
        """Do once what there is to do, to its end; how much it was."""
        addressed, begun = await self._begin()
        await asyncio.gather(*begun)
        return addressed + len(begun)

    async def run(self) -> None:
        """Begin what there is to do until cancelled. Nothing waits for a receiver but what is for it."""
        try:
            while True:
                if not await self._begin_unless_it_fails():
                    await self._wait()
        finally:
            in_hand = [*self._in_hand]
            for task in in_hand:
                task.cancel()
            await asyncio.gather(*in_hand, return_exceptions=True)

    async def _begin_unless_it_fails(self) -> int:
        try:
            addressed, begun = await self._begin()
        except StorageUnavailable as error:
            log.warning("the register cannot be reached: %s", error)
        except Exception:  # one turn that fails must not end all sending
            log.exception("a turn of the dispatcher failed")
        else:
            return addressed + len(begun)
        await asyncio.sleep(IDLE)
        return 0

    async def _wait(self) -> None:
        """Until an attempt has ended, which makes room, or it is time to look again."""
        if self._in_hand:
            await asyncio.wait([*self._in_hand], timeout=IDLE, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(IDLE)

    async def _begin(self) -> tuple[int, Sequence[asyncio.Task[None]]]:
        """Address what has happened, and begin to send what is due: how much, and what."""
        addressed = await self._addressing.turn()
        now, limits = self._now(), self._limits(self._now())
        if limits.most <= 0 or not await self._deliveries.has_due(now, limits.held):
            return addressed, ()
        claimed = await self._deliveries.claim(now, limits)
        return addressed, [self._begin_one(one) for one in claimed]

    def _limits(self, now: datetime) -> Limits:
        by_channel = Counter(one.channel for one in self._in_hand.values())
        by_receiver = Counter(one.parcel.receiver for one in self._in_hand.values())
        full = [name for name, count in by_receiver.items() if count >= self._most_to(name)]
        room = {name: AT_ONCE_BY_CHANNEL - by_channel[name] for name in self._channels}
        held = {*full, *self._rests.resting(now)}
        return Limits(AT_ONCE - len(self._in_hand), self._per_minute, room, held)

    def _most_to(self, receiver: str) -> int:
        return 1 if self._rests.is_away(receiver) else AT_ONCE_TO_RECEIVER

    def _begin_one(self, claimed: Claimed) -> asyncio.Task[None]:
        task = asyncio.create_task(self._attempt(claimed), name=f"send {claimed.parcel.id}")
        self._in_hand[task] = claimed
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        claimed = self._in_hand.pop(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.warning("what became of %s cannot be written down: %s", claimed.parcel.id, error)

    async def _attempt(self, claimed: Claimed) -> None:
        try:
            async with asyncio.timeout(LONGEST_ATTEMPT.total_seconds()):
                await self._channel(claimed.channel).send(claimed.parcel)
        except Undelivered as failure:
            await self._failed(claimed, failure)
        except TimeoutError:
            await self._failed(claimed, Undelivered("the receiver took too long", is_away=True))
        except Exception as error:  # a channel that breaks holds up its own delivery and nothing else
            log.exception("channel %s broke", claimed.channel)
            await self._failed(claimed, Undelivered(f"the channel broke: {type(error).__name__}"))
        else:
            self._rests.end(claimed.parcel.receiver)
            await self._deliveries.delivered(claimed, self._now())

    def _channel(self, name: str) -> Channel:
        """Raises Undelivered."""
        if name not in self._channels:
            raise Undelivered(f"no channel {name!r} is configured", is_final=True)
        return self._channels[name]

    async def _failed(self, claimed: Claimed, failure: Undelivered) -> None:
        now = self._now()
        gives_up = failure.is_final or now - claimed.since >= GIVE_UP_AFTER
        next_at = None if gives_up else now + self._delay(claimed, failure)
        if failure.is_away and not gives_up:
            self._rests.begin(claimed.parcel.receiver, now)
        else:  # it has answered; or else what has waited as long behind it is to be given up as well
            self._rests.end(claimed.parcel.receiver)
        if gives_up:
            parcel = claimed.parcel
            log.error("dead letter %s (%s to %s): %s", parcel.id, parcel.type, parcel.receiver, failure)
        await self._deliveries.failed(claimed, now, str(failure), next_at)

    def _delay(self, claimed: Claimed, failure: Undelivered) -> timedelta:
        own = delay_after(claimed.parcel.attempt, self._chance)
        return own if failure.retry_after is None else max(own, min(failure.retry_after, LONGEST_DELAY))


@asynccontextmanager
async def running(dispatcher: Dispatcher) -> AsyncIterator[None]:
    """Send as long as this lasts."""
    task = asyncio.create_task(dispatcher.run(), name="dispatcher")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
