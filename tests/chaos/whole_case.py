"""The script that every case of these tests follows: asked, agreed, released, corrected, finished."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from temporalio.client import Client
from temporalio.service import RPCError
from typing_extensions import override

from activities.demo_erp.desk import Desk
from activities.demo_erp.faults import Fault, Faults
from activities.demo_erp.ledger import DemoLedger
from service.dev_people import PEOPLE
from service.temporal_gateway import TemporalGateway
from tests.e2e.people import APPROVERS, AUTHORISERS
from workflows.domain.case import Act, Actor, Finish, TaskAction, workflow_id
from workflows.domain.errors import TaskClosed, WorkflowUnavailable, WrongState
from workflows.domain.ledger import Module
from workflows.domain.period import Period
from workflows.domain.request import CaseState, Intent, ReasonCode, ScopeItem, UncloseRequest
from workflows.unclose import UncloseWorkflow

PATIENCE = 90.0
"""Seconds that any one thing of a case may take, with a death in between and a busy machine."""
LOOK_EVERY = 0.02
DOCUMENT = "IN-2025-03-0007"
_APPLICANT = "clerk"
_ACTORS = {person.name: Actor(person.name, person.groups) for person in PEOPLE}

T = TypeVar("T")


class Glance:
    """Looks into a register from outside, and only where somebody has written since the last look."""

    def __init__(self, register: Path) -> None:
        self._db = sqlite3.connect(f"file:{register}?mode=ro", uri=True, timeout=10, check_same_thread=False)
        self._seen: dict[tuple[str, str], tuple[int, str | None]] = {}

    def last_event(self, case: str) -> int:
        """Number of the newest event; 0 for a case that is not there yet."""
        return int(str(self._one("SELECT last_seq FROM cases WHERE id = ?", case) or 0))

    def last_event_on(self, ledger: str) -> int:
        """The same of the only case on a ledger, whatever its number."""
        return int(str(self._one("SELECT last_seq FROM cases WHERE ledger = ?", ledger) or 0))

    def state(self, case: str) -> str | None:
        return self._one("SELECT state FROM cases WHERE id = ?", case)

    def digest_of(self, task: str) -> str | None:
        """What a task asks consent for, once it is open."""
        return self._one("SELECT digest FROM tasks WHERE id = ? AND state = 'open'", task)

    def close(self) -> None:
        self._db.close()

    def _one(self, look: str, key: str) -> str | None:
        version = int(self._db.execute("PRAGMA data_version").fetchone()[0])
        if (look, key) not in self._seen or self._seen[look, key][0] != version:
            row = self._db.execute(look, (key,)).fetchone()
            self._seen[look, key] = (version, row[0] if row else None)
        return self._seen[look, key][1]


class WholeCase:
    """Plays the people of one case. Whoever gets no answer says the same again under the same name."""

    def __init__(self, case: str, client: Client, glance: Glance, ledger: Path) -> None:
        self.case = case
        self._client, self._glance, self._ledger = client, glance, ledger
        self._gateway = TemporalGateway(client)

    async def play(self) -> None:
        """Fails if anything takes too long, or the case ends otherwise than it should."""
        await self._have_it_released()
        await self._correct()
        assert await _patiently(self._outcome) == CaseState.COMPLETED

    async def _have_it_released(self) -> None:
        request = a_request(self.case, self._ledger.stem)
        await _patiently(lambda: self._gateway.start(request))
        for level, person in enumerate(APPROVERS, start=1):
            await self._say(f"approval-1-{level}", person, TaskAction.APPROVE)
        for person in AUTHORISERS:
            await self._say("authorisation-1", person, TaskAction.AUTHORISE)

    async def _correct(self) -> None:
        await until(lambda: self._glance.state(self.case) == CaseState.CORRECTING, f"{self.case} is open")
        await asyncio.to_thread(correct, self._ledger)
        finish = Finish(_ACTORS[_APPLICANT])
        await _patiently(lambda: self._gateway.finish(self.case, finish, f"{self.case}-finish"))

    async def _say(self, name: str, person: str, action: TaskAction) -> None:
        task = f"{self.case}-{name}"
        digest = await until(lambda: self._glance.digest_of(task), f"{task} is open")
        act = Act(task, _ACTORS[person], action, str(digest))
        await _patiently(lambda: self._gateway.act(self.case, act, f"{task}-{person}"))

    async def _outcome(self) -> str:
        handle = self._client.get_workflow_handle_for(UncloseWorkflow.run, workflow_id(self.case))
        return (await asyncio.wait_for(handle.result(), PATIENCE)).state


class CasePutBack(WholeCase):
    """A case on a ledger that gives its corrector no right: everything is opened, and closed again."""

    @override
    async def play(self) -> None:
        with DemoLedger(str(self._ledger)) as opened:
            Faults(opened).set(Fault.GRANT_NOT_MADE, _APPLICANT)
        await self._have_it_released()
        assert await _patiently(self._outcome) == CaseState.ROLLED_BACK


def correct(ledger: Path) -> None:
    """What the clerk does in the ERP: the quantity that the stock count has found."""
    with DemoLedger(str(ledger)) as opened, Desk(opened).seat(_APPLICANT, "更正") as desk:
        found = desk.read(DOCUMENT).line(1).qty
        desk.correct_quantity(_APPLICANT, DOCUMENT, 1, found + Decimal(20), "更正")


async def until(look: Callable[[], T | None], what: str, seconds: float = PATIENCE) -> T:
    """The first answer that is not empty; fails with `what` if none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        await asyncio.sleep(LOOK_EVERY)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Call again when there was no answer: under the same name it is the same act.

    Also when the case does not know yet what the register shows: that was recorded by a worker that has
    died, and is being done again.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return await call()
        except (WorkflowUnavailable, TaskClosed, WrongState, RPCError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(LOOK_EVERY * 5)


def a_request(case: str, ledger: str) -> UncloseRequest:
    """The wish that every case is made of."""
    return UncloseRequest(
        id=case,
        ledger=ledger,
        target_period=Period(2025, 3),
        modules=(Module.INVENTORY,),
        reason_code=ReasonCode.STOCKTAKE_OMISSION,
        reason="三月盘点遗漏 B 仓两个货位",
        applicant=_APPLICANT,
        accepted_at=datetime.now(UTC),
        scope=(ScopeItem(DOCUMENT, Intent.CORRECT),),
        correctors=(_APPLICANT,),
    )
