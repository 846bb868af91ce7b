"""The correction window: reminders, and the explanation of what nobody had declared (R77, R84)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from tests.scene import Play, Scene, a_wish, actor, on_stage
from workflows.domain.case import Act, EventKind, TaskAction
from workflows.domain.consent_round import Standing
from workflows.domain.digest import Json
from workflows.domain.errors import OwnExplanation
from workflows.domain.request import CaseState
from workflows.explanation_desk import ReviewDesk
from workflows.unclose import UncloseWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNDECLARED = "IN-2025-03-0008"


@pytest_asyncio.fixture(loop_scope="module")
async def scene(shared_temporal: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[Scene]:
    async with on_stage(Scene(shared_temporal, tmp_path)) as scene:
        yield scene


async def says(
    play: Play, person: str, task: str, action: TaskAction, comment: str = "", digest: str | None = None
) -> None:
    act = Act(f"{play.wish.id}-{task}", actor(person), action, digest, comment)
    await play.handle.execute_update(UncloseWorkflow.act, act)


async def refused(play: Play, *said: object, **more: object) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await says(play, *said, **more)  # type: ignore[arg-type]  # passed on as they come
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError)
    return str(cause.type)


async def correcting(scene: Scene, **changes: object) -> Play:
    play = await scene.request(**changes)
    await play.consent()
    await play.reaches(CaseState.CORRECTING)
    return play


async def with_an_undeclared_change(scene: Scene, **changes: object) -> Play:
    """A case whose corrector has also changed what nobody had declared."""
    play = await correcting(scene, **changes)
    scene.ledger.correct("IN-2025-03-0007")
    scene.ledger.correct(UNDECLARED)
    await play.finish()
    await play.has_task(f"{play.wish.id}-explanation-1")
    return play


async def reviewed(play: Play, n: int, action: TaskAction, person: str = "finance") -> None:
    task = f"explanation-{n}-review"
    await play.has_task(f"{play.wish.id}-{task}")
    await says(play, person, task, action, "看过", shown(play, task))


def shown(play: Play, task: str) -> str:
    return str(play.scene.register.shown[play.wish.id][f"{play.wish.id}-{task}"].digest)


class TestExplaining:
    async def test_nothing_is_closed_before_it_is_explained_and_confirmed(self, scene: Scene) -> None:
        play = await with_an_undeclared_change(scene)
        opened = len(scene.ledger.acts)
        await says(play, "clerk", "explanation-1", TaskAction.EXPLAIN, "同一货位的另一张单")
        await play.has_task(f"{play.wish.id}-explanation-1-review")
        assert len(scene.ledger.acts) == opened
        await reviewed(play, 1, TaskAction.APPROVE)
        assert (await play.end()).state == CaseState.COMPLETED
        (explained,) = scene.register.told(play.wish.id, EventKind.EXPLAINED)
        assert (explained["documents"], explained["comment"]) == ([UNDECLARED], "同一货位的另一张单")
        assert scene.register.told(play.wish.id, EventKind.EXPLANATION_CONFIRMED)
        assert scene.register.parts[play.wish.id]["explanation"] == {
            "by": "clerk",
            "comment": "同一货位的另一张单",
            "documents": [UNDECLARED],
        }

    async def test_a_word_is_needed_and_only_from_those_who_corrected_or_asked(self, scene: Scene) -> None:
        play = await with_an_undeclared_change(scene)
        assert await refused(play, "clerk", "explanation-1", TaskAction.EXPLAIN, " ") == "ActIncomplete"
        assert await refused(play, "wang", "explanation-1", TaskAction.EXPLAIN, "x") == "NotACorrector"

    async def test_nobody_outside_finance_confirms(self, scene: Scene) -> None:
        play = await with_an_undeclared_change(scene)
        await says(play, "clerk", "explanation-1", TaskAction.EXPLAIN, "同一货位")
        task = "explanation-1-review"
        await play.has_task(f"{play.wish.id}-{task}")
        assert await refused(play, "it", task, TaskAction.APPROVE, "", shown(play, task)) == "NotAnOperator"

    async def test_whoever_explained_does_not_confirm(self) -> None:
        now = datetime.now(UTC)
        said: dict[str, Json] = {"by": "finance", "comment": "我改的", "documents": [UNDECLARED]}
        desk = ReviewDesk(a_wish(), 1, (), said, now, now)
        assert desk.task is not None
        act = Act(desk.task.id, actor("finance"), TaskAction.APPROVE, desk.task.digest)
        with pytest.raises(OwnExplanation):
            desk.check(act, Standing(), "reclosing")

    async def test_only_what_was_shown_can_be_confirmed(self, scene: Scene) -> None:
        play = await with_an_undeclared_change(scene)
        await says(play, "clerk", "explanation-1", TaskAction.EXPLAIN, "同一货位")
        task = "explanation-1-review"
        await play.has_task(f"{play.wish.id}-{task}")
        assert await refused(play, "finance", task, TaskAction.APPROVE, "", "0" * 64) == "StaleDigest"

    async def test_an_explanation_that_is_handed_back_is_asked_for_again(self, scene: Scene) -> None:
        play = await with_an_undeclared_change(scene)
        await says(play, "clerk", "explanation-1", TaskAction.EXPLAIN, "。")
        await reviewed(play, 1, TaskAction.RETURN)
        await play.has_task(f"{play.wish.id}-explanation-2")
        await says(play, "clerk", "explanation-2", TaskAction.EXPLAIN, "同一货位的另一张单")
        await reviewed(play, 2, TaskAction.APPROVE)
        assert (await play.end()).state == CaseState.COMPLETED

    async def test_silence_is_not_a_yes_and_a_person_has_it_asked_for_again(self, scene: Scene) -> None:
        play = await with_an_undeclared_change(scene)
        await scene.environment.fast_forward(play.handle, timedelta(hours=25))
        await play.has_task(f"{play.wish.id}-attention-1")
        (needed,) = scene.register.told(play.wish.id, EventKind.ATTENTION_NEEDED)
        assert "NotExplained" in str(needed)
        await play.retry()
        await play.has_task(f"{play.wish.id}-explanation-2")
        await says(play, "clerk", "explanation-2", TaskAction.EXPLAIN, "同一货位的另一张单")
        await scene.environment.fast_forward(play.handle, timedelta(hours=25))
        await play.has_task(f"{play.wish.id}-attention-2")
        await play.retry(2)
        await play.has_task(f"{play.wish.id}-explanation-3")

    async def test_two_persons_close_over_what_nobody_explains(self, scene: Scene) -> None:
        play = await with_an_undeclared_change(scene)
        await scene.environment.fast_forward(play.handle, timedelta(hours=25))
        await play.skip()
        assert (await play.end()).state == CaseState.COMPLETED
        skipped = scene.register.parts[play.wish.id]["skipped"]
        assert isinstance(skipped, list)
        assert [UNDECLARED in str(each) for each in skipped] == [True]

    async def test_what_was_declared_needs_no_explanation(self, scene: Scene) -> None:
        play = await correcting(scene)
        scene.ledger.correct("IN-2025-03-0007")
        await play.finish()
        assert (await play.end()).state == CaseState.COMPLETED
        assert not scene.register.told(play.wish.id, EventKind.EXPLAINED)


class TestReminding:
    async def test_correctors_are_reminded_at_half_time_and_an_hour_before_the_end(
        self, scene: Scene
    ) -> None:
        play = await correcting(scene)
        await scene.environment.fast_forward(play.handle, timedelta(hours=25))
        await play.end()
        reminded = scene.register.told(play.wish.id, EventKind.REMINDED)
        assert [told["waiting_for"] for told in reminded] == [["clerk"], ["clerk"]]

    async def test_nobody_is_reminded_who_finishes_early(self, scene: Scene) -> None:
        play = await correcting(scene)
        await play.finish()
        await play.end()
        assert not scene.register.told(play.wish.id, EventKind.REMINDED)
