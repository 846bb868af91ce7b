"""The loop that sends: addresses what has happened, claims what is due, hands it to its channels.

Any number of processes may run it. It runs in the workers and not in the API: what it sends is written by
workers, it needs a way out and may wait for slow receivers, and the API is kept free for its callers.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from service.database import Database
from service.sending.addressing import Addressing
from service.sending.deliveries import Claimed, Deliveries
from service.sending.patience import GIVE_UP_AFTER, LONGEST_DELAY, delay_after
from service.sending.ports import Audience, Channel, Undelivered
from workflows.domain.errors import StorageUnavailable

LONGEST_ATTEMPT = timedelta(seconds=30)
"""Then an attempt has failed, whatever the receiver makes of it; well before the claim is over."""
AT_ONCE = 20
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
        self._per_minute = {
            name: channel.per_minute for name, channel in channels.items() if channel.per_minute is not None
        }

    async def turn(self) -> int:
        """Do once what there is to do; how much it was."""
        addressed = await self._addressing.turn()
        if not await self._deliveries.has_due(self._now()):
            return addressed
        claimed = await self._deliveries.claim(self._now(), AT_ONCE, self._per_minute)
        await asyncio.gather(*(self._attempt(one) for one in claimed))
        return addressed + len(claimed)

    async def run(self) -> None:
        """Take turns until cancelled."""
        while True:
            try:
                done = await self.turn()
            except StorageUnavailable as error:
                log.warning("the register cannot be reached: %s", error)
                done = 0
            except Exception:  # one turn that fails must not end all sending
                log.exception("a turn of the dispatcher failed")
                done = 0
            if not done:
                await asyncio.sleep(IDLE)

    async def _attempt(self, claimed: Claimed) -> None:
        try:
            async with asyncio.timeout(LONGEST_ATTEMPT.total_seconds()):
                await self._channel(claimed.channel).send(claimed.parcel)
        except Undelivered as failure:
            await self._failed(claimed, failure)
        except TimeoutError:
            await self._failed(claimed, Undelivered("the receiver took too long"))
        except Exception as error:  # a channel that breaks holds up its own delivery and nothing else
            log.exception("channel %s broke", claimed.channel)
            await self._failed(claimed, Undelivered(f"the channel broke: {type(error).__name__}"))
        else:
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
