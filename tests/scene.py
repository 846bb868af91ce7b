"""One case on stage: a worker with fakes, and the people who act on it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from typing_extensions import override

from activities.backup.backing_up import BackupActivities
from activities.backup.keeper import BackupKeeper
from activities.backup.rehearsal import RehearsalActivities, WithRehearsals
from activities.backup.restoring import RestoreActivities
from activities.case import CaseActivities
from activities.chain import ChainFinder
from activities.comparison import ComparisonActivities
from activities.evidence import EvidenceStore
from activities.guiding import GuidingActivities, Runbooks
from activities.lease import LeaseActivities
from activities.ledger import LedgerActivities
from activities.ledgers import Ledgers
from activities.recording import Profiles, Recording
from activities.restored import StoredBackups
from service.runbooks import shipped
from service.sandbox import sandbox_for
from tests.fake_world import (
    PEOPLE,
    FakeCatalogue,
    FakeDirectory,
    FakeLedger,
    FakeLedgers,
    FakePolicies,
    FakeRegister,
)
from tests.vaults import a_vault
from workflows.domain.case import (
    Act,
    Actor,
    CaseNow,
    CaseOutcome,
    Finish,
    TaskAction,
    Withdrawal,
    workflow_id,
)
from workflows.domain.ledger import Module
from workflows.domain.period import Period
from workflows.domain.request import CaseState, Intent, ReasonCode, ScopeItem, UncloseRequest
from workflows.domain.runbook import Runbook
from workflows.unclose import UncloseWorkflow

SHANGHAI = timezone(timedelta(hours=8))


def a_wish(**changes: object) -> UncloseRequest:
    """The clerk asks for 2025-03 of the demo ledger."""
    request = UncloseRequest(
        id="UC-2025-000001",
        ledger="demo",
        target_period=Period(2025, 3),
        modules=(Module.INVENTORY,),
        reason_code=ReasonCode.STOCKTAKE_OMISSION,
        reason="三月盘点遗漏 B 仓两个货位",
        applicant="clerk",
        accepted_at=datetime.now(SHANGHAI),
        scope=(ScopeItem("IN-2025-03-0007", Intent.CORRECT),),
        correctors=("clerk",),
    )
    return replace(request, **changes)  # type: ignore[arg-type]  # a test names the fields it cares for


def actor(person: str) -> Actor:
    return Actor(person, tuple(group for group, members in PEOPLE.items() if person in members))


class ServedLedgers(Ledgers, Profiles, Protocol):
    """Both ports to configured ledgers."""


class ShippedRunbooks(Runbooks):
    """The runbook of the demo ledger for every ledger."""

    @override
    def runbook(self, ledger: str) -> Runbook:
        return shipped("demo")


@dataclass
class Scene:
    """The stage and everyone on it."""

    environment: WorkflowEnvironment
    folder: Path
    ledger: FakeLedger = field(default_factory=FakeLedger)
    register: FakeRegister = field(default_factory=FakeRegister)
    directory: FakeDirectory = field(default_factory=FakeDirectory)
    policies: FakePolicies = field(default_factory=FakePolicies)
    catalogue: FakeCatalogue = field(default_factory=FakeCatalogue)
    ledgers: ServedLedgers | None = None
    """The ledgers behind the ports, if not the fake one."""
    queue: str = field(default_factory=lambda: f"unclose-{uuid4()}")
    max_cached_workflows: int = 100
    rehearsals: WithRehearsals | None = None
    """The copies that the worker acts on."""
    look_again: float = 3600.0
    """Seconds after which a ledger is looked at in which a person moves pointers."""

    def worker(self) -> Worker:
        profiles = self.ledgers or FakeLedgers(self.ledger)
        ledgers = self.rehearsals = WithRehearsals(profiles, self.folder / "rehearsals")
        chains = ChainFinder(self.policies, self.directory)
        cases = CaseActivities(self.register, profiles, chains, EvidenceStore(self.folder / "evidence"))
        leases, acts = LeaseActivities(self.register), LedgerActivities(ledgers)
        vault = a_vault(self.folder / "store")
        keeper = BackupKeeper(ledgers, vault, self.catalogue, self.folder / "scratch")
        comparison = ComparisonActivities(ledgers, StoredBackups(keeper), self.folder / "evidence")
        backups, rehearsals = BackupActivities(keeper), RehearsalActivities(keeper, ledgers)
        guiding = GuidingActivities(ShippedRunbooks(), ledgers, self.look_again)
        return Worker(
            self.environment.client,
            task_queue=self.queue,
            workflows=[UncloseWorkflow],
            workflow_runner=sandbox_for(self.environment.client.data_converter),
            activities=[
                cases.receive,
                cases.publish,
                cases.find_chain,
                cases.look_up,
                cases.seal,
                leases.look_at_lease,
                leases.take_lease,
                leases.await_turn,
                leases.release_lease,
                acts.read,
                acts.check,
                acts.isolate,
                acts.perform,
                acts.open_window,
                acts.close_window,
                acts.weigh,
                acts.prove,
                acts.leave,
                backups.back_up,
                comparison.compare,
                rehearsals.prepare,
                rehearsals.discard,
                RestoreActivities(keeper).restore_in_place,
                guiding.instruct,
                guiding.await_movement,
            ],
            interceptors=[Recording(self.register)],
            max_cached_workflows=self.max_cached_workflows,
        )

    async def request(self, **changes: object) -> "Play":
        wish = a_wish(**changes)
        handle = await self.environment.client.start_workflow(
            UncloseWorkflow.run, wish, id=f"{workflow_id(wish.id)}-{uuid4()}", task_queue=self.queue
        )
        return Play(self, wish, handle)


@asynccontextmanager
async def on_stage(scene: Scene) -> AsyncIterator[Scene]:
    """The scene with its worker running, in real time: only a test's own jump moves the clock."""
    with scene.environment.with_time_skipping_disabled():
        async with scene.worker():
            yield scene
        assert scene.rehearsals is not None
        await scene.rehearsals.aclose()


