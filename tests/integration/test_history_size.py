"""How much history a case leaves: within its budget, and linear in the levels of its chain (design §16)."""

from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.consent_play import Scenario, Stage, level, policy, prepare
from tests.scene import Scene, on_stage
from workflows.domain.request import CaseState

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLACK = 3
"""Events that one level may add more or fewer by how its workflow tasks happened to fall together."""


async def sizes(environment: WorkflowEnvironment, folder: Path, levels: int) -> tuple[int, int]:
    """Events in the history, and on record, of one whole case with so many levels."""
    people = [f"f{n}" for n in range(levels)]
    chain = policy(*(level(f"level{n}", "finance") for n in range(levels)))
    moves = [f"{person} approves" for person in people] + ["eva authorises", "hao authorises"]
    whole = Scenario("a whole case", chain, "\n".join(moves), people=f"finance: {' '.join(people)}")
    async with on_stage(Scene(environment, folder)) as scene:
        prepare(whole, scene)
        play = await scene.request()
        await Stage(whole, scene, play).perform()
        await play.finish()
        assert (await play.end()).state == CaseState.COMPLETED
        history = await play.handle.fetch_history()
        return len(history.events), len(scene.register.events[play.wish.id])


async def test_history_is_within_its_budget_and_linear_in_levels(
    shared_temporal: WorkflowEnvironment, tmp_path: Path
) -> None:
    counted = {levels: await sizes(shared_temporal, tmp_path, levels) for levels in (1, 3, 10)}
    for levels, (in_history, on_record) in counted.items():
        print(f"{levels} levels: {in_history} history events, {on_record} events on record")
    history = {levels: size for levels, (size, _) in counted.items()}
    recorded = {levels: size for levels, (_, size) in counted.items()}
    assert history[3] < 400
    assert abs((history[10] - history[3]) / 7 - (history[3] - history[1]) / 2) <= SLACK
    assert (recorded[10] - recorded[3]) * 2 == (recorded[3] - recorded[1]) * 7
