"""`unclose verify`: whose signature counts, what the register knows, lines of checkpoints that were kept."""

import asyncio
import zipfile
from io import BytesIO
from pathlib import Path
from shutil import copyfile

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Connection, select
from typer.testing import CliRunner, Result

from activities.backup.store import open_store
from activities.verifier import MANIFEST, SEAL, pack, seal_of
from service.cli import build
from service.database import open_database
from service.signing import Signer
from service.trail_tables import checkpoints, evidence_packages
from tests.full_register import OTHER, SIGNER, fill
from tests.trail_world import CASE, disarm

STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, empty_register: Path) -> Path:
    """The data folder of an installation with two cases that have ended and two checkpoints."""
    folder = tmp_path_factory.mktemp("filled")
    copyfile(empty_register, folder / "register.sqlite")
    asyncio.run(_fill(folder))
    return folder


async def _fill(folder: Path) -> None:
    database = open_database(f"sqlite+aiosqlite:///{folder / 'register.sqlite'}")
    store = open_store((folder / "objects").as_uri())
    await fill(database, store, folder)
    rows = await database.read(lambda connection: connection.execute(select(evidence_packages)).all())
    for row in rows:
        (folder / f"{row.case_id}.zip").write_bytes(store.get(row.name))
    await database.write(disarm)
    await database.aclose()


@pytest.fixture(autouse=True)
def installation(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNCLOSE_OBJECT_STORE_URL", (filled / "objects").as_uri())
    monkeypatch.delenv("UNCLOSE_CHECKPOINT_KEY", raising=False)


def verify(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(build("verify"), ["verify", *arguments, "--data-dir", str(folder)])


def resealed(data: bytes, signer: Signer | None) -> bytes:
    with zipfile.ZipFile(BytesIO(data)) as package:
        files = {name: package.read(name) for name in package.namelist()}
    key, signature = (signer.public_key, signer.sign(files[MANIFEST])) if signer else (None, None)
    return pack({**files, SEAL: seal_of(files[MANIFEST], key, signature)})


def configure_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    monkeypatch.setenv("UNCLOSE_CHECKPOINT_KEY", str(folder / "key.pem"))


def test_a_package_of_the_register_is_whole_and_says_who_signed_it(filled: Path) -> None:
    told = verify(filled, str(filled / f"{CASE}.zip"))
    assert told.exit_code == 0
    assert f"signed with {SIGNER.public_key}" in told.stdout
    assert "the register knows it" in told.stdout


@pytest.mark.parametrize(("signer", "says"), [(STRANGER, STRANGER.public_key), (None, "not signed")])
def test_a_package_that_the_register_does_not_know_is_a_fault(
    filled: Path, tmp_path: Path, signer: Signer | None, says: str
) -> None:
    forged = tmp_path / "forged.zip"
    forged.write_bytes(resealed((filled / f"{CASE}.zip").read_bytes(), signer))
    told = verify(filled, str(forged))
    assert told.exit_code == 1
    assert "is no package that the register knows" in told.stdout
    assert says in told.stdout
    # Where there is no register, it is said who has signed, and nobody vouches for it.
    alone = verify(tmp_path, str(forged))
    assert (alone.exit_code, says in alone.stdout) == (0, True)
    assert not (tmp_path / "register.sqlite").exists()


@pytest.mark.parametrize(("signer", "code"), [(STRANGER, "with another key"), (None, "is not signed, and")])
def test_the_configured_key_must_have_signed_a_package(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signer: Signer | None, code: str
) -> None:
    configure_key(tmp_path, monkeypatch)
    forged = tmp_path / "forged.zip"
    forged.write_bytes(resealed((filled / f"{CASE}.zip").read_bytes(), signer))
    told = verify(tmp_path, str(forged))
    assert told.exit_code == 1
    assert code in told.stdout
    assert verify(tmp_path, str(filled / f"{CASE}.zip")).exit_code == 0


def test_checkpoints_of_another_key_than_the_auditors_are_faults(filled: Path) -> None:
    assert verify(filled, "--all", "--key", SIGNER.public_key.upper()).exit_code == 0
    for what in (["--all"], ["--case", CASE]):
        told = verify(filled, *what, "--key", STRANGER.public_key)
        assert told.exit_code == 1
        assert "checkpoints/1: is signed with another key" in told.stdout
    assert "1 case checked, 2 faults" in told.stdout
    assert verify(filled, "--all", "--key", "abc").exit_code != 0


def test_a_line_that_was_kept_is_held_against_its_checkpoint(filled: Path) -> None:
    lines = dict(asyncio.run(_checkpoints(filled)))
    kept = [word for n, digest in lines.items() for word in ("--checkpoint", f"{n}:{digest}")]
    assert verify(filled, "--all", *kept).exit_code == 0
    for line, fault in ((f"1:{lines[2]}", "checkpoints/1: is not the checkpoint"), (f"9:{lines[1]}", "/9: ")):
        told = verify(filled, "--case", OTHER, "--checkpoint", line)
        assert (told.exit_code, fault in told.stdout) == (1, True)


async def _checkpoints(folder: Path) -> list[tuple[int, str]]:
    database = open_database(f"sqlite+aiosqlite:///{folder / 'register.sqlite'}")
    wanted = select(checkpoints.c.n, checkpoints.c.digest)
    rows = await database.read(lambda connection: connection.execute(wanted).all())
    await database.aclose()
    return [(row.n, row.digest) for row in rows]


def test_checkpoints_that_are_gone_are_missed_with_every_case(filled: Path, tmp_path: Path) -> None:
    copyfile(filled / "register.sqlite", tmp_path / "register.sqlite")
    asyncio.run(_forget_checkpoints(tmp_path))
    for what in (["--all"], ["--case", CASE]):
        told = verify(tmp_path, *what)
        assert told.exit_code == 1
        assert "checkpoints/1: was put on record and is not there" in told.stdout


async def _forget_checkpoints(folder: Path) -> None:
    def forget(connection: Connection) -> None:
        for table in ("checkpoint_stamps", "checkpoint_heads", "checkpoints"):
            connection.exec_driver_sql(f"DELETE FROM {table}")

    database = open_database(f"sqlite+aiosqlite:///{folder / 'register.sqlite'}")
    await database.write(forget)
    await database.aclose()