@dataclass
class Play:
    """One case, and what people do to it."""

    scene: Scene
    wish: UncloseRequest
    handle: WorkflowHandle[UncloseWorkflow, CaseOutcome]

    async def reaches(self, state: CaseState) -> None:
        """Wait until the register knows the state."""
        await eventually(lambda: self.register_state == state, f"{self.wish.id} to reach {state}", self.tale)

    async def has_task(self, task: str) -> None:
        tasks = self.scene.register.tasks
        await eventually(
            lambda: tasks.get(self.wish.id, {}).get(task) == "open", f"task {task} to be open", self.tale
        )

    async def has_changed(self, holds: Callable[[], bool]) -> None:
        """Wait until the register shows what was asked for."""
        await eventually(holds, f"{self.wish.id} to have changed", self.tale)

    def tale(self) -> str:
        return " → ".join(self.scene.register.states(self.wish.id))

    @property
    def register_state(self) -> CaseState | None:
        latest = self.scene.register.latest.get(self.wish.id)
        return latest.state if latest else None

    @property
    def digest(self) -> str:
        return str(self.scene.register.parts[self.wish.id]["digest"])

    async def act(
        self, person: str, task: str, action: TaskAction, digest: str | None = None, comment: str = ""
    ) -> CaseNow:
        full = f"{self.wish.id}-{task}"
        given = self.digest if digest is None else digest
        act = Act(full, actor(person), action, given, comment)
        return await self.handle.execute_update(UncloseWorkflow.act, act)

    async def approve_all(self, round_: int = 1) -> None:
        for n, person in enumerate(("warehouse", "finance", "it"), start=1):
            task = f"approval-{round_}-{n}"
            await self.has_task(f"{self.wish.id}-{task}")
            await self.act(person, task, TaskAction.APPROVE)

    async def authorise(self, round_: int = 1) -> None:
        task = f"authorisation-{round_}"
        await self.has_task(f"{self.wish.id}-{task}")
        await self.act("erp-admin", task, TaskAction.AUTHORISE)
        await self.act("finance-head", task, TaskAction.AUTHORISE)

    async def consent(self) -> None:
        await self.approve_all()
        await self.authorise()

    async def finish(self, person: str = "clerk") -> CaseNow:
        await self.reaches(CaseState.CORRECTING)
        return await self.handle.execute_update(UncloseWorkflow.finish_corrections, Finish(actor(person)))

    async def withdraw(self, person: str = "clerk") -> CaseNow:
        return await self.handle.execute_update(UncloseWorkflow.withdraw, Withdrawal(actor(person)))

    async def retry(self, number: int = 1, person: str = "operator") -> None:
        task = f"attention-{number}"
        await self.has_task(f"{self.wish.id}-{task}")
        await self.act(person, task, TaskAction.RETRY)

    async def roll_back(self, number: int = 1) -> None:
        task = f"attention-{number}"
        await self.has_task(f"{self.wish.id}-{task}")
        for person in ("operator", "erp-admin"):
            await self.act(person, task, TaskAction.ROLL_BACK, comment="无法恢复结账")

    async def skip(self, number: int = 1) -> None:
        task = f"attention-{number}"
        await self.has_task(f"{self.wish.id}-{task}")
        for person in ("operator", "erp-admin"):
            await self.act(person, task, TaskAction.SKIP, comment="已知差异，另行处理")

    async def end(self) -> CaseOutcome:
        return await self.handle.result()

    async def stop(self) -> None:
        """Take the case off, wherever it is; its worker has left, and no step of it runs any more."""
        with suppress(RPCError):
            await self.handle.terminate()


async def eventually(holds: Callable[[], bool], what: str, tale: Callable[[], str]) -> None:
    """Poll for a condition for at most half a minute: a busy machine is slow, not wrong."""
    for _ in range(1500):
        if holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}; so far: {tale()}")
