"""Callers that come together share one read, and nobody gets what was read before the question."""

import asyncio
from itertools import count

import pytest

from service.shared_read import SharedRead


class Source:
    """Gives what it holds when a read begins; reads end when told to."""

    def __init__(self) -> None:
        self.reads = count(1)
        self.begun = 0
        self.go = asyncio.Event()

    async def read(self) -> int:
        self.begun = next(self.reads)
        seen = self.begun
        await self.go.wait()
        return seen


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_that_come_together_share_one_read() -> None:
    source = Source()
    shared = SharedRead(source.read)
    source.go.set()
    assert await asyncio.gather(*(shared() for _ in range(50))) == [1] * 50


async def test_a_caller_that_comes_during_a_read_waits_for_the_next() -> None:
    source = Source()
    shared = SharedRead(source.read)
    early = asyncio.create_task(shared())
    await _settle()
    late = [asyncio.create_task(shared()) for _ in range(3)]
    await _settle()
    assert source.begun == 1
    source.go.set()
    assert await early == 1
    assert await asyncio.gather(*late) == [2, 2, 2]


async def test_a_caller_that_goes_away_takes_the_read_from_nobody() -> None:
    source = Source()
    shared = SharedRead(source.read)
    gone, other = asyncio.create_task(shared()), asyncio.create_task(shared())
    await _settle()
    gone.cancel()
    source.go.set()
    assert await other == 1


async def test_what_a_read_fails_with_reaches_everybody_and_the_next_reads_anew() -> None:
    reads = count(1)

    async def read() -> int:
        number = next(reads)
        if number == 1:
            raise OSError("away")
        return number

    shared = SharedRead(read)
    failed = await asyncio.gather(shared(), shared(), return_exceptions=True)
    assert [str(each) for each in failed] == ["away", "away"]
    assert await shared() == 2


async def test_a_read_of_which_everybody_has_gone_away_is_no_obstacle() -> None:
    source = Source()
    shared = SharedRead(source.read)
    gone = asyncio.create_task(shared())
    await _settle()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    source.go.set()
    assert await shared() == 2
