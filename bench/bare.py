"""The floor: a workflow that takes the same messages and does as many activities, all of them empty.

A module of its own and a lean one, because the sandbox runs it again for every execution.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow

BARE_QUEUE = "bare"


@dataclass
class Shape:
    """How many activities come before each message and after the last one, counted in a real case."""

    pauses: list[int]
    local: bool
    stamped: int = -1
    """After which of the pauses the moment is written down; none if negative."""
    stamps: str = ""
    """The file that it is written to."""
    body: dict[str, Any] | None = None  # Any: JSON that is only carried


@dataclass
class Said:
    """What a message carries."""

    person: str
    task: str


@activity.defn
async def nothing(n: int) -> int:
    return n


@activity.defn
async def stamp(file: str) -> None:
    """Append the workflow and the moment."""
    with open(file, "a") as stamps:  # noqa: ASYNC230  # one short line
        stamps.write(f"{activity.info().workflow_id} {time.time()}\n")


_LIMIT = timedelta(seconds=30)


@workflow.defn
class Bare:
    @workflow.init
    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.said: list[Said] = []

    @workflow.run
    async def run(self, shape: Shape) -> int:
        for n, count in enumerate(shape.pauses):
            if n:
                await self._message(n)
            await self._pause(n, count)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return len(self.said)

    async def _message(self, n: int) -> None:
        await workflow.wait_condition(lambda: len(self.said) >= n)

    async def _pause(self, n: int, count: int) -> None:
        is_stamped = n == self.shape.stamped
        for k in range(count - is_stamped):
            if self.shape.local:
                await workflow.execute_local_activity(nothing, k, start_to_close_timeout=_LIMIT)
            else:
                await workflow.execute_activity(nothing, k, start_to_close_timeout=_LIMIT)
        if is_stamped and self.shape.local:
            await workflow.execute_local_activity(stamp, self.shape.stamps, start_to_close_timeout=_LIMIT)
        elif is_stamped:
            await workflow.execute_activity(stamp, self.shape.stamps, start_to_close_timeout=_LIMIT)

    @workflow.update
    async def say(self, said: Said) -> int:
        self.said.append(said)
        return len(self.said)

    @say.validator
    def _check(self, said: Said) -> None:
        if len(self.said) >= len(self.shape.pauses) - 1:
            raise ValueError("nothing more is asked")
