"""Pointers that people move: what is clicked is read before it is believed (design §6, guided step)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from tests.fake_world import FakeLedger
from tests.scene import Play, Scene, a_wish, actor, eventually, on_stage
from workflows.domain.case import Act, EventKind, TaskAction
from workflows.domain.consent_round import Standing
from workflows.domain.errors import NotTheErpAdministrator
from workflows.domain.ledger import Capabilities, Module, StepMode, Verb
from workflows.domain.period import Period
from workflows.domain.plan import PlanStep, Why
from workflows.domain.request import CaseState
from workflows.guided_desk import GuidedDesk

pytestmark = pytest.mark.asyncio(loop_scope="module")

MARCH, APRIL, MAY, JUNE, JULY = (Period(2025, n) for n in range(3, 8))
GUIDED_OPENING = ((Module.GL, Verb.UNCLOSE),)


@pytest_asyncio.fixture(loop_scope="module")
async def scene(shared_temporal: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[Scene]:
    async with on_stage(Scene(shared_temporal, tmp_path)) as scene:
        scene.ledger.able = Capabilities(guided=GUIDED_OPENING)
        yield scene


async def guided(scene: Scene, n: int = 1) -> Play:
    """A case whose first step waits for the ERP administrator."""
    play = await scene.request()
    await play.consent()
    await asks(play, n)
    return play


async def asks(play: Play, n: int) -> None:
    await play.has_task(f"{play.wish.id}-guided-{n}")


async def done(play: Play, n: int = 1, person: str = "erp-admin") -> None:
    await play.act(person, f"guided-{n}", TaskAction.DONE)


async def refused(play: Play, person: str = "erp-admin", n: int = 1) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await done(play, n, person)
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError)
    return str(cause.type)


def is_open(play: Play, n: int = 1) -> bool:
    return play.scene.register.tasks[play.wish.id][f"{play.wish.id}-guided-{n}"] == "open"


def is_as_before(scene: Scene) -> bool:
    lease = scene.register.leases[scene.ledger.name]
    stands = scene.ledger.state.pointers() == scene.ledger.opening.pointers()
    return stands and lease.holder is None and not scene.ledger.is_exclusive


class TestWhatIsClicked:
    async def test_the_right_click_leads_to_the_next_step_and_names_who_did_it(self, scene: Scene) -> None:
        play = await guided(scene)
        for n, period in enumerate((MAY, APRIL, MARCH), start=1):
            await asks(play, n)
            scene.ledger.move_behind_our_back(Module.GL, period)
            await done(play, n)
        await play.finish()
        assert (await play.end()).state == CaseState.COMPLETED
        events = scene.register.events[play.wish.id]
        opened = [e for e in events if e.kind == EventKind.STEP_DONE and e.data["mode"] == "guided"]
        assert [e.data["period"] for e in opened] == ["2025-05", "2025-04", "2025-03"]
        assert {e.actor for e in opened} == {"erp-admin"}
        assert is_as_before(scene)

    async def test_without_a_click_the_task_stays_and_says_so(self, scene: Scene) -> None:
        play = await guided(scene)
        assert await refused(play) == "NothingMoved"
        assert is_open(play)
        scene.ledger.move_behind_our_back(Module.GL, MAY)
        await done(play)
        await asks(play, 2)

    async def test_a_wrong_period_stops_the_line_until_a_person_has_put_it_back(self, scene: Scene) -> None:
        play = await guided(scene)
        scene.ledger.move_behind_our_back(Module.GL, JULY)
        await done(play)
        await play.reaches(CaseState.ATTENTION)
        assert "gl at 2025-07, expected 2025-05" in str(
            scene.register.told(play.wish.id, EventKind.STEP_FAILED)
        )
        scene.ledger.move_behind_our_back(Module.GL, JUNE)
        await play.retry()
        assert (await play.end()).state == CaseState.ROLLED_BACK
        assert is_as_before(scene)

    async def test_a_pointer_ahead_is_seen_even_where_no_balance_shows_it(self, scene: Scene) -> None:
        scene.ledger.without_balances = {JUNE}
        play = await guided(scene)
        scene.ledger.move_behind_our_back(Module.GL, JULY)
        await done(play)
        await play.reaches(CaseState.ATTENTION)
        (needed,) = scene.register.told(play.wish.id, EventKind.ATTENTION_NEEDED)
        assert "gl at 2025-07, expected 2025-06" in str(needed)
        assert scene.register.leases[scene.ledger.name].holder == play.wish.id
        scene.ledger.move_behind_our_back(Module.GL, JUNE)
        await play.retry()
        assert (await play.end()).state == CaseState.ROLLED_BACK
        assert is_as_before(scene)

    async def test_two_periods_at_once_are_closed_again(self, scene: Scene) -> None:
        play = await guided(scene)
        scene.ledger.move_behind_our_back(Module.GL, APRIL)
        await done(play)
        assert (await play.end()).state == CaseState.ROLLED_BACK
        assert is_as_before(scene)

    async def test_a_wrong_module_is_closed_again(self, scene: Scene) -> None:
        play = await guided(scene)
        scene.ledger.move_behind_our_back(Module.COST, MAY)
        await done(play)
        assert (await play.end()).state == CaseState.ROLLED_BACK
        assert is_as_before(scene)

    async def test_what_a_person_opened_wrongly_a_person_closes_again(self, scene: Scene) -> None:
        scene.ledger.able = Capabilities(guided=(*GUIDED_OPENING, (Module.GL, Verb.RECLOSE)))
        play = await guided(scene)
        scene.ledger.move_behind_our_back(Module.GL, APRIL)
        await done(play)
        for n, current in ((2, MAY), (3, JUNE)):
            await asks(play, n)
            scene.ledger.move_behind_our_back(Module.GL, current)
            await done(play, n)
        assert (await play.end()).state == CaseState.ROLLED_BACK
        assert is_as_before(scene)


class TestNoticing:
    async def test_a_correct_move_without_a_word_is_accepted_with_a_note(
        self, shared_temporal: WorkflowEnvironment, tmp_path: Path
    ) -> None:
        async with on_stage(Scene(shared_temporal, tmp_path, look_again=0.02)) as scene:
            scene.ledger.able = Capabilities(guided=GUIDED_OPENING)
            play = await guided(scene)
            scene.ledger.move_behind_our_back(Module.GL, MAY)
            await asks(play, 2)
            (noted,) = [
                event
                for event in scene.register.events[play.wish.id]
                if event.kind == EventKind.STEP_DONE and event.data["module"] == "gl"
            ]
            assert (noted.actor, noted.data["note"]) == ("unclose", "moved without a word")
            assert scene.register.tasks[play.wish.id][f"{play.wish.id}-guided-1"] == "noticed"

    async def test_a_wrong_move_without_a_word_stops_the_line(
        self, shared_temporal: WorkflowEnvironment, tmp_path: Path
    ) -> None:
        async with on_stage(Scene(shared_temporal, tmp_path, look_again=0.02)) as scene:
            scene.ledger.able = Capabilities(guided=GUIDED_OPENING)
            play = await guided(scene)
            scene.ledger.move_behind_our_back(Module.COST, MAY)
            assert (await play.end()).state == CaseState.ROLLED_BACK
            assert is_as_before(scene)

    async def test_however_often_the_ledger_is_looked_at_the_history_stays_as_it_is(
        self, shared_temporal: WorkflowEnvironment, tmp_path: Path
    ) -> None:
        async with on_stage(Scene(shared_temporal, tmp_path, look_again=0.001)) as scene:
            scene.ledger.able = Capabilities(guided=GUIDED_OPENING)
            play = await guided(scene)
            first = scene.ledger.looks
            await eventually(lambda: scene.ledger.looks > first + 3, "three looks", play.tale)
            before = len((await play.handle.fetch_history()).events)
            seen = scene.ledger.looks
            await eventually(lambda: scene.ledger.looks > seen + 5, "five more looks", play.tale)
            assert len((await play.handle.fetch_history()).events) == before


class TestWhoMayDoIt:
    async def test_the_one_who_asked_may_not_but_may_comment(self) -> None:
        ledger = FakeLedger()
        step = PlanStep(1, Verb.UNCLOSE, Module.GL, MAY, StepMode.GUIDED, Why.REQUESTED)
        desk = GuidedDesk(a_wish(applicant="erp-admin"), 1, step, ledger.state, datetime.now(UTC))
        assert desk.task is not None
        act = Act(desk.task.id, actor("erp-admin"), TaskAction.DONE)
        with pytest.raises(NotTheErpAdministrator):
            desk.check(act, Standing(), "unclosing")
        desk.check(replace(act, action=TaskAction.COMMENT, comment="请从总账开始"), Standing(), "unclosing")

    async def test_nobody_else_may(self, scene: Scene) -> None:
        play = await guided(scene)
        scene.ledger.move_behind_our_back(Module.GL, MAY)
        assert await refused(play, "warehouse") == "NotTheErpAdministrator"
        assert is_open(play)


class TestTheInstruction:
    async def test_it_says_which_period_and_from_which_runbook(self, scene: Scene) -> None:
        play = await guided(scene)
        shown = scene.register.parts[play.wish.id]["guided-1"]
        assert isinstance(shown, dict)
        assert "2025-05" in str(shown["zh"]["text"])
        assert "2025-05" in str(shown["en"]["text"])
        (told,) = scene.register.told(play.wish.id, EventKind.INSTRUCTED)
        assert (told["step"], told["sha256"]) == ("unclose gl 2025-05", shown["en"]["sha256"])


class TestInterrupting:
    async def test_a_cancellation_ends_the_wait_and_closes_what_was_open(self, scene: Scene) -> None:
        play = await guided(scene)
        scene.ledger.move_behind_our_back(Module.GL, MAY)
        await done(play)
        await asks(play, 2)
        await play.handle.cancel()
        assert (await play.end()).state == CaseState.ROLLED_BACK
        assert is_as_before(scene)
