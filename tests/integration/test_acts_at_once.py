"""Many people act on one task at the same moment: one act settles it, and nothing is lost or told twice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from tests.consent_play import Scenario, in_force, level, policy, prepare
from tests.scene import Play, Scene, on_stage
from workflows.domain.approval import Group
from workflows.domain.case import (
    APPLICANT,
    Act,
    Actor,
    CaseEvent,
    CaseNow,
    EventKind,
    Position,
    Resume,
    TaskAction,
)
from workflows.unclose import UncloseWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEN = tuple(f"f{n}" for n in range(10))
POLICY = policy(level("finance", transfer_to=["auditor"]), level("it"))
TASK = "UC-2025-000001-approval-1-1"
SETTLING = (EventKind.DECIDED, EventKind.TRANSFERRED, EventKind.SIGN_ADDED)


def ten_acts(digest: str) -> list[Act]:
    """Ten people of one group, and every action that ends the asking of a task."""
    said = (
        {"action": TaskAction.APPROVE},
        {"action": TaskAction.REJECT},
        {"action": TaskAction.RETURN, "to": APPLICANT},
        {"action": TaskAction.RETURN, "to": APPLICANT, "resume": Resume.DIRECT},
        {"action": TaskAction.TRANSFER, "to": "aimin"},
        {"action": TaskAction.ADD_SIGN, "persons": ("aimin",), "position": Position.BEFORE},
        {"action": TaskAction.ADD_SIGN, "persons": ("aimin",), "position": Position.AFTER},
        {"action": TaskAction.ADD_SIGN, "persons": ("aimin",), "position": Position.PARALLEL},
        {"action": TaskAction.APPROVE},
        {"action": TaskAction.REJECT},
    )
    return [
        Act(TASK, Actor(person, (Group.FINANCE,)), digest=digest, **words)  # type: ignore[arg-type]  # mixed
        for person, words in zip(TEN, said, strict=True)
    ]


@pytest_asyncio.fixture(loop_scope="module")
async def play(shared_temporal: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[Play]:
    async with on_stage(Scene(shared_temporal, tmp_path)) as scene:
        prepare(Scenario("ten at once", POLICY, "", people=f"finance: {' '.join(TEN)}"), scene)
        play = await scene.request()
        await play.has_task(TASK)
        yield play
    await play.stop()


async def press(play: Play, acts: list[Act]) -> list[CaseNow | BaseException]:
    return await asyncio.gather(
        *(play.handle.execute_update(UncloseWorkflow.act, act) for act in acts), return_exceptions=True
    )


def refused_as_closed(answer: CaseNow | BaseException) -> bool:
    """Whether a caller learns that somebody else was first, and in what state the case is."""
    if isinstance(answer, RPCError):
        return answer.status == RPCStatusCode.NOT_FOUND  # the first one has ended the whole case
    if not isinstance(answer, WorkflowUpdateFailedError) or not isinstance(answer.cause, ApplicationError):
        return False
    return answer.cause.type == "TaskClosed" and bool(answer.cause.details[0]["state"])


def events_of(play: Play) -> list[CaseEvent]:
    return play.scene.register.events[play.wish.id]


@pytest.mark.parametrize("first", range(10))
async def test_of_ten_different_acts_on_one_task_exactly_one_wins(play: Play, first: int) -> None:
    acts = ten_acts(play.digest)
    answers = await press(play, acts[first:] + acts[:first])
    won = [answer for answer in answers if isinstance(answer, CaseNow)]
    lost = [answer for answer in answers if not isinstance(answer, CaseNow)]
    assert len(won) == 1
    assert [answer for answer in lost if not refused_as_closed(answer)] == []

    events = events_of(play)
    assert [event.seq for event in events] == list(range(1, len(events) + 1)), "no event is lost"
    settled = [event for event in in_force(events) if event.kind in SETTLING]
    assert {event.data["task"] for event in settled} == {TASK}
    assert len({event.actor for event in settled}) == 1, "all that is on record was said by the winner"
    kinds = [event.kind for event in settled]
    assert kinds in ([kinds[0]], [EventKind.SIGN_ADDED, EventKind.DECIDED])


async def test_of_two_confirmations_by_one_group_at_once_one_counts(play: Play) -> None:
    play.scene.directory.groups[Group.ERP_ADMIN] = ("e0", "e1")
    for task, person, group in (("1-1", "f0", Group.FINANCE), ("1-2", "ida", Group.IT)):
        await play.has_task(f"{play.wish.id}-approval-{task}")
        act = Act(f"{play.wish.id}-approval-{task}", Actor(person, (group,)), TaskAction.APPROVE, play.digest)
        await play.handle.execute_update(UncloseWorkflow.act, act)
    task = f"{play.wish.id}-authorisation-1"
    await play.has_task(task)
    both = [
        Act(task, Actor(person, (Group.ERP_ADMIN,)), TaskAction.AUTHORISE, play.digest)
        for person in ("e0", "e1")
    ]
    answers = await press(play, both)
    assert len([answer for answer in answers if isinstance(answer, CaseNow)]) == 1
    assert len(play.scene.register.told(play.wish.id, EventKind.CONFIRMED)) == 1


async def test_of_ten_comments_at_once_every_one_is_on_record(play: Play) -> None:
    acts = [
        Act(TASK, Actor(person, (Group.FINANCE,)), TaskAction.COMMENT, comment=f"{person} 看过")
        for person in TEN
    ]
    answers = await press(play, acts)
    assert all(isinstance(answer, CaseNow) for answer in answers)
    said = play.scene.register.told(play.wish.id, EventKind.COMMENTED)
    assert {told["comment"] for told in said} == {f"{person} 看过" for person in TEN}
    assert len(said) == 10
    events = events_of(play)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


async def withdrawn(play: Play) -> bool:
    """Whether the applicant was in time."""
    try:
        await play.withdraw()
    except (WorkflowUpdateFailedError, RPCError):
        return False
    return True


async def test_of_ten_acts_and_a_withdrawal_at_once_the_record_has_no_holes(play: Play) -> None:
    answered, _ = await asyncio.gather(press(play, ten_acts(play.digest)), withdrawn(play))
    events = events_of(play)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    won = [answer for answer in answered if isinstance(answer, CaseNow)]
    assert len({event.actor for event in in_force(events) if event.kind in SETTLING}) == len(won) <= 1
