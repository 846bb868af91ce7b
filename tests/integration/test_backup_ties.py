"""What the register tells retention of backups: which cases have ended or are held, who wanted snapshots."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.backup.catalogue import BY_SCHEDULE, BackupAct, BackupEvent
from service.backup_catalogue import SqlBackupCatalogue
from service.database import Database, open_database
from service.legal_holds import LegalHolds
from service.register import receive
from tests.integration.test_backup_routes import a_backup
from tests.shelf import a_wish, shelve
from workflows.domain.approval import Group
from workflows.domain.backups import BackupPoint, BackupState
from workflows.domain.case import Actor

NOON = datetime(2025, 6, 16, 12, tzinfo=UTC)
AUDITOR = Actor("auditor", (Group.AUDITOR,))
ENDED, HELD, OPEN = "UC-2025-000003", "UC-2025-000004", "UC-2025-000007"


@pytest.fixture
async def register(tmp_path: Path, empty_register: Path) -> AsyncIterator[Database]:
    shutil.copy(empty_register, tmp_path / "register.sqlite")
    database = open_database(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}")
    await shelve(database, (3, 4), index=False)
    await database.write(lambda connection: receive(connection, a_wish(7)))
    await LegalHolds(database).set(HELD, "audit of 2025", AUDITOR, NOON)
    yield database
    await database.aclose()


async def filled(register: Database) -> SqlBackupCatalogue:
    catalogue = SqlBackupCatalogue(register)
    for case in (ENDED, HELD, OPEN):
        await catalogue.keep(a_backup(f"{case}-B", case=case, point=BackupPoint.B))
    for name, by in (("scheduled", BY_SCHEDULE), ("by-hand", "operator")):
        await catalogue.keep(a_backup(name))
        await catalogue.record(BackupEvent(backup=name, key="taken", act=BackupAct.TAKEN, actor=by, at=NOON))
    return catalogue


async def test_ends_holds_and_scheduled_snapshots_are_told(register: Database) -> None:
    ties = await (await filled(register)).ties("demo")
    assert set(ties.ended) == {ENDED, HELD}
    assert ties.ended[ENDED] == a_wish(3).accepted_at + timedelta(minutes=4)
    assert (set(ties.held), set(ties.at_intervals)) == ({HELD}, {"scheduled"})


async def test_a_backup_of_a_held_case_is_not_let_go_until_the_hold_is_lifted(register: Database) -> None:
    catalogue, name = await filled(register), f"{HELD}-B"
    gone = a_backup(name, case=HELD, point=BackupPoint.B, state=BackupState.DELETED, reason="retention")
    event = BackupEvent(backup=name, key="deleted", act=BackupAct.DELETED, actor="retention", at=NOON)
    assert not await catalogue.let_go(gone, event)
    assert ((await catalogue.find(name)).state, await catalogue.events(name)) == (BackupState.PROVEN, ())
    await LegalHolds(register).lift(HELD, "the audit is over", AUDITOR, NOON)
    assert HELD not in (await catalogue.ties("demo")).held
    assert await catalogue.let_go(gone, event)
    assert (await catalogue.find(name)).state == BackupState.DELETED
    assert [told.act for told in await catalogue.events(name)] == [BackupAct.DELETED]
