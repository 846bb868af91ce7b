"""`POST /requests` at fifty clients against the least that answers the same call by starting a workflow."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from uuid import uuid4

import httpx
from temporalio.client import Client

from bench.harness import Budget, Line, Meter, Result, take_turns
from bench.history import past_of
from bench.load import (
    CLIENTS,
    PATIENCE,
    Block,
    Blocks,
    clear_away,
    cpu_line,
    figures,
    listens,
    ratio,
    until_idle,
)
from bench.processes import BenchFailed, Process
from bench.real_case import RegisterWatch
from bench.stage import Stage
from service.temporal_server import free_port
from workflows.domain.case import workflow_id

REAL, BARE = "POST /api/v1/requests", "bare POST, start_workflow"
_CALLS, _WARM = 300, 50
_LOOK = 0.25
"""Seconds until what has been answered is reported to the server too."""


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


def measure(stage: Stage, rounds: int) -> Result:
    """Raises BenchFailed."""
    port, bare_port = free_port(), free_port()
    with stage.worker() as worker, stage.bare_worker() as bare_worker:
        env = {"UNCLOSE_HOST": "127.0.0.1", "UNCLOSE_PORT": str(port)}
        with stage.run("api", "service.cli", "api", env=env) as api:
            api.await_ready(lambda: listens(port))
            real = Subject(f"http://127.0.0.1:{port}/api/v1/requests", api, worker, workflow_id)
            activities = asyncio.run(_activities_before_approval(stage, real))
            arguments = (stage.address, str(bare_port), str(activities))
            with stage.run("bare-api", "bench.bare_api", *arguments) as bare_api:
                bare_api.await_ready(lambda: listens(bare_port))
                bare = Subject(f"http://127.0.0.1:{bare_port}/requests", bare_api, bare_worker, str)
                blocks = asyncio.run(_rounds(stage, {REAL: real, BARE: bare}, rounds))
    return Result(_lines(blocks), (figures(blocks, f"POST /requests: {_CALLS} calls, {CLIENTS} at a time"),))


async def _activities_before_approval(stage: Stage, real: Subject) -> int:
    """Counted in a case that has come to its first approval."""
    plain = await Client.connect(stage.address)
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
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
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(timeout=PATIENCE, limits=limits) as client:

        async def one_client() -> list[tuple[str, float]]:
            return [await _post(client, subject, next(ledgers)) for _ in calls]

        parts, spent = await meter.during(asyncio.gather(*(one_client() for _ in range(CLIENTS))))
    answers = [answer for part in parts for answer in part]
    await clear_away(plain, [subject.workflow(number) for number, _ in answers])
    await until_idle(subject.worker)
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


# --------------------------------------------------------------------------- what is shown


def _lines(blocks: Blocks) -> tuple[Line, ...]:
    what = f"POST /requests: {{}} at {CLIENTS} clients against bare FastAPI and start_workflow"
    return (
        Line(what.format("p95"), ratio(blocks, REAL, BARE, 0.95), Budget(1.5, is_floor=False)),
        Line(what.format("p50"), ratio(blocks, REAL, BARE, 0.5)),
        cpu_line(blocks, REAL, BARE, "POST /requests"),
    )
