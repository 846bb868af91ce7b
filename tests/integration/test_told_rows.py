"""Everything in the register that is evidence: whatever is changed, removed, added or swapped is found."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial
from pathlib import Path
from shutil import copyfile
from typing import TypeAlias

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from activities.backup.catalogue import BackupAct, BackupEvent
from activities.backup.store import open_store
from service.backup_catalogue import SqlBackupCatalogue
from service.case_record import check_case
from service.checkpoint_check import check_checkpoints
from service.database import Database, open_database
from service.legal_holds import LegalHolds
from service.tables import metadata
from service.trail_check import check_trail
from service.trail_tables import APPEND_ONLY
from service.verification import Trust, Verification
from tests.full_register import AUDITOR, OTHER, SIGNER, a_backup, fill
from tests.trail_world import CASE, NOON, disarm, flipped
from workflows.domain.backups import BackupState
from workflows.domain.retention import HELD, NEWEST, Retention, judged

EVIDENCE = (
    "cases",
    "decisions",
    "case_events",
    "case_imprints",
    "case_parts",
    "tasks",
    "task_holders",
    "attachments",
    "case_reports",
    "evidence_packages",
    "root_causes",
    "legal_holds",
    "backups",
    "backup_events",
    "standing_tasks",
    "delegations",
    "policies",
    "watched_ledgers",
    "admin_events",
    "audit_events",
    "chain_heads",
    "checkpoints",
    "checkpoint_heads",
    "checkpoint_stamps",
)
SAYS_NOTHING = {
    "delegations": {"call"},
    "watched_ledgers": {"run", "at", "fence", "mark"},
}
"""Columns that are no evidence: a forgotten key, and where the watch goes on reading."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, empty_register: Path) -> Path:
    folder = tmp_path_factory.mktemp("full")
    copyfile(empty_register, folder / "register.sqlite")
    asyncio.run(_fill(folder))
    return folder


CHANGES = tuple(
    statement
    for table in APPEND_ONLY
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET rowid = rowid")
)


def _is_refused(connection: Connection, said: str) -> bool:
    with connection.begin_nested() as savepoint:
        try:
            connection.exec_driver_sql(said)
        except IntegrityError as error:
            return "is only added to" in str(error)
        savepoint.rollback()
    return False


async def _fill(folder: Path) -> None:
    database = open_database(f"sqlite+aiosqlite:///{folder / 'register.sqlite'}")
    await fill(database, open_store((folder / "store").as_uri()), folder)
    refused = [
        statement for statement in CHANGES if await database.write(partial(_is_refused, said=statement))
    ]
    assert refused == list(CHANGES), "the guards stand, on every table that is only added to"
    await database.write(disarm)
    await database.aclose()


@pytest.fixture
async def register(filled: Path) -> AsyncIterator[Database]:
    database = open_database(f"sqlite+aiosqlite:///{filled / 'register.sqlite'}")
    yield database
    await database.aclose()


Look: TypeAlias = Callable[[Connection], set[str]]


def places(connection: Connection) -> set[str]:
    """What verification finds in the register; the files of the store are looked at elsewhere."""
    cases = connection.exec_driver_sql("SELECT id FROM cases").scalars().all()
    found = {fault.place for case in cases for fault in check_case(connection, case)}
    found |= {fault.place for fault in check_trail(connection)}
    return found | {fault.place for fault in check_checkpoints(connection, SIGNER.public_key)}


def tampered(connection: Connection, *statements: str, look: Look = places) -> set[str]:
    """What is found after these; nothing of it stays."""
    with connection.begin_nested() as savepoint:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for statement in statements:
            connection.exec_driver_sql(statement)
        found = look(connection)
        savepoint.rollback()
    return found


async def test_the_untouched_register_has_no_fault(register: Database, filled: Path) -> None:
    assert await register.read(places) == set()
    store = open_store((filled / "store").as_uri())
    verification = Verification(register, store, Trust(SIGNER.public_key))
    assert [fault async for part in verification.everything() for fault in part.faults] == []


async def test_every_table_of_evidence_has_a_row_to_be_changed(register: Database) -> None:
    def empty(connection: Connection) -> list[str]:
        return [t for t in EVIDENCE if connection.exec_driver_sql(f"SELECT 1 FROM {t}").first() is None]

    assert await register.read(empty) == []


OF_THE_CASE = {
    **dict.fromkeys(EVIDENCE[:14], f"case_id = '{CASE}'"),
    "cases": f"id = '{CASE}'",
    "task_holders": f"task_id LIKE '{CASE}%'",
    "backup_events": f"backup_id LIKE '{CASE}%'",
}
"""Which rows of a table belong to the case that is changed; of other tables, all are tried."""


def of_the_case(connection: Connection) -> set[str]:
    return {fault.place for fault in check_case(connection, CASE)}


def of_the_trail(connection: Connection) -> set[str]:
    return {fault.place for fault in check_trail(connection)}


