"""Whole cases on the demo ledger with something going wrong in it: how they end, and what is left."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.demo_erp import creation, seed
from activities.demo_erp.desk import Desk
from activities.demo_erp.faults import Fault, Faults
from activities.erp.demo import DemoConnector, DemoOptions
from activities.proof import prove_ledger
from tests.fake_world import a_profile
from tests.scene import Play, Scene, on_stage
from workflows.domain.case import EventKind
from workflows.domain.request import CaseState
from workflows.steps import LedgerProfile


class DemoLedgers:
    """The one demo ledger under both ports."""

    def __init__(self, connector: DemoConnector) -> None:
        self.demo = connector

    def connector(self, ledger: str) -> DemoConnector:
        return self.demo

    def profile(self, ledger: str) -> LedgerProfile:
        return replace(a_profile(ledger), graph=creation.GRAPH)


@pytest.fixture
async def connector(tmp_path: Path) -> AsyncIterator[DemoConnector]:
    connector = DemoConnector(DemoOptions(str(seed.create_demo(tmp_path / "demo.sqlite"))))
    yield connector
    await connector.aclose()


@pytest.fixture
async def play(
    temporal: WorkflowEnvironment, tmp_path: Path, connector: DemoConnector
) -> AsyncIterator[Play]:
    async with on_stage(Scene(temporal, tmp_path, ledgers=DemoLedgers(connector))) as scene:
        yield await scene.request()


@pytest.mark.parametrize("fault", [Fault.WRONG_CLICK, Fault.POINTER_MOVED_BEHIND, Fault.REFUSE_ACT])
async def test_a_wrong_movement_is_put_back_and_nothing_is_left_held(
    play: Play, connector: DemoConnector, fault: Fault
) -> None:
    before, pointers = await prove_ledger(connector), (await connector.read_close_state()).pointers()
    Faults(connector.ledger).set(fault, "2")
    await play.consent()
    assert (await play.end()).state == CaseState.ROLLED_BACK
    assert play.scene.register.told(play.wish.id, EventKind.STEP_FAILED)
    assert (await connector.read_close_state()).pointers() == pointers
    assert (await prove_ledger(connector)).root == before.root
    assert play.scene.register.leases["demo"].holder is None
    with Desk(connector.ledger).seat("clerk"):  # everybody is let in again
        pass
