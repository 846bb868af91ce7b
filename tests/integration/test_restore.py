"""The way back: a backup in the place of the live ledger, and rehearsal copies that are acted on."""

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.backup.rehearsal import RehearsalActivities, WithRehearsals
from activities.backup.restoring import RestoreActivities
from activities.demo_erp.faults import Fault, Faults
from activities.demo_erp.ledger import DemoLedger
from activities.ledger import LedgerActivities
from activities.proof import prove_ledger
from tests.backup_stage import ID, Stage, demo, lite, place, stage
from tests.integration.test_connector_contract import key_of
from workflows.backup_steps import REHEARSAL_FENCE, RehearsalOrder, Restored, RestoreOrder
from workflows.domain.backups import BackupState
from workflows.domain.errors import (
    BackupDamaged,
    BackupUnproven,
    LedgerUnavailable,
    NotExclusive,
    ProofMismatch,
    StaleFence,
    UnknownBackup,
    UnknownLedger,
)
from workflows.domain.ledger import Module, StepMode, Verb
from workflows.domain.period import Period
from workflows.domain.plan import PlanStep, Why
from workflows.domain.proof import Proof
from workflows.steps import Order, StepOrder

__all__ = ["demo", "lite", "place", "stage"]

CASE, FENCE = "UC-2025-000001", 5
BACK = RestoreOrder(case=CASE, ledger="demo", backup=ID, fence=FENCE)
STEP = PlanStep(1, Verb.UNCLOSE, Module.GL, Period(2025, 5), StepMode.AUTOMATIC, Why.REQUESTED)


async def opened(stage: Stage) -> Proof:
    """Hold the ledger, take the backup, and un-close something; the proof from before."""
    await stage.ledgers.live.enter_exclusive(FENCE, CASE)
    before = (await stage.back_up()).proof
    await stage.ledgers.live.unclose(STEP, FENCE, key_of(STEP))
    assert not await stage.is_untouched(before.root)
    return before


async def restore(stage: Stage, order: RestoreOrder = BACK) -> Restored:
    return await ActivityEnvironment().run(RestoreActivities(stage.keeper).restore_in_place, order)


# --------------------------------------------------------------------------- in place


async def test_a_ledger_is_what_it_was_and_what_it_replaced_is_kept(stage: Stage) -> None:
    before = await opened(stage)
    restored = await restore(stage)
    assert restored.root == before.root
    assert await stage.is_untouched(before.root)
    assert restored.kept.startswith("replaced-")
    assert [event.data["kept"] for event in stage.catalogue.events.values()] == [restored.kept]


async def test_the_ledger_stays_held_and_refuses_every_lower_fence(stage: Stage) -> None:
    await opened(stage)
    await restore(stage)
    with pytest.raises(StaleFence):
        await stage.ledgers.live.enter_exclusive(FENCE - 1, "late")
    await stage.ledgers.live.unclose(
        STEP, FENCE, key_of(STEP)
    )  # on record already: a late worker does nothing
    state = await stage.ledgers.live.read_close_state()
    assert state.of(Module.GL).current == Period(2025, 6)
    await stage.ledgers.live.unclose(STEP, FENCE, "anew")


async def test_restoring_twice_is_restoring_once(stage: Stage) -> None:
    await opened(stage)
    first = await restore(stage)
    await stage.ledgers.live.unclose(STEP, FENCE, "somebody went on")
    with pytest.raises(ProofMismatch):
        await restore(stage)  # it is not put back again, and says that the ledger is another one now
    await stage.ledgers.live.close(replace(STEP, verb=Verb.RECLOSE), FENCE, "and back")
    assert (await restore(stage)).kept == first.kept
    assert len(stage.catalogue.events) == 1


@pytest.mark.parametrize("fence", [FENCE - 1, FENCE + 1])
async def test_a_case_without_the_lease_restores_nothing(stage: Stage, fence: int) -> None:
    await opened(stage)
    seen = await prove_ledger(stage.ledgers.live)
    with pytest.raises((StaleFence, NotExclusive)):
        await restore(stage, replace(BACK, fence=fence))
    assert await stage.is_untouched(seen.root)


