"""One case of the bare workflow, driven with the messages that a real one gets."""

import asyncio
import time
from datetime import timedelta
from itertools import count
from pathlib import Path

from temporalio.client import Client

from bench.bare import BARE_QUEUE, Bare, Said, Shape
from bench.case import PATIENCE, Played

_MESSAGES = ("approve", "approve", "approve", "authorise", "authorise", "finish")
_LAST_CONSENT = 5
_TASK_TIMEOUT = timedelta(seconds=2)


class BareCases:
    """Sends each message as soon as the one before it is answered."""

    def __init__(self, client: Client, pauses: list[int], stamps: Path, *, local: bool) -> None:
        self._client, self._stamps = client, stamps
        self._shape = Shape(pauses, local, _LAST_CONSENT, str(stamps))
        self._numbers = count(1)

    async def play(self, lane: str) -> Played:
        name = f"{lane}-{'local' if self._shape.local else 'remote'}-{next(self._numbers)}"
        handle = await self._client.start_workflow(
            Bare.run, self._shape, id=name, task_queue=BARE_QUEUE, task_timeout=_TASK_TIMEOUT
        )
        sent = 0.0
        for n, message in enumerate(_MESSAGES, start=1):
            if n == _LAST_CONSENT:
                sent = time.time()
            await handle.execute_update(Bare.say, Said(lane, message), id=f"{name}-{n}")
        await asyncio.wait_for(handle.result(), PATIENCE)
        return Played(name, self._stamped(name) - sent)

    def _stamped(self, name: str) -> float:
        """When the worker has come to the end of what follows the last consent."""
        stamps = dict(line.split() for line in self._stamps.read_text().splitlines())
        return float(stamps[name])
