"""Whole cases on the demo ledger with something going wrong in it: how they end, and what is left."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from activities.demo_erp.desk import Desk
from activities.demo_erp.faults import Fault, Faults
from activities.erp.demo import DemoConnector, DemoOptions
from activities.proof import prove_ledger
from tests.demo_stage import DemoLedgers
from tests.scene import Play, Scene, on_stage
from workflows.domain.case import EventKind
from workflows.domain.errors import LedgerBusy
from workflows.domain.request import CaseState

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def connector(path: Path) -> AsyncIterator[DemoConnector]:
    connector = DemoConnector(DemoOptions(str(path)))
    yield connector
    await connector.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def play(
    shared_temporal: WorkflowEnvironment, tmp_path: Path, connector: DemoConnector
) -> AsyncIterator[Play]:
    async with on_stage(Scene(shared_temporal, tmp_path, ledgers=DemoLedgers(connector))) as scene:
        yield await scene.request()


@pytest.mark.parametrize(
    "fault",
    [
        Fault.WRONG_CLICK,
        Fault.POINTER_MOVED_BEHIND,
        Fault.POINTER_MOVED_BETWEEN,
        Fault.NOTHING_MOVES,
        Fault.REFUSE_ACT,
    ],
)
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


async def test_a_jump_that_cannot_be_closed_again_waits_for_a_person_and_lets_nobody_in(
    play: Play, connector: DemoConnector
) -> None:
    # The module jumps under a period that the general ledger still has closed: its vouchers fit nowhere.
    Faults(connector.ledger).set(Fault.TWO_PERIODS, "2")
    await play.consent()
    await play.reaches(CaseState.ATTENTION)
    assert play.scene.register.leases["demo"].holder == play.wish.id
    with pytest.raises(LedgerBusy):
        Desk(connector.ledger).login("clerk")


async def test_data_that_cannot_be_opened_is_met_in_the_rehearsal_and_the_ledger_stays_closed(
    play: Play, connector: DemoConnector
) -> None:
    before = await prove_ledger(connector)
    Faults(connector.ledger).set(Fault.UNCLOSE_FAILS_ON_DATA, "cost 2025-04")
    await play.approve_all()
    await play.has_task(f"{play.wish.id}-attention-1")
    (needed,) = play.scene.register.told(play.wish.id, EventKind.ATTENTION_NEEDED)
    assert "RehearsalFailed" in str(needed)
    assert "unclose cost 2025-04" in str(needed)
    await play.withdraw()
    assert (await play.end()).state == CaseState.WITHDRAWN
    assert (await prove_ledger(connector)).root == before.root
    assert await connector.journal(play.wish.id) == ()
    assert list((play.scene.folder / "rehearsals").iterdir()) == []


async def test_an_act_whose_answer_was_lost_is_not_done_again(play: Play, connector: DemoConnector) -> None:
    Faults(connector.ledger).set(Fault.ANSWER_LOST, "2")
    await play.consent()
    await play.reaches(CaseState.CORRECTING)
    keys = [entry.key for entry in await connector.journal(play.wish.id)]
    assert len(keys) == len(set(keys)) == 9


async def test_two_persons_bring_point_b_back_and_the_corrections_stay_readable_beside_it(
    play: Play, connector: DemoConnector, tmp_path: Path
) -> None:
    document, desk = "IN-2025-03-0007", Desk(connector.ledger)
    before, quantity = await prove_ledger(connector), desk.read(document).line(1).qty
    pointers = (await connector.read_close_state()).pointers()
    await play.consent()
    await play.reaches(CaseState.CORRECTING)
    with desk.seat("clerk"):
        desk.correct_quantity("clerk", document, 1, quantity + 20)
    Faults(connector.ledger).set(Fault.FAIL_CLOSE, "cost")
    await play.finish()
    await play.retry(1)
    await play.roll_back(2)
    assert (await play.end()).state == CaseState.ROLLED_BACK
    assert (await prove_ledger(connector)).root == before.root
    assert (await connector.read_close_state()).pointers() == pointers
    assert desk.read(document).line(1).qty == quantity
    assert play.scene.register.leases["demo"].holder is None
    with desk.seat("clerk"):  # everybody is let in again
        pass
    (restored,) = play.scene.register.told(play.wish.id, EventKind.RESTORED)
    kept = DemoConnector(DemoOptions(str(tmp_path / f"demo.db.{restored['kept']}"), read_only=True))
    assert Desk(kept.ledger).read(document).line(1).qty == quantity + 20
    await kept.aclose()
