"""Record histories for the replay test, one of each ending and of each kind of consent.

`python -m tests.replay.record`: run it once for a release whose workflow is to be kept
replayable; the file names carry the release.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from temporalio.testing import WorkflowEnvironment

from activities.converter import data_converter
from service.temporal_server import find_temporal
from tests.consent_play import Scenario, Stage, level, policy, prepare
from tests.fake_world import refuse_once
from tests.scene import Play, Scene, on_stage
from tests.temporal_flags import TIME_SKIPPING
from workflows.domain.case import TaskAction
from workflows.domain.ledger import Module
from workflows.domain.period import Period
from workflows.domain.request import CaseState

RELEASE = "0.1"
HISTORIES = Path(__file__).parent / "histories"
ROOT = Path(__file__).parents[2]


async def completed(play: Play) -> None:
    await play.consent()
    await play.reaches(CaseState.CORRECTING)
    play.scene.ledger.correct("IN-2025-03-0007")
    await play.finish()


async def rejected(play: Play) -> None:
    await play.has_task(f"{play.wish.id}-approval-1-1")
    await play.act("warehouse", "approval-1-1", TaskAction.REJECT)


async def expired(play: Play) -> None:
    await play.has_task(f"{play.wish.id}-approval-1-1")
    await play.scene.environment.fast_forward(play.handle, timedelta(hours=73))


async def withdrawn(play: Play) -> None:
    await play.has_task(f"{play.wish.id}-approval-1-1")
    await play.withdraw()


async def rolled_back(play: Play) -> None:
    play.scene.ledger.before_act = refuse_once((Module.COST, Period(2025, 4)))
    await play.consent()


async def rolled_back_to_point_b(play: Play) -> None:
    await play.consent()
    await play.reaches(CaseState.CORRECTING)
    play.scene.ledger.before_act = refuse_once((Module.GL, Period(2025, 3)))
    await play.finish()
    await play.roll_back()


async def cancelled_in_the_window(play: Play) -> None:
    await play.consent()
    await play.reaches(CaseState.CORRECTING)
    await play.handle.cancel()


async def closed_by_time(play: Play) -> None:
    await play.consent()
    await play.reaches(CaseState.CORRECTING)
    await play.scene.environment.fast_forward(play.handle, timedelta(hours=25))


ENDINGS: tuple[Callable[[Play], Awaitable[None]], ...] = (
    completed,
    rejected,
    expired,
    withdrawn,
    rolled_back,
    rolled_back_to_point_b,
    cancelled_in_the_window,
    closed_by_time,
)

CONSENTS = (
    Scenario(
        "returned_directly",
        policy(level("warehouse"), level("finance", mode="all"), level("it")),
        """
        wang approves
        fang approves
        feng returns to applicant, direct
        → state returned
        clerk resubmits
        feng approves
        fang approves
        ida returns to warehouse, direct
        wen approves
        → asks it: ida ivo
        clerk withdraws
        """,
    ),
    Scenario(
        "escalated",
        policy(level("finance", mode="sequence", on_deadline="escalate", escalate_to="auditor"), level("it")),
        """
        → asks finance: fang
        9 hours pass
        → told escalated
        wang stands in for aimin
        wang approves
        → asks it: ida ivo
        9 hours pass
        → told reminded
        16 hours pass
        """,
    ),
    Scenario(
        "signs_added",
        policy(level("finance", transfer_to=["warehouse"])),
        """
        fang transfers to wang
        wang adds aimin before
        aimin approves
        wang adds olga after
        clerk comments
        clerk reminds
        olga rejects
        """,
    ),
    Scenario(
        "confirmation_lapsed",
        policy(level("finance"), authorisation={"within_minutes": 30}),
        """
        fang approves
        eva authorises
        31 minutes pass
        → told confirmation_lapsed
        hao authorises
        a warning appears
        eva authorises
        → asks finance: fang feng
        feng rejects
        """,
    ),
)


@dataclass(frozen=True)
class Part:
    """One history to be recorded: a name, and what people do."""

    name: str
    perform: Callable[[Play], Awaitable[None]]
    scenario: Scenario | None = None


def told(scenario: Scenario) -> Part:
    async def perform(play: Play) -> None:
        await Stage(scenario, play.scene, play).perform()

    return Part(scenario.name, perform, scenario)


PLAYS = (*(Part(ending.__name__, ending) for ending in ENDINGS), *map(told, CONSENTS))


async def record(environment: WorkflowEnvironment, part: Part) -> None:
    with TemporaryDirectory() as folder:
        async with on_stage(Scene(environment, Path(folder))) as scene:
            if part.scenario is not None:
                prepare(part.scenario, scene)
            play = await scene.request()
            await part.perform(play)
            await play.end()
            history = await play.handle.fetch_history()
    name = f"{RELEASE}-{part.name}.json"
    # Stack traces of failed steps name files: where the tree lies on this machine is nobody's business.
    text = history.to_json().replace(f"{ROOT}/", "")
    (HISTORIES / name).write_text(text + "\n", "utf-8")
    print(f"{name}: {len(history.events)} events")


async def main() -> None:
    HISTORIES.mkdir(exist_ok=True)
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=str(find_temporal()),
        data_converter=data_converter,
        dev_server_extra_args=TIME_SKIPPING,
    )
    async with environment:
        for part in PLAYS:
            await record(environment, part)


if __name__ == "__main__":
    asyncio.run(main())
