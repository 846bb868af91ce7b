"""Rounds, ratios and their spread: subjects take turns, so whatever else runs here meets them alike."""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.processes import Process, cpu_seconds

T = TypeVar("T")


@dataclass(frozen=True)
class Spread:
    """The median over rounds, and how far they lie apart."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> "Spread":
        return Spread(statistics.median(values), min(values), max(values))

    @staticmethod
    def ratio(over: Sequence[float], under: Sequence[float]) -> "Spread":
        """Of what was measured in the same round."""
        return Spread.of([a / b for a, b in zip(over, under, strict=True)])

    def text(self, digits: int) -> str:
        return f"{self.median:.{digits}f} [{self.low:.{digits}f}..{self.high:.{digits}f}]"


@dataclass(frozen=True)
class Budget:
    """What a ratio must keep to (design §16)."""

    limit: float
    is_floor: bool

    def is_met(self, ratio: Spread) -> bool:
        return ratio.median >= self.limit if self.is_floor else ratio.median <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.is_floor else '≤'} {self.limit:g}"


@dataclass(frozen=True)
class Line:
    """One ratio of the table."""

    what: str
    ratio: Spread
    budget: Budget | None = None
    """None for a ratio that only helps to read the others."""

    @property
    def is_met(self) -> bool | None:
        return None if self.budget is None else self.budget.is_met(self.ratio)


@dataclass(frozen=True)
class Figures:
    """Plain figures behind the ratios: one line for each subject, under the same headings."""

    title: str
    headings: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Result:
    """What a row has to show."""

    lines: tuple[Line, ...]
    figures: tuple[Figures, ...]


@dataclass(frozen=True)
class Spent:
    """Wall-clock seconds of a block, and processor seconds of everyone who worked on it."""

    seconds: float
    cpu: Mapping[str, float]

    def __add__(self, other: "Spent") -> "Spent":
        cpu = {name: self.cpu[name] + other.cpu[name] for name in self.cpu}
        return Spent(self.seconds + other.seconds, cpu)


class Meter:
    """Measures a block of work and the processes that do it; the driver is this very process."""

    def __init__(self, **processes: Process) -> None:
        self._pids = {name: process.pid for name, process in processes.items()} | {"driver": os.getpid()}

    async def during(self, work: Awaitable[T]) -> tuple[T, Spent]:
        before, began = self._cpu(), time.perf_counter()
        done = await work
        seconds, after = time.perf_counter() - began, self._cpu()
        return done, Spent(seconds, {name: after[name] - before[name] for name in after})

    def _cpu(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) for name, pid in self._pids.items()}


async def take_turns(subjects: Mapping[str, Callable[[], Awaitable[T]]], rounds: int) -> dict[str, list[T]]:
    """Every subject once in each round, one after the other; the order turns round each time."""
    found: dict[str, list[T]] = {name: [] for name in subjects}
    order = list(subjects)
    for _ in range(rounds):
        for name in order:
            found[name].append(await subjects[name]())
        order.reverse()
    return found


async def in_lanes(lanes: Sequence[str], each: int, do: Callable[[str], Awaitable[T]]) -> list[T]:
    """`each` times in every lane, one after the other; the lanes beside each other."""

    async def lane(name: str) -> list[T]:
        return [await do(name) for _ in range(each)]

    return [done for part in await asyncio.gather(*map(lane, lanes)) for done in part]
