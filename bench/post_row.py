"""`POST /requests` at fifty clients against the least that answers the same call by starting a workflow."""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from uuid import uuid4

import httpx
from temporalio.client import Client

from bench.harness import Budget, Figures, Line, Meter, Result, Spent, Spread, take_turns
from bench.history import past_of
from bench.processes import BenchFailed, Process
from bench.real_case import RegisterWatch
from bench.stage import Stage
from service.temporal_server import free_port
from workflows.domain.case import workflow_id

REAL, BARE = "POST /api/v1/requests", "bare POST, start_workflow"
_CLIENTS, _CALLS, _WARM = 50, 300, 50
_PATIENCE = 60.0
_IDLE, _LOOK = 0.05, 0.25
"""A worker is idle that uses less than this share of a core between two looks, so many seconds apart."""
_WHO = ("api", "server", "worker", "driver")


_BODY = {
    "target_period": "2025-03",
    "modules": ["inventory"],
    "reason_code": "stocktake_omission",
    "reason": "三月盘点遗漏 B 仓两个货位",
    "scope": [{"document": "IN-2025-03-0007", "intent": "correct", "note": "数量少录 20"}],
    "correctors": ["clerk"],
    "window_hours": 24,
}


@dataclass(frozen=True)
class Subject:
    """An API under load, the worker behind it, and the workflow that an answer speaks of."""

    url: str
    api: Process
    worker: Process
    workflow: Callable[[str], str]


@dataclass(frozen=True)
class Block:
    """One subject in one round."""

    spent: Spent
    seconds: Sequence[float]
    """How long each call took."""

    def percentile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def cpu_ms(self, who: str) -> float:
        return self.spent.cpu[who] / len(self.seconds) * 1000


Blocks = Mapping[str, Sequence[Block]]


def measure(stage: Stage, rounds: int) -> Result:
    """Raises BenchFailed."""
    port, bare_port = free_port(), free_port()
    with stage.worker() as worker, stage.bare_worker() as bare_worker:
        env = {"UNCLOSE_HOST": "127.0.0.1", "UNCLOSE_PORT": str(port)}
        with stage.run("api", "service.cli", "api", env=env) as api:
            api.await_ready(lambda: _listens(port))
            real = Subject(f"http://127.0.0.1:{port}/api/v1/requests", api, worker, workflow_id)
            activities = asyncio.run(_activities_before_approval(stage, real))
            arguments = (stage.address, str(bare_port), str(activities))
            with stage.run("bare-api", "bench.bare_api", *arguments) as bare_api:
                bare_api.await_ready(lambda: _listens(bare_port))
                bare = Subject(f"http://127.0.0.1:{bare_port}/requests", bare_api, bare_worker, str)
                blocks = asyncio.run(_rounds(stage, {REAL: real, BARE: bare}, rounds))
    return Result(_lines(blocks), (_figures(blocks),))


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


async def _activities_before_approval(stage: Stage, real: Subject) -> int:
    """Counted in a case that has come to its first approval."""
    plain = await Client.connect(stage.address)
    async with httpx.AsyncClient(timeout=_PATIENCE) as client:
        number, _ = await _post(client, real, stage.ledgers[0])
    with closing(RegisterWatch(stage.register)) as watch:
        await watch.digest_of(f"{number}-approval-1-1")
    handle = plain.get_workflow_handle(real.workflow(number))
    await asyncio.sleep(_LOOK)  # until the task that has asked is reported to the server
    activities = sum((await past_of(handle)).pauses)
    await handle.terminate()
    if not activities:
        raise BenchFailed(f"{number} waits for its approval, but its history does not show what it has done")
    return activities


async def _rounds(stage: Stage, subjects: Mapping[str, Subject], rounds: int) -> Blocks:
    plain = await Client.connect(stage.address)
    for subject in subjects.values():
        await _block(stage, plain, subject, _WARM)
    return await take_turns(
        {name: partial(_block, stage, plain, subject, _CALLS) for name, subject in subjects.items()}, rounds
    )


async def _block(stage: Stage, plain: Client, subject: Subject, number: int) -> Block:
    """All calls, fifty at a time; afterwards nothing that they have started goes on."""
    meter = Meter(api=subject.api, server=stage.server, worker=subject.worker)
    ledgers = cycle(stage.ledgers)
    calls = iter(range(number))
    limits = httpx.Limits(max_connections=_CLIENTS, max_keepalive_connections=_CLIENTS)
    async with httpx.AsyncClient(timeout=_PATIENCE, limits=limits) as client:

        async def one_client() -> list[tuple[str, float]]:
            return [await _post(client, subject, next(ledgers)) for _ in calls]

        parts, spent = await meter.during(asyncio.gather(*(one_client() for _ in range(_CLIENTS))))
    answers = [answer for part in parts for answer in part]
    await _clear_away(plain, [subject.workflow(number) for number, _ in answers])
    await _until_idle(subject.worker)
    return Block(spent, [seconds for _, seconds in answers])


async def _post(client: httpx.AsyncClient, subject: Subject, ledger: str) -> tuple[str, float]:
    """The number that the answer gives, and how long it took. Raises BenchFailed."""
    headers = {"Authorization": "Bearer demo-clerk", "Idempotency-Key": uuid4().hex}
    began = time.perf_counter()
    body = {**_BODY, "ledger": ledger}
    try:
        answer = await client.post(subject.url, json=body, headers=headers)
    except httpx.TransportError:  # a connection that was let go of at this very moment
        answer = await client.post(subject.url, json=body, headers=headers)
    seconds = time.perf_counter() - began
    if answer.status_code != httpx.codes.ACCEPTED:
        raise BenchFailed(f"{subject.url} answered {answer.status_code}: {answer.text}")
    return str(answer.json()["id"]), seconds


async def _clear_away(plain: Client, workflows: Sequence[str]) -> None:
    at_once = asyncio.Semaphore(_CLIENTS)

    async def terminate(workflow: str) -> None:
        async with at_once:
            await plain.get_workflow_handle(workflow).terminate("measured")

    await asyncio.gather(*map(terminate, workflows))


async def _until_idle(worker: Process) -> None:
    """Wait until the worker has dropped what was terminated. Raises BenchFailed."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        before = worker.cpu
        await asyncio.sleep(_LOOK)
        if worker.cpu - before < _IDLE * _LOOK:
            return
    raise BenchFailed(f"{worker.name} is still busy after {_PATIENCE:.0f} s")


# --------------------------------------------------------------------------- what is shown


def _lines(blocks: Blocks) -> tuple[Line, ...]:
    what = f"POST /requests: {{}} at {_CLIENTS} clients against bare FastAPI and start_workflow"
    return (
        Line(what.format("p95"), _ratio(blocks, 0.95), Budget(1.5, is_floor=False)),
        Line(what.format("p50"), _ratio(blocks, 0.5)),
    )


def _ratio(blocks: Blocks, share: float) -> Spread:
    real, bare = ([block.percentile(share) for block in blocks[name]] for name in (REAL, BARE))
    return Spread.ratio(real, bare)


def _figures(blocks: Blocks) -> Figures:
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
    return Figures(f"POST /requests: {_CALLS} calls, {_CLIENTS} at a time", headings, tuple(lines))
