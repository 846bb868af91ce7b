"""One whole case of the product, driven by updates as the API drives it, and watched in the register."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from temporalio.client import Client

from bench.case import PATIENCE, Played
from bench.processes import BenchFailed
from service.dev_people import PEOPLE
from service.temporal_gateway import TemporalGateway
from workflows.domain.case import Act, Actor, Finish, TaskAction, workflow_id
from workflows.domain.errors import TaskClosed, WorkflowUnavailable, WrongState
from workflows.domain.ledger import Module
from workflows.domain.period import Period
from workflows.domain.request import CaseState, Intent, ReasonCode, ScopeItem, UncloseRequest
from workflows.unclose import UncloseWorkflow

_LOOK_EVERY = 0.003
"""Seconds between two looks while time is taken."""
_GLANCE_EVERY = 0.01
"""The same while a person would be reading: the driver must not take the machine from those it measures."""

_APPROVERS = ("warehouse", "finance", "it")
_AUTHORISERS = ("erp-admin", "finance-head")
_APPLICANT = "clerk"
_ACTORS = {person.name: Actor(person.name, person.groups) for person in PEOPLE}

T = TypeVar("T")


class RegisterWatch:
    """Looks into the register's file again and again until something stands there."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)

    async def digest_of(self, task: str) -> str:
        """What the task asks consent for, as soon as it is open."""
        look = "SELECT digest FROM tasks WHERE id = ? AND state = 'open'"
        return str(await self._until(look, task, lambda row: row[0], _GLANCE_EVERY))

    async def shows(self, case: str, state: CaseState) -> None:
        look = "SELECT state FROM cases WHERE id = ?"
        await self._until(look, case, lambda row: row[0] == state, _LOOK_EVERY)

    async def _until(self, look: str, key: str, holds: Callable[[Any], T], pause: float) -> T:  # Any: a row
        deadline, seen = time.monotonic() + PATIENCE, -1
        while time.monotonic() < deadline:
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            if version != seen:  # somebody has written since the last look
                row = self._db.execute(look, (key,)).fetchone()
                if row is not None and (found := holds(row)):
                    return found
                seen = version
            await asyncio.sleep(pause)
        raise BenchFailed(f"{key}: waited {PATIENCE:.0f} s in vain for {look!r}")

    def close(self) -> None:
        self._db.close()


class RealCases:
    """Plays the people of whole cases: three approve, two authorise, one finishes."""

    def __init__(self, client: Client, watch: RegisterWatch, series: int) -> None:
        self._client, self._watch, self._series = client, watch, series
        self._gateway = TemporalGateway(client)
        self._numbers = count(1)

    async def play(self, ledger: str) -> Played:
        """Raises BenchFailed if the case ends otherwise than completed."""
        case = f"UC-{self._series:04d}-{next(self._numbers):06d}"
        request = a_request(case, ledger, datetime.now(UTC))
        await _patiently(lambda: self._gateway.start(request))
        for level, person in enumerate(_APPROVERS, start=1):
            await self._say(case, f"approval-1-{level}", person, TaskAction.APPROVE)
        first, second = _AUTHORISERS
        await self._say(case, "authorisation-1", first, TaskAction.AUTHORISE)
        seconds = await self._open(case, second)
        finish = Finish(_ACTORS[_APPLICANT])
        await _patiently(lambda: self._gateway.finish(case, finish, f"{case}-finish"))
        handle = self._client.get_workflow_handle_for(UncloseWorkflow.run, workflow_id(case))
        outcome = await asyncio.wait_for(handle.result(), PATIENCE)
        if outcome.state != CaseState.COMPLETED:
            raise BenchFailed(f"{case} ended as {outcome.state}")
        return Played(handle.id, seconds)

    async def _open(self, case: str, person: str) -> float:
        async def be_seen() -> float:
            await self._watch.shows(case, CaseState.CORRECTING)
            return time.time()

        seen = asyncio.create_task(be_seen())
        sent = time.time()
        await self._say(case, "authorisation-1", person, TaskAction.AUTHORISE)
        return await seen - sent

    async def _say(self, case: str, name: str, person: str, action: TaskAction) -> None:
        task = f"{case}-{name}"
        digest = await self._watch.digest_of(task)
        act = Act(task, _ACTORS[person], action, digest)
        await _patiently(lambda: self._gateway.act(case, act, f"{task}-{person}"))


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Call again when there was no answer in time: under the same name it is the same act.

    Also when the case does not know yet what the register shows: that was recorded in a workflow task that
    has timed out and is being done again.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return await call()
        except (WorkflowUnavailable, TaskClosed, WrongState):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_GLANCE_EVERY)


def a_request(case: str, ledger: str, now: datetime) -> UncloseRequest:
    """The wish that every case is made of."""
    return UncloseRequest(
        id=case,
        ledger=ledger,
        target_period=Period(2025, 3),
        modules=(Module.INVENTORY,),
        reason_code=ReasonCode.STOCKTAKE_OMISSION,
        reason="三月盘点遗漏 B 仓两个货位",
        applicant=_APPLICANT,
        accepted_at=now,
        scope=(ScopeItem("IN-2025-03-0007", Intent.CORRECT),),
        correctors=(_APPLICANT,),
    )
