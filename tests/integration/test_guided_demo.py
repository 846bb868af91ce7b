"""Guided steps on the true demo ledger: a person moves its pointers at its own desk, rightly and wrongly."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from activities.demo_erp.desk import Desk
from activities.erp.demo import DemoConnector, DemoOptions
from activities.proof import prove_ledger
from tests.demo_stage import DemoLedgers
from tests.scene import Play, Scene, on_stage
from workflows.domain.case import CaseEvent, EventKind, TaskAction
from workflows.domain.errors import OutOfOrder
from workflows.domain.ledger import Module, Verb
from workflows.domain.period import Period
from workflows.domain.proof import Proof
from workflows.domain.request import CaseState

pytestmark = pytest.mark.asyncio(loop_scope="module")

APRIL, MAY, JUNE = (Period(2025, n) for n in (4, 5, 6))
ADMIN = "erp-admin"
BOTH_WAYS = ((Module.GL, Verb.UNCLOSE), (Module.GL, Verb.RECLOSE))


@dataclass
class Line:
    """A case that opens May and April of the general ledger by hand, at its first step."""

    play: Play
    connector: DemoConnector
    before: Proof

    @property
    def desk(self) -> Desk:
        """The ERP's own client."""
        return Desk(self.connector.ledger)

    def opens(self, period: Period, module: Module = Module.GL) -> None:
        self.desk.move(ADMIN, Verb.UNCLOSE, module, period)

    def closes(self, period: Period) -> None:
        self.desk.move(ADMIN, Verb.RECLOSE, Module.GL, period)

    async def is_asked(self, n: int) -> None:
        await self.play.has_task(f"{self.play.wish.id}-guided-{n}")

    async def done(self, n: int) -> None:
        await self.play.act(ADMIN, f"guided-{n}", TaskAction.DONE)

    def events(self, kind: EventKind) -> list[CaseEvent]:
        return [event for event in self.play.scene.register.events[self.play.wish.id] if event.kind == kind]

    async def is_as_before(self) -> None:
        """Every pointer and every balance is what it was, and nothing is held."""
        assert set((await self.connector.read_close_state()).pointers().values()) == {JUNE}
        assert (await prove_ledger(self.connector)).root == self.before.root
        assert self.play.scene.register.leases["demo"].holder is None
        with self.desk.seat("clerk"):
            pass

    async def is_put_back(self, seen: str) -> None:
        """The line has stopped and says what it saw; what was open is closed again."""
        assert (await self.play.end()).state == CaseState.ROLLED_BACK
        (failed,) = self.events(EventKind.STEP_FAILED)
        assert seen in str(failed.data)
        await self.is_as_before()


@asynccontextmanager
async def guided(
    temporal: WorkflowEnvironment,
    folder: Path,
    demo: Path,
    by_hand: tuple[tuple[Module, Verb], ...] = BOTH_WAYS[:1],
    look_again: float = 3600.0,
) -> AsyncIterator[Line]:
    place = str(shutil.copy(demo, folder / "demo.sqlite"))
    connector = DemoConnector(DemoOptions(place, guided=by_hand))
    scene = Scene(temporal, folder, ledgers=DemoLedgers(connector), look_again=look_again)
    async with on_stage(scene):
        before = await prove_ledger(connector)
        play = await scene.request(modules=(Module.GL,), target_period=APRIL, scope=())
        await play.consent()
        line = Line(play, connector, before)
        await line.is_asked(1)
        yield line
        await play.stop()
    await connector.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def line(
    shared_temporal: WorkflowEnvironment, demo_template: Path, tmp_path: Path
) -> AsyncIterator[Line]:
    async with guided(shared_temporal, tmp_path, demo_template) as line:
        yield line


async def test_right_clicks_open_and_close_again_and_name_who_made_them(
    shared_temporal: WorkflowEnvironment, demo_template: Path, tmp_path: Path
) -> None:
    async with guided(shared_temporal, tmp_path, demo_template, BOTH_WAYS) as line:
        for n, period in ((1, MAY), (2, APRIL)):
            await line.is_asked(n)
            line.opens(period)
            await line.done(n)
        await line.play.finish()
        for n, period in ((3, APRIL), (4, MAY)):
            await line.is_asked(n)
            line.closes(period)
            await line.done(n)
        assert (await line.play.end()).state == CaseState.COMPLETED
        steps = [(e.data["verb"], e.data["period"], e.actor) for e in line.events(EventKind.STEP_DONE)]
        assert steps == [
            ("unclose", "2025-05", ADMIN),
            ("unclose", "2025-04", ADMIN),
            ("reclose", "2025-04", ADMIN),
            ("reclose", "2025-05", ADMIN),
        ]
        clicks = await line.connector.journal("by hand/")
        assert ({click.person for click in clicks}, len(clicks)) == ({ADMIN}, 4)
        assert await line.connector.journal(line.play.wish.id) == ()
        await line.is_as_before()


async def test_without_a_click_the_task_stays_and_says_so(line: Line) -> None:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await line.done(1)
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "NothingMoved"
    tasks = line.play.scene.register.tasks[line.play.wish.id]
    assert tasks[f"{line.play.wish.id}-guided-1"] == "open"
    line.opens(MAY)
    await line.done(1)
    await line.is_asked(2)


async def test_a_wrong_period_stops_the_line(line: Line) -> None:
    line.opens(MAY)
    await line.done(1)
    await line.is_asked(2)
    line.closes(MAY)  # instead of opening April
    await line.done(2)
    await line.is_put_back("gl at 2025-06, expected 2025-04")


async def test_two_periods_at_once_stop_the_line(line: Line) -> None:
    line.opens(MAY)
    line.opens(APRIL)
    await line.done(1)
    await line.is_put_back("gl at 2025-04, expected 2025-05")


async def test_a_wrong_module_stops_the_line(line: Line) -> None:
    with pytest.raises(OutOfOrder):  # the ledger itself knows no other first step
        line.opens(MAY, Module.RECEIVABLE)
    line.opens(MAY)
    await line.done(1)
    await line.is_asked(2)
    line.opens(MAY, Module.RECEIVABLE)
    await line.done(2)
    await line.is_put_back("receivable at 2025-05, expected 2025-06")


async def test_a_right_click_without_a_word_is_noticed_and_accepted_with_a_note(
    shared_temporal: WorkflowEnvironment, demo_template: Path, tmp_path: Path
) -> None:
    async with guided(shared_temporal, tmp_path, demo_template, look_again=0.02) as line:
        line.opens(MAY)
        await line.is_asked(2)
        (step,) = line.events(EventKind.STEP_DONE)
        assert (step.actor, step.data["note"]) == ("unclose", "moved without a word")
        tasks = line.play.scene.register.tasks[line.play.wish.id]
        assert tasks[f"{line.play.wish.id}-guided-1"] == "noticed"
