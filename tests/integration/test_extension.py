"""A longer correction window: asked for, decided by somebody else, and never by silence (design §4, §10)."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from tests.scene import Play, Scene, actor, on_stage
from workflows.domain.case import Act, EventKind, Extension, Finish, Task, TaskAction
from workflows.domain.digest import Json
from workflows.domain.request import CaseState
from workflows.unclose import UncloseWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDS = timedelta(hours=24)
"""The window that was asked for."""


@pytest_asyncio.fixture(loop_scope="module")
async def scene(shared_temporal: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[Scene]:
    async with on_stage(Scene(shared_temporal, tmp_path)) as scene:
        yield scene


async def correcting(scene: Scene) -> Play:
    play = await scene.request()
    await play.consent()
    await play.reaches(CaseState.CORRECTING)
    return play


async def asks(play: Play, hours: int = 12, person: str = "clerk") -> None:
    wanted = Extension(actor(person), hours, "供应商明早才能确认数量")
    await play.handle.execute_update(UncloseWorkflow.extend, wanted)


async def decides(play: Play, action: TaskAction, n: int = 1, person: str = "finance-head") -> None:
    act = Act(task(play, n).id, actor(person), action, task(play, n).digest, "同意")
    await play.handle.execute_update(UncloseWorkflow.act, act)


async def refused(play: Play, hours: int = 12, person: str = "clerk") -> str:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await asks(play, hours, person)
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError)
    return str(cause.type)


async def passes(play: Play, hours: float) -> None:
    await play.scene.environment.fast_forward(play.handle, timedelta(hours=hours))


def task(play: Play, n: int = 1) -> Task:
    return play.scene.register.shown[play.wish.id][f"{play.wish.id}-extension-{n}"]


def correction(play: Play) -> Task:
    return play.scene.register.shown[play.wish.id][f"{play.wish.id}-correction"]


def outcome(play: Play, n: int = 1) -> str:
    return play.scene.register.tasks[play.wish.id][f"{play.wish.id}-extension-{n}"]


def told(play: Play, kind: EventKind) -> list[dict[str, Json]]:
    return play.scene.register.told(play.wish.id, kind)


def at(play: Play, kind: EventKind) -> datetime:
    return [event.at for event in play.scene.register.events[play.wish.id] if event.kind == kind][-1]


async def test_everything_that_hangs_on_the_end_of_the_window_moves_with_it(scene: Scene) -> None:
    play = await correcting(scene)
    ended = correction(play).due
    assert ended is not None
    await asks(play)
    assert set(play.scene.register.latest[play.wish.id].waiting_for) == {"clerk", "finance_head"}
    assert told(play, EventKind.ASKED)[-1]["waiting_for"] == ["finance_head"]
    await decides(play, TaskAction.APPROVE)
    await play.has_changed(lambda: bool(told(play, EventKind.WINDOW_EXTENDED)))
    later = ended + timedelta(hours=12)
    assert (correction(play).due, scene.ledger.entitled_until) == (later, later)
    assert outcome(play) == "approve"
    await passes(play, 25)
    assert play.register_state == CaseState.CORRECTING
    await passes(play, 12)
    assert (await play.end()).state == CaseState.COMPLETED
    assert at(play, EventKind.WINDOW_CLOSED) >= later
    reminded = [e.at for e in scene.register.events[play.wish.id] if e.kind == EventKind.REMINDED]
    opened = at(play, EventKind.WINDOW_OPENED)
    assert [round((when - opened) / timedelta(hours=1)) for when in reminded] == [18, 35]


async def test_silence_never_makes_a_window_longer(scene: Scene) -> None:
    play = await correcting(scene)
    await asks(play)
    await passes(play, 25)
    assert (await play.end()).state == CaseState.COMPLETED
    assert outcome(play) == "expired"
    (lapsed,) = told(play, EventKind.EXTENSION_LAPSED)
    assert lapsed["because"] == "the window ended"
    assert not told(play, EventKind.WINDOW_EXTENDED)
    assert at(play, EventKind.WINDOW_CLOSED) - at(play, EventKind.WINDOW_OPENED) < ENDS + timedelta(hours=1)


async def test_a_no_leaves_the_window_as_it_was_and_another_can_be_asked_for(scene: Scene) -> None:
    play = await correcting(scene)
    await asks(play)
    assert await refused(play) == "ExtensionAsked"
    await decides(play, TaskAction.REJECT)
    await play.has_changed(lambda: outcome(play) == "reject")
    assert correction(play).due == task(play).due
    assert await refused(play, 49) == "ExtensionTooLong"
    await asks(play, 48)
    await decides(play, TaskAction.APPROVE, 2)
    await play.has_changed(lambda: outcome(play, 2) == "approve")
    assert await refused(play, 1) == "ExtensionTooLong"


async def test_only_while_people_correct_and_only_for_those_who_do(scene: Scene) -> None:
    play = await scene.request()
    await play.has_task(f"{play.wish.id}-approval-1-1")
    assert await refused(play) == "WrongState"
    await play.consent()
    await play.reaches(CaseState.CORRECTING)
    assert await refused(play, person="wang") == "NotACorrector"


async def test_whoever_finishes_needs_no_longer_window(scene: Scene) -> None:
    play = await correcting(scene)
    await asks(play)
    await play.handle.execute_update(UncloseWorkflow.finish_corrections, Finish(actor("clerk")))
    assert (await play.end()).state == CaseState.COMPLETED
    assert [lapsed["because"] for lapsed in told(play, EventKind.EXTENSION_LAPSED)] == ["finished"]
    assert scene.register.tasks[play.wish.id][f"{play.wish.id}-correction"] == "finish"


async def test_an_erp_that_does_not_prolong_the_right_leaves_the_window_as_it_was(scene: Scene) -> None:
    play = await correcting(scene)
    ended = correction(play).due
    scene.ledger.grants_nothing = True
    await asks(play)
    await decides(play, TaskAction.APPROVE)
    await play.has_changed(lambda: bool(told(play, EventKind.EXTENSION_LAPSED)))
    assert "RightNotGranted" in str(told(play, EventKind.EXTENSION_LAPSED))
    assert correction(play).due == ended
    await play.finish()
    assert (await play.end()).state == CaseState.COMPLETED
