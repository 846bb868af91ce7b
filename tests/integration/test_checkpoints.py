"""Checkpoints: what has been signed cannot be written anew, and an authority says since when it is there."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from shutil import copyfile

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from activities.verifier import digest_of, imprint_digest
from service.audit_trail import AuditFilter, AuditKind, AuditTrail
from service.case_record import read_record
from service.checkpoints import Checkpoints
from service.database import Database, open_database
from service.register import SqlRegister
from service.settings import Settings
from service.signing import Signer, load_signer
from service.stored_rows import read_rows
from service.tables import case_events, cases, metadata
from service.time_stamps import TimeStamps
from service.trail_tables import audit_events, chain_heads, imprints
from service.verification import Trust, Verification
from tests.fake_authority import URL, FakeAuthority
from tests.trail_world import CASE, disarm, tell_a_finished_case
from workflows.domain.case import Actor
from workflows.domain.errors import CheckpointKeyMissing, NotStamped

SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = "UC-2025-000002"


@pytest.fixture
async def database(tmp_path: Path, empty_register: Path) -> AsyncIterator[Database]:
    copyfile(empty_register, tmp_path / "register.sqlite")
    opened = open_database(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}")
    await tell_a_finished_case(SqlRegister(opened))
    yield opened
    await opened.aclose()


@pytest.fixture(scope="module")
def authority() -> FakeAuthority:
    return FakeAuthority.open()


def checking(database: Database, trust: Trust | None = None) -> Verification:
    return Verification(database, trust=trust or Trust(SIGNER.public_key))


async def places(verification: Verification) -> list[tuple[str, str]]:
    found = [fault async for part in verification.everything() for fault in part.faults]
    return [(fault.place, fault.code) for fault in found]


async def test_a_checkpoint_tells_what_has_moved_and_names_the_one_before(database: Database) -> None:
    checkpoints = Checkpoints(database, SIGNER)
    assert [(made.n, made.moved) for made in [await checkpoints.make(), await checkpoints.make()]] == [
        (1, 1),
        (2, 0),
    ]
    await tell_a_finished_case(SqlRegister(database), OTHER)
    assert (await checkpoints.make()).moved == 1
    assert await places(checking(database)) == []
    told = await AuditTrail(database).page(AuditFilter(kind=AuditKind.CHECKPOINT_MADE), 10, None)
    assert [event.subject for event in told] == ["3", "2", "1"]


async def test_a_case_written_anew_with_every_digest_right_is_found_by_its_checkpoint(
    database: Database,
) -> None:
    """Somebody with all rights changes an event, computes every link anew, imprints and head included."""
    await Checkpoints(database, SIGNER).make()
    await database.write(disarm)
    await database.write(_write_anew)
    assert await places(checking(database)) == [("events/23", "rewritten")]


def _write_anew(connection: Connection) -> None:
    record = read_record(connection, CASE)
    heads, head = {0: digest_of(CASE)}, digest_of(CASE)
    for event in record.events:
        row = {**event, "digest_of_previous": head}
        if row["kind"] == "step_done":
            row["data"] = {**row["data"], "period": "2025-04"}
        head = heads[row["seq"]] = digest_of(row)
        here = (case_events.c.case_id == CASE) & (case_events.c.seq == row["seq"])
        said = {name: row[name] for name in ("data", "digest_of_previous")}
        connection.execute(case_events.update().where(here).values(said))
    connection.execute(cases.update().values(head_digest=head))
    before = digest_of(CASE)
    for imprint in record.imprints:
        row = {**imprint, "head": heads[imprint["seq"]], "digest_of_previous": before}
        before = imprint_digest(CASE, row)
        here = (imprints.c.case_id == CASE) & (imprints.c.seq == row["seq"])
        said = {"head": row["head"], "digest_of_previous": row["digest_of_previous"], "digest": before}
        connection.execute(imprints.update().where(here).values(said))


def _sql(statement: str) -> Callable[[Connection], None]:
    return lambda connection: connection.exec_driver_sql(statement).close()


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE checkpoints SET body = replace(body, 'moved', 'moveD') WHERE n = 2", "checkpoints/2"),
        ("UPDATE checkpoints SET digest = replace(digest, '1', '2') WHERE n = 1", "checkpoints/1"),
        ("UPDATE checkpoints SET signature = '00' || substr(signature, 3) WHERE n = 1", "checkpoints/1"),
        ("UPDATE checkpoints SET at = '2024-01-01 00:00:00.000000' WHERE n = 2", "checkpoints/2"),
        ("DELETE FROM checkpoints WHERE n = 1", "checkpoints/1"),
        ("UPDATE checkpoint_heads SET seq = seq + 1", "checkpoints/1/heads"),
        ("DELETE FROM checkpoint_heads", "checkpoints/1/heads"),
    ],
)
async def test_what_is_changed_about_a_checkpoint_is_found(
    database: Database, statement: str, fault: str
) -> None:
    for _ in range(2):
        await Checkpoints(database, SIGNER).make()
    await database.write(disarm)
    await database.write(_sql(statement))
    trail = await checking(database).trail()
    assert {found.place for found in trail} == {fault}


async def test_a_case_that_is_gone_altogether_is_missed_by_name(database: Database) -> None:
    await tell_a_finished_case(SqlRegister(database), OTHER)
    await Checkpoints(database, SIGNER).make()
    await database.write(disarm)

    def remove(connection: Connection) -> None:
        of_case = f"task_id IN (SELECT id FROM tasks WHERE case_id = '{OTHER}')"
        connection.exec_driver_sql(f"DELETE FROM task_holders WHERE {of_case}")
        for table in reversed(metadata.sorted_tables):
            # What a checkpoint has told of the case stays: that is what it is for.
            if "case_id" in table.c and table.name != "checkpoint_heads":
                connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE case_id = '{OTHER}'")
        connection.exec_driver_sql(f"DELETE FROM cases WHERE id = '{OTHER}'")

    await database.write(remove)
    found = await checking(database).trail()
    assert [(fault.case, fault.place, fault.code) for fault in found] == [(OTHER, "case", "missing")]


async def test_a_checkpoint_signed_with_another_key_is_told_apart(database: Database) -> None:
    await Checkpoints(database, Signer(Ed25519PrivateKey.generate())).make()
    assert await places(checking(database)) == [("checkpoints/1", "other_key")]


async def test_without_a_key_nothing_is_signed(database: Database, tmp_path: Path) -> None:
    with pytest.raises(CheckpointKeyMissing):
        await Checkpoints(database, None).make()
    absent = Settings(data_dir=tmp_path, checkpoint_key=tmp_path / "absent.pem")
    with pytest.raises(CheckpointKeyMissing):
        load_signer(absent)


def test_in_dev_a_key_is_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    settings = Settings(dev=True, data_dir=tmp_path)
    first, second = load_signer(settings), load_signer(settings)
    assert first is not None
    assert second is not None
    assert first.public_key == second.public_key
    assert (tmp_path / "checkpoint-key.pem").stat().st_mode & 0o077 == 0
    assert load_signer(Settings(data_dir=tmp_path)) is None


# --------------------------------------------------------------------------- time stamps


def stamping(authority: FakeAuthority) -> TimeStamps:
    return TimeStamps(URL, [authority.root], authority.transport())


async def test_an_authority_says_since_when_a_checkpoint_is_there(
    database: Database, authority: FakeAuthority
) -> None:
    made = await Checkpoints(database, SIGNER, stamping(authority)).make()
    assert made.stamped
    trust = Trust(SIGNER.public_key, (authority.root,))
    assert await places(checking(database, trust)) == []
    stranger = Trust(SIGNER.public_key, (FakeAuthority.open().root,))
    assert await places(checking(database, stranger)) == [("checkpoints/1/stamp", "bad_stamp")]


async def test_a_stamp_that_was_changed_or_is_of_another_checkpoint_is_found(
    database: Database, authority: FakeAuthority
) -> None:
    checkpoints = Checkpoints(database, SIGNER, stamping(authority))
    for _ in range(2):
        await checkpoints.make()
    await database.write(disarm)
    other = "(SELECT token FROM checkpoint_stamps WHERE checkpoint = 2)"
    await database.write(_sql(f"UPDATE checkpoint_stamps SET token = {other} WHERE checkpoint = 1"))
    assert await places(checking(database)) == [
        ("checkpoint_stamps/1", "altered"),
        ("checkpoints/1/stamp", "bad_stamp"),
    ]


@pytest.mark.parametrize("fault", ["is_away", "lies"])
async def test_a_checkpoint_stands_though_the_authority_fails(
    database: Database, authority: FakeAuthority, fault: str
) -> None:
    setattr(authority, fault, True)
    checkpoints = Checkpoints(database, SIGNER, stamping(authority))
    with pytest.raises(NotStamped):
        await checkpoints.make()
    setattr(authority, fault, False)
    assert (await checkpoints.make()).n == 2
    assert await places(checking(database)) == []


async def test_who_reads_is_bound_as_well(database: Database) -> None:
    await AuditTrail(database).tell(Actor("auditor"), AuditKind.EVIDENCE_READ, CASE, {})
    await Checkpoints(database, SIGNER).make()
    await database.write(disarm)

    def forge(connection: Connection) -> None:
        """The first entry, and every link after it, as if somebody else had read."""
        rows = connection.exec_driver_sql("SELECT n FROM audit_events ORDER BY n").scalars().all()
        before = digest_of("audit")
        for n in rows:
            (row,) = read_rows(connection, audit_events, audit_events.c.n == n)
            row.pop("digest")
            row |= {"digest_of_previous": before} | ({"actor": "nobody"} if n == 1 else {})
            before = digest_of(row)
            values = {name: row[name] for name in ("actor", "digest_of_previous")}
            changed = audit_events.update().where(audit_events.c.n == n)
            connection.execute(changed.values(**values, digest=before))
        connection.execute(chain_heads.update().values(digest=before))

    await database.write(forge)
    assert ("audit/1", "rewritten") in await places(checking(database))
