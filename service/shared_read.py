"""One read for all who ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedRead(Generic[T]):
    """Reads once for everybody who asked before the read began: nobody gets what is older than the question.

    One read runs at a time. Who comes while it runs waits for the next, with all others who do.
    """

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """Raises what the read raises, to all who share it."""
        if self._next is None:
            self._next = asyncio.create_task(self._take_turn())
        # A caller that goes away must not take the read from the others.
        return await asyncio.shield(self._next)

    async def _take_turn(self) -> T:
        async with self._turn:
            self._next = None
            return await self._read()
