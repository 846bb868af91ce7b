"""The whole case: the product's workflow on demo ledgers against a bare one with the same messages."""

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from temporalio.client import Client

from activities.converter import data_converter
from bench import costs
from bench.bare_case import BareCases
from bench.case import Played
from bench.harness import Budget, Figures, Line, Meter, Result, Spent, Spread, in_lanes, take_turns
from bench.history import Past, past_of
from bench.processes import Process
from bench.real_case import RealCases, RegisterWatch
from bench.stage import Stage

REAL, LOCAL, REMOTE = "real case", "bare, local activities", "bare, remote activities"
_EACH: Mapping[str, int] = {REAL: 1, LOCAL: 3, REMOTE: 1}
"""Cases of each lane in one round: the bare ones are short, so it takes more of them to measure."""
_ALONE: Mapping[str, int] = {REAL: 2, LOCAL: 3, REMOTE: 1}
"""Cases with the machine to themselves, for how long one person waits; the rest is for how many get done."""
_BACKUP, _POINT_B = "back_up", 1
"""The second backup lies between the last consent and the open ledger."""
_WHO = ("server", "worker", "driver")
_WORKED = ("server", "worker")


@dataclass(frozen=True)
class Subject:
    """What is compared, and who does its work."""

    play: Callable[[str], Awaitable[Played]]
    worker: Process
    each: int
    alone: int


@dataclass(frozen=True)
class Block:
    """One subject in one round."""

    spent: Spent
    together: Sequence[Past]
    alone: Sequence[Past]
    opened: Sequence[Played]
    """The same that were alone."""

    @property
    def per_second(self) -> float:
        return len(self.together) / self.spent.seconds

    @property
    def opening(self) -> float:
        """Seconds from the last consent to the open ledger, beyond the backup between them."""
        beyond = [
            played.opening_seconds - (past.remote_seconds(_BACKUP) or [0.0, 0.0])[_POINT_B]
            for played, past in zip(self.opened, self.alone, strict=True)
        ]
        return statistics.median(beyond)

    def cpu_ms(self, *who: str) -> float:
        return sum(self.spent.cpu[name] for name in who) / len(self.together) * 1000


Blocks = Mapping[str, Sequence[Block]]


def measure(stage: Stage, rounds: int) -> Result:
    """Raises BenchFailed."""
    with (
        stage.worker() as product,
        stage.bare_worker() as bare,
        closing(RegisterWatch(stage.register)) as watch,
    ):
        blocks = asyncio.run(_rounds(stage, product, bare, watch, rounds))
    return Result(_lines(blocks), (_speed(blocks), _size(blocks), *costs.of_one_case(stage)))


async def _rounds(stage: Stage, product: Process, bare: Process, watch: RegisterWatch, rounds: int) -> Blocks:
    client = await Client.connect(stage.address, data_converter=data_converter)
    plain = await Client.connect(stage.address)
    real, stamps = RealCases(client, watch, series=1), stage.folder / "stamps"
    played, *_ = await in_lanes(stage.ledgers, 1, real.play)
    pauses = (await past_of(plain.get_workflow_handle(played.workflow))).pauses
    plays = {
        REAL: real.play,
        LOCAL: BareCases(plain, pauses, stamps, local=True).play,
        REMOTE: BareCases(plain, pauses, stamps, local=False).play,
    }
    subjects = {
        name: Subject(play, product if name == REAL else bare, _EACH[name], _ALONE[name])
        for name, play in plays.items()
    }
    for bare_cases in (LOCAL, REMOTE):
        await in_lanes(stage.ledgers, 1, plays[bare_cases])
    return await take_turns(
        {name: partial(_block, stage, plain, subject) for name, subject in subjects.items()}, rounds
    )


async def _block(stage: Stage, plain: Client, subject: Subject) -> Block:
    meter = Meter(server=stage.server, worker=subject.worker)
    played, spent = await meter.during(in_lanes(stage.ledgers, subject.each, subject.play))
    alone = [await subject.play(stage.ledgers[0]) for _ in range(subject.alone)]
    return Block(spent, await _pasts(plain, played), await _pasts(plain, alone), alone)


async def _pasts(plain: Client, played: Sequence[Played]) -> list[Past]:
    return [await past_of(plain.get_workflow_handle(one.workflow)) for one in played]


# --------------------------------------------------------------------------- what is shown


def _lines(blocks: Blocks) -> tuple[Line, ...]:
    speed = {name: [block.per_second for block in found] for name, found in blocks.items()}
    opening = {name: [block.opening for block in found] for name, found in blocks.items()}
    return (
        Line("whole case: cases/s against bare, local activities",
             Spread.ratio(speed[REAL], speed[LOCAL]), Budget(0.7, is_floor=True)),
        Line("whole case: cases/s against bare, remote activities",
             Spread.ratio(speed[REAL], speed[REMOTE]), Budget(1.0, is_floor=True)),
        Line("last consent to open, beyond the backup, against bare, local",
             Spread.ratio(opening[REAL], opening[LOCAL]), Budget(1.6, is_floor=False)),
        _cpu_line(blocks, LOCAL),
        _cpu_line(blocks, REMOTE),
    )  # fmt: skip


def _cpu_line(blocks: Blocks, bare: str) -> Line:
    """Processor time of worker and server, which other people's load on the machine hardly touches."""
    over, under = ([block.cpu_ms(*_WORKED) for block in blocks[name]] for name in (REAL, bare))
    return Line(f"whole case: CPU of worker and server, against {bare}", Spread.ratio(over, under))


def _speed(blocks: Blocks) -> Figures:
    lines = [
        (
            name,
            Spread.of([block.per_second for block in found]).text(2),
            Spread.of([block.opening * 1000 for block in found]).text(0),
            *(Spread.of([block.cpu_ms(who) for block in found]).text(0) for who in _WHO),
        )
        for name, found in blocks.items()
    ]
    headings = ("subject", "cases/s", "consent to open alone, ms", *(f"{who}, CPU ms a case" for who in _WHO))
    return Figures("Whole case: speed and cost", headings, tuple(lines))


def _size(blocks: Blocks) -> Figures:
    lines = []
    for name, found in blocks.items():
        pasts = [past for block in found for past in (*block.together, *block.alone)]
        sizes = {
            "events": [len(past.events) for past in pasts],
            "transitions": [past.transitions for past in pasts],
            "tasks": [past.workflow_tasks for past in pasts],
            "timed out": [past.timed_out for past in pasts],
            "beside": [sum(past.pauses) for past in pasts],
        }
        lines.append((name, *(Spread.of(values).text(0) for values in sizes.values())))
    headings = (
        "subject",
        "history events",
        "state transitions",
        "workflow tasks",
        "of them timed out",
        "local activities",
    )
    return Figures("Whole case: size in Temporal", headings, tuple(lines))
