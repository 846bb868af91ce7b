"""Whole cases on the demo ledger with something going wrong in it: how they end, and what is left."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
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
from workflows.domain.case import EventKind, TaskAction
from workflows.domain.errors import LedgerBusy
from workflows.domain.request import FINAL_STATES, CaseState
from workflows.steps import Lease

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def connector(path: Path) -> AsyncIterator[DemoConnector]:
    connector = DemoConnector(DemoOptions(str(path)))
    yield connector
    await connector.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def scene(
    shared_temporal: WorkflowEnvironment, tmp_path: Path, connector: DemoConnector
) -> AsyncIterator[Scene]:
    async with on_stage(Scene(shared_temporal, tmp_path, ledgers=DemoLedgers(connector))) as scene:
        yield scene


@pytest_asyncio.fixture(loop_scope="module")
async def play(scene: Scene) -> AsyncIterator[Play]:
    yield await scene.request()


FREE: Mapping[str, object] = {"fence": None, "doors": "open", "rights": []}
"""Nothing held."""
SHUT: Mapping[str, object] = {"fence": 1, "doors": "shut", "rights": []}
"""Under the lease, nobody let in."""


@dataclass(frozen=True)
class Ending:
    """Where a fault leads to, what is held then, and what it says was wrong."""

    state: CaseState
    says: str = ""
    held: Mapping[str, object] = field(default_factory=lambda: FREE)


BACK, DONE, REFUSED = CaseState.ROLLED_BACK, CaseState.COMPLETED, CaseState.CHECKS_FAILED
WAITS = CaseState.ATTENTION

ENDINGS = (
    (Fault.WRONG_CLICK, "2", Ending(BACK, "expected")),
    (Fault.POINTER_MOVED_BEHIND, "2", Ending(BACK, "expected")),
    (Fault.POINTER_MOVED_BETWEEN, "2", Ending(BACK, "expected")),
    (Fault.NOTHING_MOVES, "2", Ending(BACK, "expected")),
    (Fault.REFUSE_ACT, "2", Ending(BACK, "LedgerRefused")),
    (Fault.GRANT_NOT_MADE, "clerk", Ending(BACK, "RightNotGranted")),
    # A pointer ahead of where it was has nothing that could be closed again.
    (Fault.WRONG_PERIOD, "2", Ending(WAITS, "cost at 2025-07, expected 2025-06", SHUT)),
    # The module jumps under a period that the general ledger still has closed: its vouchers fit nowhere.
    (Fault.TWO_PERIODS, "2", Ending(WAITS, "compensating", SHUT)),
    (Fault.REVOKE_NOT_MADE, "clerk", Ending(WAITS, "RightNotWithdrawn", {**SHUT, "rights": ["clerk"]})),
    (Fault.FAIL_CLOSE, "cost", Ending(WAITS, "RehearsalFailed")),
    (Fault.UNCLOSE_FAILS_ON_DATA, "cost 2025-04", Ending(WAITS, "RehearsalFailed")),
    (Fault.LOCKED_PERIOD, "2025-04", Ending(REFUSED)),
    (Fault.SESSION_WILL_NOT_LEAVE, "wang", Ending(REFUSED)),
    (Fault.ANSWER_LOST, "2", Ending(DONE)),
    (Fault.SLOW, "1", Ending(DONE)),
)
"""Every accident that leaves its process alive; the others are played where processes are killed."""


async def goes_as_far_as_it_can(play: Play) -> None:
    """Everybody does their part, until the case has ended or needs a person."""

    async def stops_or(asks: str) -> bool:
        tasks, wish = play.scene.register.tasks, play.wish.id
        over = {*FINAL_STATES, CaseState.ATTENTION}
        await play.has_changed(
            lambda: play.register_state in over or tasks.get(wish, {}).get(f"{wish}-{asks}") == "open"
        )
        return play.register_state in over

    if await stops_or("approval-1-1"):
        return
    await play.approve_all()
    if await stops_or("authorisation-1"):
        return
    await play.authorise()
    if await stops_or("correction"):
        return
    await play.finish()
    await stops_or("none")


async def seen_from_outside(play: Play, connector: DemoConnector) -> Mapping[str, object]:
    """What of the ledger is held: by the register, by the ledger's doors, by its list of rights."""
    lease = play.scene.register.leases.get("demo", Lease(None, 0))
    rights = await connector.rights(("clerk",))
    for_a_time = [right.person for right in rights if right.until is not None]
    try:
        with Desk(connector.ledger).seat("warehouse"):
            doors = "open"
    except LedgerBusy:
        doors = "shut"
    return {"fence": lease.fence if lease.holder else None, "doors": doors, "rights": for_a_time}


@pytest.mark.parametrize(("fault", "value", "ending"), ENDINGS)
async def test_every_accident_ends_where_it_should_and_nothing_is_held_that_is_not_told(
    scene: Scene, connector: DemoConnector, fault: Fault, value: str, ending: Ending
) -> None:
    before, pointers = await prove_ledger(connector), (await connector.read_close_state()).pointers()
    Faults(connector.ledger).set(fault, value)
    play = await scene.request()
    await goes_as_far_as_it_can(play)
    assert play.register_state == ending.state, play.tale()
    told = [*scene.register.told(play.wish.id, EventKind.ATTENTION_NEEDED)]
    told += scene.register.told(play.wish.id, EventKind.STEP_FAILED)
    assert ending.says in str(told)
    assert await seen_from_outside(play, connector) == ending.held
    if ending.state == WAITS:
        (needed,) = scene.register.told(play.wish.id, EventKind.ATTENTION_NEEDED)
        assert needed["held"] == ending.held
        await play.stop()
    if ending.held == FREE:
        assert (await connector.read_close_state()).pointers() == pointers
        assert (await prove_ledger(connector)).root == before.root


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


async def past_the_erp(play: Play, path: Path) -> str:
    """Somebody writes into an opened period with the database's own tools; the corrector is done."""
    document = "IN-2025-03-0009"
    await play.consent()
    await play.reaches(CaseState.CORRECTING)
    with closing(sqlite3.connect(path)) as past, past:
        past.execute("UPDATE document_line SET price = price + 1 WHERE document = ? AND n = 1", (document,))
    await play.finish()
    await play.has_task(f"{play.wish.id}-explanation-1")
    return document


async def test_what_was_changed_past_the_erp_must_be_explained_and_confirmed(play: Play, path: Path) -> None:
    document = await past_the_erp(play, path)
    register, wish = play.scene.register, play.wish.id
    assert document in str(register.parts[wish]["undeclared"])
    await play.act("clerk", "explanation-1", TaskAction.EXPLAIN, comment="供应商更正了单价")
    review = f"{wish}-explanation-1-review"
    await play.has_task(review)
    digest = register.shown[wish][review].digest
    await play.act("finance", "explanation-1-review", TaskAction.APPROVE, digest=digest, comment="已核对")
    assert (await play.end()).state == CaseState.COMPLETED
    assert register.leases["demo"].holder is None


async def test_what_was_changed_past_the_erp_can_still_be_rolled_back(
    play: Play, path: Path, connector: DemoConnector
) -> None:
    before = await prove_ledger(connector)
    await past_the_erp(play, path)
    await play.scene.environment.fast_forward(play.handle, timedelta(hours=25))
    await play.roll_back()
    assert (await play.end()).state == CaseState.ROLLED_BACK
    assert (await prove_ledger(connector)).root == before.root
