"""Histories of earlier releases still replay: running cases outlive the code they were started with."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from activities.converter import data_converter
from service.sandbox import sandbox_for
from tests.replay.record import HISTORIES, PLAYS, RELEASE
from workflows.unclose import UncloseWorkflow

RECORDED = sorted(HISTORIES.glob("*.json"))


def history(path: Path, changes: dict[str, str] | None = None) -> WorkflowHistory:
    text = path.read_text("utf-8")
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    return WorkflowHistory.from_json(path.stem, text)


def replayer() -> Replayer:
    return Replayer(
        workflows=[UncloseWorkflow],
        data_converter=data_converter,
        workflow_runner=sandbox_for(data_converter),
    )


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_history_still_replays(path: Path) -> None:
    await replayer().replay_workflow(history(path))


def test_every_kind_of_ending_and_of_consent_has_a_recorded_history() -> None:
    assert {path.stem for path in RECORDED} >= {f"{RELEASE}-{play.name}" for play in PLAYS}


async def test_a_history_with_another_step_does_not_replay() -> None:
    changed = history(HISTORIES / f"{RELEASE}-completed.json", {'"name": "back_up"': '"name": "else"'})
    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(changed)
