"""Where the processor time of the product's worker goes: cases one at a time in a worker that takes notes."""

import asyncio
import json
import os
import signal
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from activities.converter import data_converter
from bench.harness import Figures
from bench.observed_worker import RECORDING
from bench.processes import Process
from bench.real_case import RealCases, RegisterWatch
from bench.stage import Stage

_WARM, _CASES = 2, 4

Account = dict[str, dict[str, float]]
"""What the worker reports: calls, cpu and wall by activity, and threads by kind."""


@dataclass(frozen=True)
class Costs:
    """Per case."""

    total: float
    account: Account

    @property
    def activities(self) -> float:
        return sum(seconds for name, seconds in self.account["cpu"].items() if name != RECORDING)


def of_one_case(stage: Stage) -> tuple[Figures, Figures]:
    """By activity, and by the threads that did it. Raises BenchFailed."""
    report = stage.folder / "costs.json"
    with (
        stage.run("observed-worker", "bench.observed_worker", str(report)) as worker,
        closing(RegisterWatch(stage.register)) as watch,
    ):
        costs = asyncio.run(_watch_cases(stage, worker, watch, report))
    return _by_activity(costs), _by_thread(costs)


async def _watch_cases(stage: Stage, worker: Process, watch: RegisterWatch, report: Path) -> Costs:
    client = await Client.connect(stage.address, data_converter=data_converter)
    cases = RealCases(client, watch, series=2)
    for _ in range(_WARM):
        await cases.play(stage.ledgers[0])
    before, spent = _ask(worker, report), worker.cpu
    for _ in range(_CASES):
        await cases.play(stage.ledgers[0])
    spent = worker.cpu - spent
    return Costs(spent / _CASES, _difference(before, _ask(worker, report)))


def _ask(worker: Process, report: Path) -> Account:
    report.unlink(missing_ok=True)
    os.kill(worker.pid, signal.SIGUSR1)
    while not report.exists():
        time.sleep(0.01)
    account: Account = json.loads(report.read_text())
    return account


def _difference(before: Account, after: Account) -> Account:
    return {
        part: {name: (value - before[part].get(name, 0.0)) / _CASES for name, value in values.items()}
        for part, values in after.items()
    }


# --------------------------------------------------------------------------- what is shown


def _by_activity(costs: Costs) -> Figures:
    calls, cpu, wall = (costs.account[part] for part in ("calls", "cpu", "wall"))
    order = sorted((name for name in cpu if name != RECORDING), key=lambda name: -cpu[name])
    lines = [(name, f"{calls[name]:.0f}", _ms(cpu[name]), _ms(wall[name])) for name in order]
    lines += [
        ("all activities", "", _ms(costs.activities), ""),
        (RECORDING, f"{calls[RECORDING]:.0f}", _ms(cpu[RECORDING]), _ms(wall[RECORDING])),
        ("the rest: workflow, conversion, Temporal's core", "", _ms(costs.total - costs.activities), ""),
        ("the worker", "", _ms(costs.total), ""),
    ]
    headings = ("activity", "calls a case", "CPU, ms", "wall clock, ms")
    return Figures("Where the worker's time goes, one case at a time: by activity", headings, tuple(lines))


def _by_thread(costs: Costs) -> Figures:
    threads = costs.account["threads"]
    order = sorted(threads, key=lambda name: -threads[name])
    lines = tuple((name, _ms(threads[name])) for name in order)
    return Figures("The same by threads", ("thread", "CPU, ms"), lines)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"
