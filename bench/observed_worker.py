"""`python -m bench.observed_worker FILE`: the product's worker, accounting for its time.

SIGUSR1 makes it write the account so far. It holds for cases that run one at a time: what the process spends
during an activity is then spent on it.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import temporalio.client
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput
from temporalio.worker import Interceptor as WorkerInterceptor
from typing_extensions import override

from bench.processes import cpu_by_thread
from service.database import Database, open_database
from service.register import SqlRegister
from service.settings import Settings
from service.temporal_client import connect_patiently
from service.worker import Queues, build_workers, open_parts
from workflows.domain.case import CaseChange

RECORDING = "of these: recording"
"""Every activity may carry a change to be recorded first; that is counted with it, and once more here."""


class Stopwatch:
    """Calls, processor seconds and wall-clock seconds by name."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        self.cpu: dict[str, float] = {}
        self.wall: dict[str, float] = {}

    @contextmanager
    def during(self, name: str) -> Iterator[None]:
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            yield
        finally:
            self.calls[name] = self.calls.get(name, 0) + 1
            self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - cpu
            self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall


class Observing(temporalio.client.Interceptor, WorkerInterceptor):
    """Stands outermost, so that recording counts for the activity that it rides on."""

    def __init__(self, watch: Stopwatch) -> None:
        self.watch = watch

    @override
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _ObservingInbound(next, self.watch)


class _ObservingInbound(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, watch: Stopwatch) -> None:
        super().__init__(inner)
        self.watch = watch

    @override
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # Any: the activity's own answer
        with self.watch.during(activity.info().activity_type):
            return await super().execute_activity(input)


class ObservedRegister(SqlRegister):
    """Tells apart what recording costs, whatever activity it rides on."""

    def __init__(self, database: Database, watch: Stopwatch) -> None:
        super().__init__(database)
        self.watch = watch

    @override
    async def record(self, change: CaseChange) -> None:
        with self.watch.during(RECORDING):
            await super().record(change)


async def serve(report: Path) -> None:
    settings, watch = Settings(), Stopwatch()
    plain = await connect_patiently(settings)
    config = plain.config()
    config["interceptors"] = [Observing(watch)]
    client = Client(**config)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _write, report, watch)
    async with open_parts(settings) as parts, AsyncExitStack() as running:
        database = open_database(settings.database_url)
        observed = replace(parts, register=ObservedRegister(database, watch))
        for worker in build_workers(client, observed, Queues()):
            await running.enter_async_context(worker)
        await stop.wait()


def _write(report: Path, watch: Stopwatch) -> None:
    """What has been spent so far; the reader subtracts one report from another."""
    spent = cpu_by_thread(os.getpid())
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    threads: dict[str, float] = {}
    for number, seconds in spent.items():
        name = _kind(names.get(number, ""))
        threads[name] = threads.get(name, 0.0) + seconds
    draft = report.with_suffix(".draft")
    draft.write_text(json.dumps({**vars(watch), "threads": threads}))
    draft.replace(report)


_KINDS = {
    "MainThread": "event loop: activities, conversion of their orders and answers",
    "temporal_workflow": "workflow code, conversion of its values",
    "register": "register: SQL",
    "asyncio": "ledger and backups: SQL, copies, packing",
}


def _kind(thread: str) -> str:
    return next((kind for prefix, kind in _KINDS.items() if thread.startswith(prefix)), "Temporal's core")


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
    os._exit(0)  # the interpreter may abort when it ends right after a worker