LOOKS = {
    **dict.fromkeys(OF_THE_CASE, of_the_case),
    **dict.fromkeys(("checkpoints", "checkpoint_heads", "checkpoint_stamps"), places),
}
"""Where a change must be found at the latest: verification of the whole takes its time over signatures."""


def _flip_one(connection: Connection, table: str, chance: random.Random) -> str | None:
    """What was changed, if verification does not find it."""
    mine = OF_THE_CASE.get(table, "true")
    rows = connection.exec_driver_sql(f"SELECT rowid AS r, * FROM {table} WHERE {mine}").mappings().all()
    row = chance.choice(rows)
    silent = SAYS_NOTHING.get(table, set()) | {"r"}
    column = chance.choice([name for name in row if name not in silent])
    while (value := flipped(row[column], chance)) == row[column]:
        pass
    look = places if column in ("id", "case_id") else LOOKS.get(table, of_the_trail)
    with connection.begin_nested() as savepoint:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        change = f'UPDATE OR REPLACE {table} SET "{column}" = ? WHERE rowid = ?'
        connection.exec_driver_sql(change, (value, row["r"]))
        found = look(connection)
        savepoint.rollback()
    return None if found else f"{table}.{column} of row {row['r']}: {row[column]!r} → {value!r}"


async def test_two_hundred_random_values_of_every_table_of_evidence_are_found(register: Database) -> None:
    """Keys, digests, links and heads among them: whatever column of whatever row it is."""

    def change_and_look(connection: Connection) -> list[str]:
        chance = random.Random(81)
        tried = (_flip_one(connection, EVIDENCE[n % len(EVIDENCE)], chance) for n in range(200))
        return [unseen for unseen in tried if unseen]

    assert await register.write(change_and_look) == []


async def test_a_removed_row_of_any_table_is_missed(register: Database) -> None:
    def remove_and_look(connection: Connection) -> list[str]:
        unseen = []
        for table in EVIDENCE:
            for which in ("min", "max"):
                mine = f"SELECT {which}(rowid) FROM {table} WHERE {OF_THE_CASE.get(table, 'true')}"
                removed = f"DELETE FROM {table} WHERE rowid = ({mine})"
                look = places if table in ("cases", "backups") else LOOKS.get(table, of_the_trail)
                if not tampered(connection, removed, look=look):
                    unseen.append(removed)
        return unseen

    assert await register.write(remove_and_look) == []


def _forged(connection: Connection, table: str) -> str:
    """One more row like the last one, under a key of its own."""
    columns = [column.name for column in metadata.tables[table].c]
    (*_, key) = (column.name for column in metadata.tables[table].primary_key)
    is_number = key in {"n", "seq", "number", "id", "level"} and not isinstance(
        connection.exec_driver_sql(f'SELECT "{key}" FROM {table}').scalar(), str
    )
    fresh = f'"{key}" + 1000' if is_number else f"\"{key}\" || '9'"
    said = {name: f'"{name}"' for name in columns} | {key: fresh}
    if "call" in said:
        said["call"] = "NULL"
    names = ", ".join(f'"{name}"' for name in columns)
    last = f"(SELECT max(rowid) FROM {table} WHERE {OF_THE_CASE.get(table, 'true')})"
    return (
        f"INSERT INTO {table} ({names}) SELECT {', '.join(said.values())} FROM {table} WHERE rowid = {last}"
    )


async def test_a_forged_row_in_any_table_stands_out(register: Database) -> None:
    def forge_and_look(connection: Connection) -> list[str]:
        statements = {table: _forged(connection, table) for table in EVIDENCE if table != "chain_heads"}
        looks = LOOKS | {"cases": places, "evidence_packages": places}
        return [
            table
            for table, forged in statements.items()
            if not tampered(connection, forged, look=looks.get(table, of_the_trail))
        ]

    assert await register.write(forge_and_look) == []


def _swapped(table: str, one: str, other: str) -> tuple[str, ...]:
    """Two rows change places: each keeps what it says under the other's number."""
    return (
        f"UPDATE {table} SET seq = -1 WHERE case_id = '{CASE}' AND seq = {one}",
        f"UPDATE {table} SET seq = {one} WHERE case_id = '{CASE}' AND seq = {other}",
        f"UPDATE {table} SET seq = {other} WHERE case_id = '{CASE}' AND seq = -1",
    )


def _cases_swapped(table: str) -> tuple[str, ...]:
    return tuple(
        f"UPDATE {table} SET case_id = '{new}' WHERE case_id = '{old}'"
        for old, new in ((CASE, "between"), (OTHER, CASE), ("between", OTHER))
    )


