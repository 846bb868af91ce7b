"""Fifty approvals at once, of fifty cases, against the least that passes an update on to a workflow."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, cycle
from uuid import uuid4

import httpx
from temporalio.client import Client

from activities.converter import data_converter
from bench.bare import BARE_QUEUE, Bare, Shape
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
from bench.real_case import RegisterWatch, a_request
from bench.stage import Stage
from service.temporal_gateway import TemporalGateway
from service.temporal_server import free_port
from workflows.domain.case import workflow_id

REAL, BARE = "approval over the API", "bare POST, execute_update"
_APPROVERS = ("warehouse", "finance")
"""Two levels of the same cases; after the third a case would make its backup meanwhile."""
_SERIES = 3
_TASK_TIMEOUT = timedelta(seconds=2)


@dataclass(frozen=True)
class Asked:
    """One approval that is waited for."""

    workflow: str
    path: str
    digest: str


Ask = Callable[[int], Awaitable[Sequence[Asked]]]
"""Wait until every case asks for this level."""


@dataclass(frozen=True)
class Subject:
    """An API, the worker behind it, and how cases are brought to where they ask."""

    url: str
    api: Process
    worker: Process
    start: Callable[[], Awaitable[Ask]]


def measure(stage: Stage, rounds: int) -> Result:
    """Raises BenchFailed."""
    port, bare_port = free_port(), free_port()
    env = {"UNCLOSE_HOST": "127.0.0.1", "UNCLOSE_PORT": str(port)}
    arguments = (stage.address, str(bare_port), "0")
    with (
        stage.worker() as worker,
        stage.bare_worker() as bare_worker,
        stage.run("api", "service.cli", "api", env=env) as api,
        stage.run("bare-api", "bench.bare_api", *arguments) as bare_api,
        closing(RegisterWatch(stage.register)) as watch,
    ):
        api.await_ready(lambda: listens(port))
        bare_api.await_ready(lambda: listens(bare_port))
        real = f"http://127.0.0.1:{port}/api/v1", api, worker
        bare = f"http://127.0.0.1:{bare_port}", bare_api, bare_worker
        blocks = asyncio.run(_rounds(stage, watch, real, bare, rounds))
    title = f"Approvals: {len(_APPROVERS)} levels of {CLIENTS} cases, all cases at once"
    return Result(_lines(blocks), (figures(blocks, title),))


@dataclass(frozen=True)
class Played(Block):
    workflow: str
    """One of those that were played."""


Place = tuple[str, Process, Process]
"""Where an API listens, itself, and the worker behind it."""


async def _rounds(stage: Stage, watch: RegisterWatch, real: Place, bare: Place, rounds: int) -> Blocks:
    client = await Client.connect(stage.address, data_converter=data_converter)
    plain = await Client.connect(stage.address)
    numbers = count(1)
    product = Subject(*real, partial(_real_cases, stage, TemporalGateway(client), watch, numbers))
    warm = await _block(stage, plain, product)
    pauses = (await past_of(plain.get_workflow_handle(warm.workflow))).pauses
    floor = Subject(*bare, partial(_bare_cases, plain, pauses))
    await _block(stage, plain, floor)
    subjects: Mapping[str, Subject] = {REAL: product, BARE: floor}
    return await take_turns(
        {name: partial(_block, stage, plain, subject) for name, subject in subjects.items()}, rounds
    )


async def _real_cases(
    stage: Stage, gateway: TemporalGateway, watch: RegisterWatch, numbers: "count[int]"
) -> Ask:
    ledgers = cycle(stage.ledgers)
    cases = [f"UC-{_SERIES:04d}-{next(numbers):06d}" for _ in range(CLIENTS)]
    for case in cases:
        await gateway.start(a_request(case, next(ledgers), datetime.now(UTC)))

    async def ask(level: int) -> Sequence[Asked]:
        tasks = {case: f"{case}-approval-1-{level}" for case in cases}
        return [
            Asked(workflow_id(case), f"/tasks/{task}/actions", await watch.digest_of(task))
            for case, task in tasks.items()
        ]

    return ask


async def _bare_cases(plain: Client, pauses: Sequence[int]) -> Ask:
    names = [f"act-{uuid4()}" for _ in range(CLIENTS)]
    for name in names:
        await plain.start_workflow(
            Bare.run,
            Shape([*pauses, 0], local=True),
            id=name,
            task_queue=BARE_QUEUE,
            task_timeout=_TASK_TIMEOUT,
        )

    async def ask(level: int) -> Sequence[Asked]:
        return [Asked(name, f"/tasks/{name}/actions", "digest") for name in names]

    return ask


async def _block(stage: Stage, plain: Client, subject: Subject) -> Played:
    """Every level at once for all cases; between levels everybody comes to rest."""
    meter = Meter(api=subject.api, server=stage.server, worker=subject.worker)
    seconds: list[float] = []
    spent = None
    ask = await subject.start()
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(timeout=PATIENCE, limits=limits) as client:
        for level, person in enumerate(_APPROVERS, start=1):
            asked = await ask(level)
            await until_idle(subject.worker)
            took, this = await meter.during(_all_at_once(client, subject.url, asked, person))
            seconds += took
            spent = this if spent is None else spent + this
    await clear_away(plain, [each.workflow for each in asked])
    await until_idle(subject.worker)
    assert spent is not None, "there is a level"
    return Played(spent, seconds, asked[0].workflow)


async def _all_at_once(
    client: httpx.AsyncClient, url: str, asked: Sequence[Asked], person: str
) -> list[float]:
    return await asyncio.gather(*(_approve(client, url, each, person) for each in asked))


async def _approve(client: httpx.AsyncClient, url: str, asked: Asked, person: str) -> float:
    """How long it took. Raises BenchFailed."""
    headers = {"Authorization": f"Bearer demo-{person}", "Idempotency-Key": uuid4().hex}
    body = {"action": "approve", "digest": asked.digest, "comment": "同意"}
    began = time.perf_counter()
    answer = await client.post(url + asked.path, json=body, headers=headers)
    seconds = time.perf_counter() - began
    if answer.status_code != httpx.codes.OK:
        raise BenchFailed(f"{asked.path} answered {answer.status_code}: {answer.text}")
    return seconds


def _lines(blocks: Blocks) -> tuple[Line, ...]:
    what = f"approval: {{}} at {CLIENTS} clients against bare FastAPI and execute_update"
    return (
        Line(what.format("p95"), ratio(blocks, REAL, BARE, 0.95), Budget(1.5, is_floor=False)),
        Line(what.format("p50"), ratio(blocks, REAL, BARE, 0.5)),
        cpu_line(blocks, REAL, BARE, "approval"),
    )