async def test_a_backup_that_is_none_restores_nothing(lite: Stage) -> None:
    await opened(lite)
    seen = await prove_ledger(lite.ledgers.live)
    with pytest.raises(UnknownBackup):
        await restore(lite, replace(BACK, backup="UC-2025-000009-B"))
    entry = await lite.catalogue.find(ID)
    await lite.catalogue.keep(entry.unproven("the test failed", entry.taken_at))
    with pytest.raises(BackupUnproven):
        await restore(lite)
    await lite.catalogue.keep(entry)
    lite.parts[0].write_bytes(b"something else")
    with pytest.raises(BackupDamaged):
        await restore(lite)
    lite.manifest.unlink()
    with pytest.raises(BackupDamaged, match="its files are gone"):
        await restore(lite)
    assert (await lite.catalogue.find(ID)).state == BackupState.UNPROVEN
    assert await lite.is_untouched(seen.root)
    assert list((lite.folder / "scratch").iterdir()) == []


# --------------------------------------------------------------------------- killed on the way

MOMENTS = ("receive", "compare", "carry_over", "asked", "put_in_place", "swapped", "record")


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_worker_killed_while_restoring_is_followed_by_another(stage: Stage, moment: str) -> None:
    before = await opened(stage)
    child = [sys.executable, "-m", "tests.integration.restore_child", moment, str(stage.folder), stage.place]
    home = Path(__file__).parents[2]
    died = await asyncio.to_thread(subprocess.run, child, capture_output=True, text=True, cwd=home)
    assert died.returncode == -signal.SIGKILL, died.stderr
    restored = await restore(stage)
    assert await stage.is_untouched(before.root)
    with pytest.raises(StaleFence):
        await stage.ledgers.live.enter_exclusive(FENCE - 1, "late")
    assert restored.root == before.root
    assert list((stage.folder / "scratch").iterdir()) == []


# --------------------------------------------------------------------------- rehearsal

REHEARSE = RehearsalOrder(case=CASE, ledger="demo", backup=ID)


async def test_a_rehearsal_moves_the_copy_and_not_the_ledger(stage: Stage) -> None:
    with DemoLedger(stage.place) as ledger:
        Faults(ledger).set(Fault.CRASH_AFTER_ACT, 1)
        Faults(ledger).set(Fault.SESSION_WILL_NOT_LEAVE, "wang")
    before = (await stage.back_up()).proof
    ledgers = WithRehearsals(stage.ledgers, stage.folder / "rehearsals")
    rehearsal, steps = RehearsalActivities(stage.keeper, ledgers), LedgerActivities(ledgers)
    copy = await ActivityEnvironment().run(rehearsal.prepare, REHEARSE)
    assert (copy.ledger, copy.fence) == ("demo@rehearsal-UC-2025-000001", REHEARSAL_FENCE)
    order = StepOrder(case=CASE, ledger=copy.ledger, step=STEP, fence=copy.fence, key="rehearsed/1")
    done = await ActivityEnvironment().run(steps.perform, order)
    assert done.state.of(Module.GL).current == Period(2025, 5)
    assert await stage.is_untouched(before.root)
    again = await ActivityEnvironment().run(rehearsal.prepare, REHEARSE)
    proof = await ActivityEnvironment().run(steps.prove, Order(case=CASE, ledger=again.ledger))
    assert proof == before
    for _ in range(2):
        await ActivityEnvironment().run(rehearsal.discard, REHEARSE)
    with pytest.raises(LedgerUnavailable):
        await ledgers.connector(copy.ledger).read_close_state()
    await ledgers.aclose()


async def test_a_copy_of_an_unknown_ledger_is_unknown(lite: Stage) -> None:
    ledgers = WithRehearsals(lite.ledgers, lite.folder)
    with pytest.raises(UnknownLedger):
        ledgers.connector("other@rehearsal-UC-2025-000001")
