"""What rows that put an API under load have in common: fifty clients, blocks of calls, percentiles."""

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from temporalio.client import Client

from bench.harness import Figures, Line, Spent, Spread
from bench.processes import BenchFailed, Process

CLIENTS = 50
PATIENCE = 60.0
_IDLE, _LOOK = 0.05, 0.25
"""A worker is idle that uses less than this share of a core between two looks, so many seconds apart."""
_WHO = ("api", "server", "worker", "driver")
_WORKED = ("api", "server", "worker")
"""Whose processor time counts; the driver is the same for both."""


@dataclass(frozen=True)
class Block:
    """One subject in one round."""

    spent: Spent
    seconds: Sequence[float]
    """How long each call took."""

    def percentile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def cpu_ms(self, *who: str) -> float:
        return sum(self.spent.cpu[name] for name in who) / len(self.seconds) * 1000


Blocks = Mapping[str, Sequence[Block]]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


async def clear_away(plain: Client, workflows: Sequence[str]) -> None:
    at_once = asyncio.Semaphore(CLIENTS)

    async def terminate(workflow: str) -> None:
        async with at_once:
            await plain.get_workflow_handle(workflow).terminate("measured")

    await asyncio.gather(*map(terminate, workflows))


async def until_idle(worker: Process) -> None:
    """Wait until the worker has dropped what was terminated. Raises BenchFailed."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        before = worker.cpu
        await asyncio.sleep(_LOOK)
        if worker.cpu - before < _IDLE * _LOOK:
            return
    raise BenchFailed(f"{worker.name} is still busy after {PATIENCE:.0f} s")


# --------------------------------------------------------------------------- what is shown


def ratio(blocks: Blocks, real: str, bare: str, share: float) -> Spread:
    """Of a percentile of the waiting."""
    over, under = ([block.percentile(share) for block in blocks[name]] for name in (real, bare))
    return Spread.ratio(over, under)


def cpu_line(blocks: Blocks, real: str, bare: str, what: str) -> Line:
    """Processor time of all who worked, which other people's load on the machine hardly touches."""
    over, under = ([block.cpu_ms(*_WORKED) for block in blocks[name]] for name in (real, bare))
    return Line(f"{what}: CPU of API, worker and server a call, against bare", Spread.ratio(over, under))


def figures(blocks: Blocks, title: str) -> Figures:
    lines = [
        (
            name,
            *(
                Spread.of([block.percentile(share) * 1000 for block in found]).text(0)
                for share in (0.5, 0.95)
            ),
            Spread.of([len(block.seconds) / block.spent.seconds for block in found]).text(0),
            *(Spread.of([block.cpu_ms(who) for block in found]).text(1) for who in _WHO),
        )
        for name, found in blocks.items()
    ]
    headings = ("subject", "p50, ms", "p95, ms", "calls/s", *(f"{who}, CPU ms a call" for who in _WHO))
    return Figures(title, headings, tuple(lines))
