"""The audit trail on real databases: nothing is changed by a client, and what is changed is found."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from activities.verifier import digest_of
from service import migrate
from service.audit_trail import AuditFilter, AuditKind, AuditTrail
from service.case_record import check_case, read_record
from service.database import Database, open_database
from service.migrate import upgrade
from service.register import SqlRegister
from service.tables import case_events, cases, metadata
from service.trail_check import check_trail
from service.trail_tables import APPEND_ONLY
from service.verification import Verification
from tests.postgres import Server
from tests.trail_world import CASE, DIGEST, disarm, flipped, tell_a_finished_case
from workflows.domain.case import Actor

AUDITOR = Actor("auditor")


@pytest.fixture
async def sqlite(tmp_path: Path, empty_register: Path) -> AsyncIterator[Database]:
    copyfile(empty_register, tmp_path / "register.sqlite")
    database = open_database(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}")
    yield database
    await database.aclose()


@pytest.fixture(scope="module")
def migrated(postgres: Server) -> Iterator[str]:
    with postgres.database() as name:
        upgrade(postgres.url(name, "postgresql+asyncpg"))
        yield name


@pytest.fixture
async def postgresql(postgres: Server, migrated: str) -> AsyncIterator[Database]:
    with postgres.database(template=migrated) as name:
        database = open_database(postgres.url(name, "postgresql+asyncpg"))
        yield database
        await database.aclose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def finished(database: Database) -> Database:
    await tell_a_finished_case(SqlRegister(database))
    await AuditTrail(database).tell(AUDITOR, AuditKind.EVIDENCE_READ, CASE, {"file": "evidence.zip"})
    return database


# --------------------------------------------------------------------------- append-only


async def test_the_database_refuses_to_change_or_remove_what_is_on_record(finished: Database) -> None:
    refused = []
    for table in APPEND_ONLY:
        column = next(iter(metadata.tables[table].c)).name
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            if await _is_refused(finished, statement):
                refused.append(statement.split()[0] + " " + table)
    rows = {table: await _count(finished, table) for table in APPEND_ONLY}
    told = {table for table, count in rows.items() if count}
    assert {"case_events", "case_imprints", "attachments", "audit_events"} <= told
    # SQLite asks its triggers row by row: a statement that meets no row has nothing to refuse.
    meant = APPEND_ONLY if isinstance_postgresql(finished) else told
    assert set(refused) >= {f"{act} {table}" for table in meant for act in ("UPDATE", "DELETE")}


def isinstance_postgresql(database: Database) -> bool:
    return type(database).__name__ == "PostgreSQL"


async def _is_refused(database: Database, statement: str) -> bool:
    try:
        await database.write(lambda connection: connection.execute(text(statement)).close())
    except DBAPIError as error:
        return "is only added to" in str(error)
    return False


async def _count(database: Database, table: str) -> int:
    wanted = sa.select(sa.func.count()).select_from(metadata.tables[table])
    return await database.read(lambda connection: connection.execute(wanted).scalar_one())


async def test_every_append_only_table_is_guarded_after_the_last_migration(
    sqlite: Database, postgresql: Database
) -> None:
    """A migration that makes a table anew would lose its triggers without a word."""

    def triggers(connection: Connection) -> set[str]:
        found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return set(found.scalars())

    acts = ("update", "delete", "replace")
    assert await sqlite.read(triggers) >= {f"{table}_no_{act}" for table in APPEND_ONLY for act in acts}
    guarded = text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
    there = await postgresql.read(lambda connection: set(connection.scalars(guarded)))
    assert there >= {f"{table}_append_only" for table in APPEND_ONLY}


async def test_sqlite_replaces_no_event_either(sqlite: Database) -> None:
    await tell_a_finished_case(SqlRegister(sqlite))
    columns = "case_id, seq, at, actor, on_behalf_of, kind, data, digest_of_previous"
    replace = f"INSERT OR REPLACE INTO case_events ({columns}) SELECT {columns} FROM case_events"
    assert await _is_refused(sqlite, replace)


async def test_postgresql_is_not_emptied_either(postgresql: Database) -> None:
    assert await _is_refused(postgresql, "TRUNCATE case_events")


async def test_the_way_down_leads_to_tables_that_can_be_changed(
    tmp_path: Path, empty_register: Path, postgres: Server, migrated: str
) -> None:
    copyfile(empty_register, tmp_path / "register.sqlite")
    with postgres.database(template=migrated) as name:
        for url in (
            f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}",
            postgres.url(name, "postgresql+asyncpg"),
        ):
            await asyncio.to_thread(_down_and_up, url)


def _down_and_up(url: str) -> None:
    migrate._run(url, lambda config: command.downgrade(config, "audit_trail"))
    migrate._run(url, lambda config: command.downgrade(config, "-1"))
    upgrade(url)


# --------------------------------------------------------------------------- finding


async def test_an_untouched_register_has_no_fault(finished: Database) -> None:
    found = [part async for part in Verification(finished).everything()]
    assert [fault for part in found for fault in part.faults] == []
    assert sum(part.checked for part in found) == 1


async def test_a_case_that_was_told_twice_has_no_fault(database: Database) -> None:
    register = SqlRegister(database)
    await tell_a_finished_case(register)
    await tell_a_finished_case(register)
    assert await Verification(database).case(CASE) == ()


PLACES = {
    "cases": "case/{column}",
    "case_events": "events/{seq}",
    "case_imprints": "imprints/{seq}",
    "case_parts": "parts/{name}",
    "case_waits": "waits/{who}",
    "tasks": "tasks/{id}",
    "task_holders": "holders/{task_id}/{holder}",
    "decisions": "decisions/{seq}/{column}",
    "attachments": "attachments/{id}/{column}",
}
"""Where a change of a column is to be found."""


@contextmanager
def _changed(connection: Connection, table: str, chance: random.Random) -> Iterator[str]:
    """One value of one row otherwise for a while; the answer is the place where that must be found."""
    row = chance.choice(connection.exec_driver_sql(f"SELECT rowid AS r, * FROM {table}").mappings().all())
    keys = {key.name for key in metadata.tables[table].primary_key}
    column = chance.choice([name for name in row if name not in {"r", "case_id", *keys}])
    while (value := flipped(row[column], chance)) == row[column]:
        pass
    with connection.begin_nested() as savepoint:
        statement = f"UPDATE {table} SET {_quoted(column)} = ? WHERE rowid = ?"
        connection.exec_driver_sql(statement, (value, row["r"]))
        yield PLACES[table].format(**{**row, "column": column})
        savepoint.rollback()


def _quoted(column: str) -> str:
    return f'"{column}"'


async def test_a_changed_value_of_a_case_is_found_where_it_is_and_nowhere_else(sqlite: Database) -> None:
    await tell_a_finished_case(SqlRegister(sqlite))
    await sqlite.write(disarm)
    chance = random.Random(20250603)

    def change_and_look(connection: Connection) -> list[str]:
        assert check_case(connection, CASE) == []
        tables = [t for t in PLACES if connection.exec_driver_sql(f"SELECT 1 FROM {t}").first()]
        wrong = []
        for n in range(90):
            table = tables[n % len(tables)]
            with _changed(connection, table, chance) as place:
                places = {fault.place for fault in check_case(connection, CASE)}
            if places != {place}:
                wrong.append(f"{table}: expected {place}, found {sorted(places)}")
        return wrong

    assert await sqlite.write(change_and_look) == []


@pytest.mark.parametrize("asked", ["reason", "target_period", "applicant"])
async def test_a_changed_request_hides_no_other_changed_column(sqlite: Database, asked: str) -> None:
    await tell_a_finished_case(SqlRegister(sqlite))
    await sqlite.write(disarm)
    others = {
        "target_period": "'2024-01'",
        "applicant": "'nobody'",
        "created_at": "'2024-01-01 00:00:00.000000'",
        "updated_at": "'2024-01-01 00:00:00.000000'",
    }

    def change_and_look(connection: Connection) -> list[str]:
        wrong = []
        for column, value in others.items():
            with connection.begin_nested() as savepoint:
                connection.exec_driver_sql(
                    f"UPDATE cases SET request = json_set(request, '$.{asked}', 'x'), {column} = {value}"
                )
                found = {fault.place for fault in check_case(connection, CASE)}
                if found != {"case/request", f"case/{column}"}:
                    wrong.append(f"{column}: {sorted(found)}")
                savepoint.rollback()
        return wrong

    assert await sqlite.write(change_and_look) == []


async def test_a_removed_row_is_missed_by_name(sqlite: Database) -> None:
    await tell_a_finished_case(SqlRegister(sqlite))
    await sqlite.write(disarm)
    removals = {
        "DELETE FROM case_events WHERE seq = 5": "events/5",
        "DELETE FROM case_events WHERE seq = (SELECT max(seq) FROM case_events)": "events/23",
        "DELETE FROM case_parts WHERE name = 'plan'": "parts/plan",
        "DELETE FROM decisions WHERE seq = 5": "decisions/5",
        "DELETE FROM attachments": f"attachments/{'a' * 64}",
        "DELETE FROM case_imprints WHERE seq = 3": "imprints/4",
        "DELETE FROM case_imprints WHERE seq = (SELECT max(seq) FROM case_imprints)": "imprints/23",
        f"DELETE FROM task_holders WHERE task_id = '{CASE}-approval-1-1'": (
            f"holders/{CASE}-approval-1-1/warehouse"
        ),
    }

    def look(connection: Connection) -> dict[str, set[str]]:
        found = {}
        for statement in removals:
            with connection.begin_nested() as savepoint:
                connection.exec_driver_sql(statement)
                found[statement] = {fault.place for fault in check_case(connection, CASE)}
                savepoint.rollback()
        return found

    found = await sqlite.write(look)
    assert {statement: place in found[statement] for statement, place in removals.items()} == dict.fromkeys(
        removals, True
    )


async def test_a_chain_written_anew_from_one_event_on_is_found_by_its_imprints(sqlite: Database) -> None:
    """Somebody who can compute digests changes an event and every link after it, the head included."""
    await tell_a_finished_case(SqlRegister(sqlite))
    await sqlite.write(disarm)
    await sqlite.write(_write_anew)
    found = {fault.place for fault in await Verification(sqlite).case(CASE)}
    assert "events/5" in found


def _write_anew(connection: Connection) -> None:
    head: str | None = None
    for event in read_record(connection, CASE).events:
        row: dict[str, Any] = dict(event)
        if row["seq"] == 5:
            row["data"] = {**row["data"], "digest": DIGEST[::-1].replace("d", "e")}
        if head is not None:
            row["digest_of_previous"] = head
        head = digest_of(row)
        where = (case_events.c.case_id == CASE) & (case_events.c.seq == row["seq"])
        said = {name: row[name] for name in ("data", "digest_of_previous")}
        connection.execute(case_events.update().where(where).values(said))
    connection.execute(cases.update().values(head_digest=head))


# --------------------------------------------------------------------------- outside of cases


async def test_a_changed_entry_of_the_audit_trail_is_found(sqlite: Database) -> None:
    trail = AuditTrail(sqlite)
    for n in range(5):
        await trail.tell(AUDITOR, AuditKind.EVIDENCE_READ, CASE, {"n": n})
    await sqlite.write(disarm)
    tampering = {
        "UPDATE audit_events SET actor = 'nobody' WHERE n = 3": "audit/3",
        "UPDATE audit_events SET data = '{\"n\":7}' WHERE n = 5": "audit/5",
        "DELETE FROM audit_events WHERE n = 2": "audit/2",
        "DELETE FROM audit_events WHERE n = 5": "audit/head",
        "UPDATE chain_heads SET n = 4": "audit/head",
    }

    def look(connection: Connection) -> dict[str, set[str]]:
        found = {}
        for statement in tampering:
            with connection.begin_nested() as savepoint:
                connection.exec_driver_sql(statement)
                found[statement] = {fault.place for fault in check_trail(connection)}
                savepoint.rollback()
        return found

    found = await sqlite.write(look)
    assert {statement: place in found[statement] for statement, place in tampering.items()} == dict.fromkeys(
        tampering, True
    )


async def test_two_who_read_at_once_stand_one_behind_the_other(database: Database) -> None:
    trail = AuditTrail(database)
    await asyncio.gather(*(trail.tell(AUDITOR, AuditKind.EVIDENCE_READ, CASE, {"n": n}) for n in range(8)))
    told = await trail.page(AuditFilter(), 10, None)
    assert [event.n for event in told] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert await Verification(database).trail() == ()
