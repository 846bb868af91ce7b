"""Periodic jobs by name, and the record of their runs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from temporalio import activity
from typing_extensions import override

from activities.backup.progress import heartbeats
from workflows.domain.digest import Json
from workflows.periodic_steps import JobDone, JobOrder, PeriodicSteps, Prepared, RunRecord, Seen
from workflows.steps import Nothing


@dataclass(frozen=True)
class JobBody:
    """What a job does. Both parts may run twice under the same `order.run`."""

    do: Callable[[JobOrder], Awaitable[JobDone]]
    look: Callable[[JobOrder], Awaitable[Json]] | None = None
    """What it reads beside the ERP first; it comes to `do` as `order.seen`."""
    prepare: Callable[[JobOrder], Awaitable[Prepared]] | None = None
    """What must be known before that; it comes to both as `order.before`."""


class RunLog(Protocol):
    """Where runs are put on record."""

    async def note_run(self, record: RunRecord) -> None:
        """A run that is on record stays as it is."""


class PeriodicActivities(PeriodicSteps):
    """Every job runs through here; what it is made of was given to its body."""

    def __init__(self, bodies: Mapping[str, JobBody], runs: RunLog) -> None:
        self.bodies, self.runs = bodies, runs

    @override
    @activity.defn
    async def prepare_look(self, order: JobOrder) -> Prepared:
        prepare = self.bodies[order.job].prepare
        return Prepared(None) if prepare is None else await prepare(order)

    @override
    @activity.defn
    async def look_first(self, order: JobOrder) -> Seen:
        look = self.bodies[order.job].look
        assert look is not None, "only jobs that look are asked to"
        async with heartbeats():
            return Seen(await look(order))

    @override
    @activity.defn
    async def do_job(self, order: JobOrder) -> JobDone:
        async with heartbeats():
            return await self.bodies[order.job].do(order)

    @override
    @activity.defn
    async def note_run(self, record: RunRecord) -> Nothing:
        await self.runs.note_run(record)
        return Nothing()