@pytest.mark.parametrize(
    ("statements", "place"),
    [
        (_swapped("case_events", "5", "9"), "events/5"),
        (_swapped("case_imprints", "4", "7"), "imprints/4"),
        (_cases_swapped("case_events"), "events/1"),
        (_cases_swapped("case_imprints"), "imprints/0"),
        (_cases_swapped("legal_holds"), "legal_holds/1"),
        (_cases_swapped("root_causes"), "root_causes/1"),
        (_cases_swapped("backups"), f"backups/{CASE}-A"),
        (
            ("DELETE FROM checkpoints WHERE n = 2", "DELETE FROM checkpoint_heads WHERE checkpoint = 2"),
            "checkpoints/2",
        ),
        (("DELETE FROM backups", "DELETE FROM backup_events"), f"backups/{OTHER}-A"),
        (("DELETE FROM legal_holds",), "legal_holds/2"),
        (("UPDATE standing_tasks SET state = 'closed', outcome = 'x', closed_by = 'it'",), None),
    ],
)
async def test_what_changed_places_or_was_cut_off_is_found_where_it_was(
    register: Database, statements: tuple[str, ...], place: str | None
) -> None:
    found = await register.write(partial(_look, statements=statements))
    assert place in found if place else found


def _look(connection: Connection, statements: tuple[str, ...]) -> set[str]:
    return tampered(connection, *statements)


async def test_an_end_that_was_cut_off_with_every_head_put_right_is_found_by_its_checkpoint(
    register: Database,
) -> None:
    """The last event, its imprint and what follows from them are gone, and every head says so, too."""
    cut = (
        f"DELETE FROM case_imprints WHERE case_id = '{CASE}' AND seq = 23",
        f"UPDATE cases SET head_digest = (SELECT digest_of_previous FROM case_events WHERE case_id = '{CASE}'"
        f" AND seq = 23), last_seq = 22, state = 'unclosing', updated_at = (SELECT at FROM case_events"
        f" WHERE case_id = '{CASE}' AND seq = 22) WHERE id = '{CASE}'",
        f"DELETE FROM case_events WHERE case_id = '{CASE}' AND seq = 23",
    )
    found = await register.write(partial(_look, statements=cut))
    assert "events/23" in found


async def test_the_end_of_the_trail_that_was_cut_off_with_its_head_is_found_by_what_it_told(
    register: Database,
) -> None:
    """Everything told since the first checkpoint is gone: the second one stands there and names it."""
    last = "(SELECT min(n) FROM audit_events WHERE kind = 'checkpoint_made')"
    cut = (
        f"UPDATE chain_heads SET n = {last}, digest = (SELECT digest FROM audit_events WHERE n = {last})",
        f"DELETE FROM audit_events WHERE n > {last}",
    )
    found = await register.write(partial(_look, statements=cut))
    assert {"checkpoints/2", "checkpoint_stamps/1"} <= found


async def test_a_package_that_was_replaced_with_its_digest_is_found(filled: Path, tmp_path: Path) -> None:
    """Whoever changes the file and the row of it has not changed what the trail says."""
    copyfile(filled / "register.sqlite", tmp_path / "register.sqlite")
    database = open_database(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}")
    forge: Callable[[Connection], None] = lambda connection: connection.exec_driver_sql(  # noqa: E731
        f"UPDATE case_reports SET sha256 = '{'0' * 64}' WHERE case_id = '{CASE}' AND language = 'zh'"
    ).close()
    await database.write(forge)
    found = await Verification(database).case(CASE)
    await database.aclose()
    assert [fault.place for fault in found] == [f"case_reports/{CASE}/zh"]


async def test_a_legal_hold_keeps_the_backups_of_its_case_and_what_goes_leaves_its_row(
    filled: Path, tmp_path: Path
) -> None:
    """Retention removes what can be done without; the register is whole before and after."""
    copyfile(filled / "register.sqlite", tmp_path / "register.sqlite")
    database = open_database(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}")
    catalogue, holds = SqlBackupCatalogue(database), LegalHolds(database)
    rule = Retention(daily=0, weekly=0, monthly=0)
    newest = replace(a_backup("UC-2026-000001"), case=None, taken_at=NOON + timedelta(days=400))
    await catalogue.keep(newest.proven(1, NOON))
    there = await catalogue.of("demo")
    verdicts = judged(there, rule, await catalogue.ties("demo"), UTC, NOON + timedelta(days=4000))
    held = next(backup for backup in there if backup.case == OTHER)
    gone = replace(held, state=BackupState.DELETED, reason="retention keeps it no longer")
    removal = BackupEvent(backup=gone.id, key="deleted", act=BackupAct.DELETED, actor="retention", at=NOON)
    assert verdicts[gone.id] == HELD
    assert verdicts[newest.id] == NEWEST
    assert not await catalogue.let_go(gone, removal)

    await holds.lift(OTHER, "诉讼结束", AUDITOR, NOON)
    assert await catalogue.let_go(gone, removal)
    assert (await catalogue.find(gone.id)).reason == "retention keeps it no longer"
    for case in (CASE, OTHER):
        assert await Verification(database).case(case) == ()
    assert await Verification(database).trail() == ()
    await database.aclose()
