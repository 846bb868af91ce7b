"""The gateway on a real Temporal server: what cases answer, what they refuse, and who cannot be reached."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.converter import data_converter
from service.temporal_gateway import Readiness, TemporalGateway
from service.temporal_server import free_port
from tests.scene import Play, Scene, a_wish, actor, on_stage
from workflows.domain.case import Act, Finish, TaskAction, Withdrawal, workflow_id
from workflows.domain.errors import NotAnApprover, UnknownRequest, WorkflowUnavailable, WrongState
from workflows.domain.request import CaseState
from workflows.steps import WORKFLOW_QUEUE
from workflows.unclose import UncloseWorkflow

SHORT = timedelta(milliseconds=500)
TASK = "approval-1-1"


@pytest.fixture
async def scene(temporal: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[Scene]:
    async with on_stage(Scene(temporal, tmp_path, queue=WORKFLOW_QUEUE)) as scene:
        yield scene


async def an_approving_case(scene: Scene, gateway: TemporalGateway) -> Play:
    wish = a_wish()
    await gateway.start(wish)
    play = Play(
        scene,
        wish,
        scene.environment.client.get_workflow_handle_for(UncloseWorkflow.run, workflow_id(wish.id)),
    )
    await play.has_task(f"{wish.id}-{TASK}")
    return play


def an_act(play: Play, person: str) -> Act:
    return Act(f"{play.wish.id}-{TASK}", actor(person), TaskAction.APPROVE, play.digest)


async def test_a_case_starts_once_and_answers_each_act_once(scene: Scene) -> None:
    gateway = TemporalGateway(scene.environment.client)
    play = await an_approving_case(scene, gateway)
    await gateway.start(play.wish)

    first = await gateway.act(play.wish.id, an_act(play, "warehouse"), "key")
    again = await gateway.act(play.wish.id, an_act(play, "warehouse"), "key")

    assert (first.state, first.waiting_for) == (CaseState.APPROVING, ("finance",))
    assert again == first
    assert await gateway.has_started(play.wish.id)
    assert await gateway.readiness() == Readiness(temporal=True, workers=True)


async def test_a_refusal_comes_back_as_the_domain_raised_it(scene: Scene) -> None:
    gateway = TemporalGateway(scene.environment.client)
    play = await an_approving_case(scene, gateway)

    with pytest.raises(NotAnApprover) as refused:
        await gateway.act(play.wish.id, an_act(play, "it"), "key")
    assert (refused.value.person, refused.value.approvers) == ("it", ("warehouse",))

    with pytest.raises(WrongState) as early:
        await gateway.finish(play.wish.id, Finish(actor("clerk")), "other")
    assert early.value.allowed == (CaseState.CORRECTING,)


async def test_a_case_that_is_not_there_or_has_ended_is_unknown(scene: Scene) -> None:
    gateway = TemporalGateway(scene.environment.client)
    play = await an_approving_case(scene, gateway)
    await gateway.withdraw(play.wish.id, Withdrawal(actor("clerk")), "key")
    await play.end()

    with pytest.raises(UnknownRequest):
        await gateway.withdraw(play.wish.id, Withdrawal(actor("clerk")), "another key")
    with pytest.raises(UnknownRequest):
        await gateway.withdraw("UC-2025-777777", Withdrawal(actor("clerk")), "key")
    assert not await gateway.has_started("UC-2025-777777")


async def test_without_a_worker_the_caller_is_asked_to_come_back(temporal: WorkflowEnvironment) -> None:
    gateway = TemporalGateway(temporal.client, SHORT)
    await gateway.start(a_wish())

    with pytest.raises(WorkflowUnavailable):
        await gateway.withdraw(a_wish().id, Withdrawal(actor("clerk")), "key")
    assert await gateway.readiness() == Readiness(temporal=True, workers=False)


async def test_without_a_server_nothing_is_promised() -> None:
    client = await Client.connect(f"127.0.0.1:{free_port()}", data_converter=data_converter, lazy=True)
    gateway = TemporalGateway(client, SHORT)

    with pytest.raises(WorkflowUnavailable):
        await gateway.start(a_wish())
    with pytest.raises(WorkflowUnavailable):
        await gateway.withdraw(a_wish().id, Withdrawal(actor("clerk")), "key")
    assert await gateway.readiness() == Readiness(temporal=False, workers=False)
