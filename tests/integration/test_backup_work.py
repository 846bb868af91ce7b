"""Work on backups as workflows, a worker killed in the middle of a backup, and memory that does not grow."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment
from temporalio.worker import Worker

from activities.backup import manifest as manifests
from activities.backup.catalogue import BY_SCHEDULE, BackupAct
from activities.backup.snapshots import SnapshotActivities
from service import backup_works
from service.backup_works import TemporalBackupWorks, WorkNow, WorkState
from tests.backup_stage import ID, ORDER, Stage, demo, lite, place, stage
from workflows.backup_steps import ExtractOrder, SnapshotOrder, TestOrder, TidyOrder
from workflows.backup_work import BackupWork, BackupWorkflow
from workflows.domain.backups import Backup, BackupState
from workflows.domain.errors import BackupDamaged, UnknownBackup, UnknownBackupWork, UnknownDocument
from workflows.domain.retention import Retention, Ties

__all__ = ["demo", "lite", "place", "stage"]

HOME = Path(__file__).parents[2]
RULES = Retention(daily=1, weekly=0, monthly=0), ZoneInfo("Asia/Shanghai")
SNAPSHOT = BackupWork(
    ledger="demo", snapshot=SnapshotOrder(id="demo-snapshot-1", ledger="demo", by="operator")
)


def steps_of(stage: Stage) -> SnapshotActivities:
    return SnapshotActivities(stage.keeper, lambda _: RULES)


# --------------------------------------------------------------------------- as workflows


@pytest.fixture
async def works(
    lite: Stage, temporal: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[TemporalBackupWorks]:
    queue, steps = f"backups-{uuid4()}", steps_of(lite)
    monkeypatch.setattr(backup_works, "WORKFLOW_QUEUE", queue)
    worker = Worker(
        temporal.client,
        task_queue=queue,
        workflows=[BackupWorkflow],
        activities=[steps.take_snapshot, steps.test_backup, steps.extract, steps.tidy],
    )
    with temporal.with_time_skipping_disabled():
        async with worker:
            yield TemporalBackupWorks(temporal.client)


async def ended(works: TemporalBackupWorks, name: str, work: BackupWork) -> WorkNow:
    await works.start(name, work)
    for _ in range(600):
        now = await works.look(name)
        if now.state != WorkState.RUNNING:
            return now
        await asyncio.sleep(0.05)
    raise AssertionError(f"{name} did not end")


async def test_a_snapshot_is_taken_tested_and_looked_into(works: TemporalBackupWorks, lite: Stage) -> None:
    with pytest.raises(UnknownBackupWork):
        await works.look("snapshot")
    for _ in range(2):  # under its name it is one piece of work
        taken = await ended(works, "snapshot", SNAPSHOT)
    assert (taken.state, taken.done and taken.done.backup) == (WorkState.DONE, "demo-snapshot-1")
    test = TestOrder(backup="demo-snapshot-1", by="operator", key="t")
    assert (await ended(works, "test", BackupWork(ledger="demo", test=test))).state == WorkState.DONE
    number = "IN-2025-03-0007"
    order = ExtractOrder(backup="demo-snapshot-1", document=number, by="operator", key="e")
    found = await ended(works, "extract", BackupWork(ledger="demo", extract=order))
    assert found.done is not None
    assert found.done.document is not None
    assert found.done.document["number"] == number
    absent = replace(order, document="IN-0000-00-0000", key="f")
    refused = await ended(works, "absent", BackupWork(ledger="demo", extract=absent))
    assert (refused.state, refused.error) == (WorkState.REFUSED, "UnknownDocument")
    acts = [(event.act, event.actor) for event in lite.catalogue.events.values()]
    assert acts == [(act, "operator") for act in (BackupAct.TAKEN, BackupAct.TESTED, BackupAct.EXTRACTED)]


# --------------------------------------------------------------------------- extraction and retention


async def test_a_document_deleted_since_comes_back_from_the_backup(stage: Stage) -> None:
    await stage.back_up()
    order = ExtractOrder(backup=ID, document="OUT-2025-03-0012", by="operator", key="e")
    found = await ActivityEnvironment().run(steps_of(stage).extract, order)
    assert found.document["lines"]
    with pytest.raises(UnknownDocument):
        await ActivityEnvironment().run(steps_of(stage).extract, replace(order, document="none"))
    assert len(stage.catalogue.events) == 1


async def test_retention_removes_data_and_keeps_the_record(lite: Stage) -> None:
    steps, environment = steps_of(lite), ActivityEnvironment()
    for n in range(3):
        await environment.run(
            steps.take_snapshot, SnapshotOrder(id=f"demo-{n}", ledger="demo", by=BY_SCHEDULE)
        )
        older = lite.catalogue.entries[f"demo-{n}"]
        taken_at = older.taken_at - timedelta(days=3 - n)
        lite.catalogue.entries[older.id] = replace(
            older, taken_at=taken_at, case="UC-OPEN" if n == 0 else None
        )
    tidied = await environment.run(steps.tidy, TidyOrder(ledger="demo"))
    assert tidied.deleted == ("demo-1",)
    assert lite.catalogue.entries["demo-1"].state == BackupState.DELETED
    assert not [path for path in lite.files() if "demo-1" in str(path)]
    deleted = lite.catalogue.events["demo-1", "deleted"]
    assert (deleted.act, deleted.data["rule"]) == (BackupAct.DELETED, "intervals")
    assert (await environment.run(steps.tidy, TidyOrder(ledger="demo"))).deleted == ()
    assert {b.id: b.kept_because for b in await lite.catalogue.of("demo")} == {
        "demo-0": "its case has not ended",
        "demo-2": "it is the newest proven one",
    }


async def test_a_hold_that_comes_while_retention_looks_still_keeps_the_backup(
    lite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lite.back_up()
    await lite.back_up(replace(ORDER, point="B"))
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    lite.catalogue.ended = {ORDER.case: long_ago}
    seen = await lite.catalogue.ties("demo")

    async def as_seen_before(_ledger: str) -> Ties:
        return seen

    lite.catalogue.held = {ORDER.case}
    monkeypatch.setattr(lite.catalogue, "ties", as_seen_before)
    there = lite.files()
    tidied = await ActivityEnvironment().run(steps_of(lite).tidy, TidyOrder(ledger="demo"))
    assert (tidied.deleted, lite.files()) == ((), there)


# --------------------------------------------------------------------------- lost


@pytest.mark.parametrize("left", ["nothing", "parts", "manifest"])
async def test_a_backup_whose_files_are_gone_is_unproven_and_says_so(lite: Stage, left: str) -> None:
    await lite.back_up()
    for path in lite.files():
        if left == "nothing" or (path.name == manifests.FILE) == (left == "parts"):
            path.unlink()
    with pytest.raises(BackupDamaged, match="store"):
        await ActivityEnvironment().run(
            steps_of(lite).test_backup, TestOrder(backup=ID, by="operator", key="t")
        )
    entry = await lite.catalogue.find(ID)
    assert entry.state == BackupState.UNPROVEN
    gone = "its files are gone from the store" if left != "manifest" else "it is not in the store"
    assert gone in entry.reason
    assert gone in str(lite.catalogue.events[ID, "t"].data["refused"])


async def test_a_backup_whose_files_are_there_again_is_proven_again(lite: Stage) -> None:
    await lite.back_up()
    whole = lite.manifest.read_bytes()
    place = lite.manifest
    place.unlink()
    with pytest.raises(BackupDamaged, match="gone"):
        await lite.keeper.read(ID)
    place.write_bytes(whole)
    await lite.test()
    assert (await lite.catalogue.find(ID)).state == BackupState.PROVEN


async def test_what_retention_deletes_while_it_is_tested_is_no_damaged_backup(
    lite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lite.back_up()
    entry = await lite.catalogue.find(ID)
    lite.catalogue.entries[ID] = replace(entry, state=BackupState.DELETED)
    lite.parts[0].unlink()

    async def as_it_was_before(_backup: str) -> Backup:
        monkeypatch.undo()
        return entry

    monkeypatch.setattr(lite.catalogue, "find", as_it_was_before)
    with pytest.raises(UnknownBackup):
        await ActivityEnvironment().run(
            steps_of(lite).test_backup, TestOrder(backup=ID, by="schedule", key="t")
        )
    assert lite.catalogue.entries[ID].state == BackupState.DELETED
    assert lite.catalogue.events == {}


# --------------------------------------------------------------------------- killed, and large


def in_a_child(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.integration.backup_child", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=HOME, timeout=170)


@pytest.mark.parametrize("part", [1, 2])
async def test_a_worker_killed_while_storing_leaves_no_rubbish(stage: Stage, part: int) -> None:
    died = await asyncio.to_thread(in_a_child, "kill", str(stage.folder), stage.place, str(part))
    assert died.returncode == -signal.SIGKILL, died.stderr
    left = stage.files()
    assert left
    assert not [path for path in left if path.name == manifests.FILE]
    assert (await stage.back_up()).id == ID
    assert not set(left) & set(stage.files())
    assert list((stage.folder / "scratch").iterdir()) == []


def test_memory_does_not_grow_with_the_ledger(tmp_path: Path) -> None:
    """300 MB through the whole way out and back, in a process of its own: its peak, less where it began."""
    told = in_a_child("measure", str(tmp_path), "", "300")
    assert told.returncode == 0, told.stderr
    peak = json.loads(told.stdout)
    assert peak["raw_bytes"] > 300_000_000
    assert peak["rise_mib"] < 100
    assert os.listdir(tmp_path / "scratch") == []
