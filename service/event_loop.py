"""The event loop that a long-running process turns on: uvloop, where it exists."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

try:
    import uvloop
except ImportError:  # there is none for Windows
    _LOOP = asyncio.new_event_loop
else:
    _LOOP = uvloop.new_event_loop

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:  # Any: as of every coroutine
    """Like `asyncio.run`."""
    with asyncio.Runner(loop_factory=_LOOP) as runner:
        return runner.run(main)
