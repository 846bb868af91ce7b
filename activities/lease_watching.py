"""The watchdog of leases: ledgers held by cases that run no longer, and copies such cases have left."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from activities.backup.rehearsal import WithRehearsals, copy_name
from activities.self_checking import StandingTaskBook
from workflows.domain.approval import Group
from workflows.domain.case import Actor, TaskKind
from workflows.domain.digest import Json
from workflows.domain.standing import AlarmCode, StandingTask
from workflows.periodic_steps import JobDone, JobOrder, Prepared

WATCHDOG = Actor("watchdog")
_PREFIX = "lease/"


@dataclass(frozen=True)
class HeldLease:
    """A ledger that is held: by which case, under which fence, since when."""

    ledger: str
    holder: str
    fence: int
    since: datetime | None


class LeaseBook(Protocol):
    """What the register knows of leases and of cases."""

    async def held(self) -> Sequence[HeldLease]:
        """Every lease that is held now."""

    async def unfinished(self, ledger: str) -> Sequence[str]:
        """Cases on a ledger that are not in a final state."""


class RunningCases(Protocol):
    """Whether cases run."""

    async def is_running(self, case: str) -> bool:
        """False if its workflow has ended, however, or is not there. Raises WorkflowUnavailable."""


class LeaseWatch:
    """Terminating a workflow runs no code and frees nothing (ADR-0010), so somebody must notice."""

    def __init__(self, book: LeaseBook, cases: RunningCases, tasks: StandingTaskBook) -> None:
        self.book, self.cases, self.tasks = book, cases, tasks

    async def orphans(self, order: JobOrder) -> JobDone:
        """One alarm for each lease whose case does not run; it closes by itself when the lease is free."""
        suspects = [
            lease for lease in await self.book.held() if not await self.cases.is_running(lease.holder)
        ]
        # A case that has ended meanwhile has freed its lease before: in this order none is mistaken.
        still = set(await self.book.held())
        alarms = [_alarm(lease, order.run) for lease in suspects if lease in still]
        opened, closed = await self.tasks.bring_in_line(_PREFIX, alarms, WATCHDOG)
        orphans: list[Json] = [lease.ledger for lease in suspects if lease in still]
        return JobDone({"orphans": orphans, "opened": list(opened), "closed": list(closed)})


def _alarm(lease: HeldLease, run: str) -> StandingTask:
    return StandingTask(
        subject=f"{_PREFIX}{lease.ledger}/{lease.fence}",
        raised_by=run,
        kind=TaskKind.ATTENTION,
        code=AlarmCode.LEASE_ORPHANED,
        owner=Group.OPERATOR,
        ledger=lease.ledger,
        facts={
            "holder": lease.holder,
            "fence": lease.fence,
            "since": lease.since.isoformat() if lease.since else None,
        },
    )


class LeftCopies:
    """Rehearsal copies of cases whose workflow was ended from outside: nobody else removes them."""

    def __init__(self, ledgers: WithRehearsals, book: LeaseBook, cases: RunningCases) -> None:
        self.ledgers, self.book, self.cases = ledgers, book, cases

    async def prepare(self, order: JobOrder) -> Prepared:
        """Cases that have not ended in the register and do not run any more."""
        unfinished = await self.book.unfinished(str(order.ledger))
        dead: list[Json] = [case for case in unfinished if not await self.cases.is_running(case)]
        return Prepared(dead, go_on=bool(dead), facts={"removed": []})

    async def remove(self, order: JobOrder) -> Json:
        """Remove what such cases have left, beside the ERP. Removing twice is removing once."""
        assert isinstance(order.before, list)
        removed: list[Json] = []
        for case in order.before:
            name = copy_name(str(order.ledger), str(case))
            scratch = self.ledgers.scratch(name)
            if await asyncio.to_thread(scratch.exists):
                await self.ledgers.forget(name)
                await asyncio.to_thread(scratch.remove)
                removed.append(name)
        return removed

    async def told(self, order: JobOrder) -> JobDone:
        return JobDone({"removed": order.seen, "ended_from_outside": order.before})
