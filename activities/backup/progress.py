"""How far a long step has come: heartbeats in bytes with an estimate, and stopping when it is cancelled."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from temporalio import activity

HEARTBEAT_EVERY = 2.0
"""Seconds; well below the heartbeat time-out of the steps."""

T = TypeVar("T")


class Stopped(Exception):
    """The step has been cancelled, or its worker stops."""


@dataclass(frozen=True)
class Progress:
    """What a heartbeat carries."""

    doing: str
    bytes: int
    of: int | None
    """How many bytes it will be, as far as can be told."""
    seconds_left: int | None


class Meter:
    """Counts what moves, in whatever thread, and is asked from another."""

    def __init__(self) -> None:
        self._doing, self._bytes, self._of = "starting", 0, 0
        self._began = time.monotonic()
        self._is_stopped = False

    def begin(self, doing: str, of: int = 0) -> None:
        """From here on something else is done."""
        self._doing, self._bytes, self._of, self._began = doing, 0, of, time.monotonic()

    def moved(self, count: int) -> None:
        """Raises Stopped once nobody wants the result any more."""
        if self._is_stopped:
            raise Stopped
        self._bytes += count

    def stop(self) -> None:
        self._is_stopped = True

    def progress(self) -> Progress:
        of = max(self._of, self._bytes) or None
        left = None
        if of is not None and self._bytes:
            rate = self._bytes / max(time.monotonic() - self._began, 0.001)
            left = round((of - self._bytes) / rate)
        return Progress(self._doing, self._bytes, of, left)


async def in_thread(meter: Meter, work: Callable[[], T]) -> T:
    """Run blocking work; when cancelled, stop it and wait until it has let go of its files."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        meter.stop()
        with suppress(Exception):
            await running
        raise


@asynccontextmanager
async def heartbeats() -> AsyncIterator[Meter]:
    """Tell the platform that the step is alive and how far it is, so that only a dead worker's starts again.

    Outside an activity nobody is told.
    """
    meter = Meter()

    async def beat() -> None:
        while activity.in_activity():
            activity.heartbeat(meter.progress())
            await asyncio.sleep(HEARTBEAT_EVERY)

    beating = asyncio.create_task(beat())
    try:
        yield meter
    finally:
        beating.cancel()
