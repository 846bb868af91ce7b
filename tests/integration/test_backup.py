"""Backups that count: stored in parts, encrypted, proven; and every way in which one can be no backup."""

import hashlib
import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import zstandard
from pyrage import decrypt, x25519
from temporalio.testing import ActivityEnvironment

from activities.backup import manifest as manifests
from activities.backup.backing_up import BackupActivities
from activities.backup.keeper import BackupKeeper
from activities.backup.keys import Keys
from activities.backup.progress import Meter
from activities.backup.store import AlreadyStored, ObjectStore
from activities.backup.vault import Vault
from activities.demo_erp.desk import Desk
from activities.demo_erp.ledger import DemoLedger
from activities.engines.postgresql import PostgreSQLTools
from activities.erp import connect
from activities.erp.demo import DemoOptions
from activities.proof import prove_ledger
from tests.backup_stage import ID, ORDER, OneLedger, Stage, demo, lite, place, stage
from tests.fake_world import FakeCatalogue
from tests.postgres import Server
from tests.vaults import OPEN, a_key_pair, a_vault
from workflows.domain.backups import BackupState
from workflows.domain.errors import (
    BackupDamaged,
    BackupKeyMissing,
    BackupKeyUnreadable,
    BackupKeyWrong,
    BackupUnproven,
    NoRoom,
    RecipientUnreadable,
    Refused,
    StorageUnavailable,
    ToolMissing,
)

__all__ = ["demo", "lite", "place", "stage"]


# --------------------------------------------------------------------------- what a backup is


async def test_a_backup_is_encrypted_stored_in_parts_and_proven(stage: Stage) -> None:
    proven = await stage.back_up()
    live = await prove_ledger(stage.ledgers.live)
    entry = await stage.catalogue.find(ID)
    whole = b"".join(part.read_bytes() for part in stage.parts)
    assert (proven.id, proven.point, proven.proof) == (ID, "A", live)
    assert len(stage.parts) > 1
    assert (len(whole), hashlib.sha256(whole).hexdigest()) == (proven.bytes, proven.sha256)
    assert (entry.state, entry.root, entry.sha256) == (BackupState.PROVEN, live.root, proven.sha256)
    assert entry.encrypted_to == stage.vault.keys.recipients
    assert whole.startswith(b"age-encryption.org/v1")
    assert entry.raw_bytes > entry.stored_bytes == len(whole)
    assert proven.restore_milliseconds > 0


async def test_people_restore_it_with_the_ordinary_tools(lite: Stage) -> None:
    """As the runbook says, join, `age -d`, `zstd -d`; here through libraries of the same formats."""
    await lite.back_up()
    assert lite.vault.keys.identity is not None
    secret = lite.vault.keys.identity.read_text().splitlines()[-1]
    whole = b"".join(part.read_bytes() for part in lite.parts)
    packed = decrypt(whole, [x25519.Identity.from_str(secret)])
    raw = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)).read()
    (lite.folder / "by-hand.sqlite").write_bytes(raw)
    with DemoLedger(str(lite.folder / "by-hand.sqlite"), read_only=True) as ledger:
        assert ledger.book.code == "demo"


async def test_nothing_but_the_backup_is_left_behind(stage: Stage) -> None:
    await prove_ledger(stage.ledgers.live)  # the database in use has its own files beside it
    before = {path.name for path in stage.folder.iterdir()}
    await stage.back_up()
    assert {path.name for path in stage.folder.iterdir()} - before == {"scratch"}
    assert list((stage.folder / "scratch").iterdir()) == []


async def test_without_recipients_it_is_open_and_says_so(lite: Stage) -> None:
    lite.vault = a_vault(lite.folder / "store", OPEN)
    await lite.back_up()
    assert json.loads(lite.manifest.read_text())["encryption"] == "none"
    assert (await lite.catalogue.find(ID)).encrypted_to == ()


async def test_any_of_several_recipients_can_read_it(lite: Stage) -> None:
    pairs = [a_key_pair(), a_key_pair()]
    recipients = tuple(pair.public for pair in pairs)
    for pair in pairs:
        identity = pair.write(lite.folder / "key.txt")
        lite.vault = Vault(lite.vault.store, Keys(recipients, identity), 100_000)
        await lite.back_up(replace(ORDER, case=f"UC-{pair.public[-6:]}"))


async def test_heartbeats_tell_how_far_it_is(stage: Stage) -> None:
    told: list[object] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *details: told.extend(details)
    await environment.run(BackupActivities(stage.keeper).back_up, ORDER)
    assert told
    assert all(hasattr(each, "bytes") and hasattr(each, "seconds_left") for each in told)


# --------------------------------------------------------------------------- once, and once more


async def test_a_backup_stored_but_not_answered_is_not_made_twice(stage: Stage) -> None:
    first = await stage.back_up()
    stored = {path: path.stat().st_mtime_ns for path in stage.files()}
    second = await stage.back_up()
    assert second.id == first.id
    assert second.sha256 == first.sha256
    assert {path: path.stat().st_mtime_ns for path in stage.files()} == stored


async def test_a_ledger_that_moved_meanwhile_is_copied_anew(stage: Stage) -> None:
    first = await stage.back_up()
    with DemoLedger(stage.place) as ledger:
        desk = Desk(ledger)
        desk.login("warehouse")
        desk.correct_quantity("warehouse", "IN-2025-06-0001", 1, Decimal(7))
    second = await stage.back_up()
    assert (first.id, second.id) == (ID, f"{ID}-2")
    assert second.sha256 != first.sha256


async def test_another_activity_gets_a_copy_of_its_own(lite: Stage) -> None:
    await lite.back_up()
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, activity_id="another")
    again = await environment.run(BackupActivities(lite.keeper).back_up, ORDER)
    assert again.id == f"{ID}-2"


async def test_what_a_killed_attempt_left_is_removed_by_the_next(lite: Stage) -> None:
    place = lite.folder / "store" / manifests.folder("demo", ID)
    place.mkdir(parents=True)
    for name in ("0123456789ab-00001.zst.age", "0123456789ab-00002.zst.age#1"):
        (place / name).write_bytes(b"half a backup")
    drafts = lite.folder / "scratch" / f"{ID}.copy"
    drafts.mkdir(parents=True)
    (drafts / "copy").write_bytes(b"half a copy")
    await lite.back_up()
    assert not [path for path in place.iterdir() if path.name.startswith("0123")]
    assert list((lite.folder / "scratch").iterdir()) == []


async def test_an_unanswered_backup_that_is_damaged_is_made_anew(lite: Stage) -> None:
    await lite.back_up()
    lite.parts[0].unlink()
    again = await lite.back_up()
    assert again.id == f"{ID}-2"
    assert (await lite.catalogue.find(ID)).state == BackupState.UNPROVEN


# --------------------------------------------------------------------------- one byte


def flipped(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x01
    path.write_bytes(content)


@pytest.mark.parametrize("at", [0, 30, 400, -1], ids=["format", "header", "payload", "end"])
async def test_one_byte_flipped_in_a_stored_backup_is_found(lite: Stage, at: int) -> None:
    root = (await lite.back_up()).proof.root
    flipped(lite.parts[1 if at < 0 else 0], at)
    with pytest.raises(BackupDamaged, match="SHA-256"):
        await lite.test()
    assert await lite.is_untouched(root)
    entry = await lite.catalogue.find(ID)
    assert entry.state == BackupState.UNPROVEN
    assert "SHA-256" in entry.reason


async def test_one_byte_flipped_anywhere_in_its_manifest_is_found(lite: Stage) -> None:
    root = (await lite.back_up()).proof.root
    whole = lite.manifest.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        lite.manifest.write_bytes(whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :])
        with pytest.raises(BackupDamaged, match=r"manifest\.json"):
            await lite.test()
        with pytest.raises(BackupDamaged, match=r"manifest\.json"):
            manifests.read(lite.vault.store, "demo", ID)  # also where no catalogue is at hand
    lite.manifest.write_bytes(whole)
    await lite.test()
    assert await lite.is_untouched(root)


async def test_a_manifest_forged_with_its_digest_is_found_by_the_catalogue(lite: Stage) -> None:
    await lite.back_up()
    manifest = manifests.read(lite.vault.store, "demo", ID)
    lite.manifest.write_text(replace(manifest, raw_bytes=manifest.raw_bytes + 1).text())
    with pytest.raises(BackupDamaged, match="on record"):
        await lite.test()


async def test_one_byte_flipped_in_its_key_is_found(lite: Stage) -> None:
    root = (await lite.back_up()).proof.root
    identity = lite.vault.keys.identity
    assert identity is not None
    whole = identity.read_bytes()
    at = whole.index(b"AGE-SECRET-KEY-1") + 30
    # The cases of a letter mean nothing in such a key, and bit 5 is just that.
    identity.write_bytes(whole[:at] + bytes([whole[at] ^ 0x02]) + whole[at + 1 :])
    with pytest.raises((BackupKeyUnreadable, BackupKeyWrong)) as refused:
        await lite.test()
    assert whole.decode().splitlines()[-1][16:] not in str(refused.value)
    assert await lite.is_untouched(root)


# --------------------------------------------------------------------------- keys, stores, tools


async def test_a_wrong_key_is_told_from_a_damaged_backup(lite: Stage) -> None:
    await lite.back_up()
    other = a_key_pair().write(lite.folder / "other.txt")
    lite.vault = Vault(lite.vault.store, Keys(lite.vault.keys.recipients, other), 100_000)
    with pytest.raises(BackupKeyWrong, match=lite.vault.keys.recipients[0]):
        await lite.test()


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        (lambda path: path.unlink(), BackupKeyUnreadable),
        (lambda path: path.write_text("# nothing\n"), BackupKeyUnreadable),
        (lambda path: path.write_bytes(b"\xff\xfe"), BackupKeyUnreadable),
        (lambda path: path.write_text("-----BEGIN AGE ENCRYPTED FILE-----\n"), BackupKeyUnreadable),
    ],
    ids=["gone", "empty", "no text", "locked with a passphrase"],
)
async def test_a_key_that_cannot_be_read_is_refused_before_anything_is_copied(
    lite: Stage, spoil: Callable[[Path], object], refusal: type[Refused]
) -> None:
    assert lite.vault.keys.identity is not None
    spoil(lite.vault.keys.identity)
    with pytest.raises(refusal):
        await lite.back_up()
    assert lite.files() == []


async def test_an_encrypted_backup_without_any_key_is_refused(lite: Stage) -> None:
    lite.vault = Vault(lite.vault.store, Keys(lite.vault.keys.recipients))
    with pytest.raises(BackupKeyMissing, match="UNCLOSE_BACKUP_IDENTITY"):
        await lite.back_up()


async def test_a_recipient_that_is_none_is_named(lite: Stage) -> None:
    lite.vault = Vault(lite.vault.store, Keys(("age1nobody",)))
    with pytest.raises(RecipientUnreadable, match="age1nobody"):
        await lite.back_up()


@pytest.mark.parametrize("cut", [0, 1, 1000])
async def test_a_part_cut_short_is_found(lite: Stage, cut: int) -> None:
    root = (await lite.back_up()).proof.root
    part = lite.parts[-1]
    part.write_bytes(part.read_bytes()[: -cut or None]) if cut else part.unlink()
    with pytest.raises(BackupDamaged):
        await lite.test()
    assert await lite.is_untouched(root)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, where this user may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def test_a_full_disk_is_told_and_leaves_nothing(lite: Stage, small_disk: Path) -> None:
    good = lite.vault
    lite.vault = a_vault(small_disk / "store", good.keys)
    with pytest.raises(NoRoom):
        await lite.back_up()
    assert lite.catalogue.entries == {}
    keeper = BackupKeeper(lite.ledgers, good, lite.catalogue, small_disk / "scratch")
    with pytest.raises(NoRoom):
        await ActivityEnvironment().run(BackupActivities(keeper).back_up, ORDER)
    lite.vault = good
    assert (await lite.back_up()).id == ID


async def test_a_store_that_does_not_answer_may_be_asked_again(lite: Stage) -> None:
    class Gone(ObjectStore):
        def put_new(self, name: str, data: bytes | bytearray | memoryview) -> None:
            raise StorageUnavailable("connection refused")

    broken = lite.vault.store
    lite.vault = Vault(Gone(broken.place, broken._store, folder=broken._folder), lite.vault.keys)
    with pytest.raises(StorageUnavailable):
        await lite.back_up()
    lite.vault = Vault(broken, lite.vault.keys)
    assert (await lite.back_up()).id == ID


@pytest.mark.parametrize(
    ("tools", "reason"),
    [
        (PostgreSQLTools(Path("nowhere")), "it is not in nowhere"),
        (PostgreSQLTools(Path("old")), "its version 9 is older than the server's 18"),
    ],
)
async def test_a_missing_or_old_tool_is_named_with_its_setting(
    postgres: Server,
    demo_on_postgres: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tools: PostgreSQLTools,
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old").mkdir()
    old = tmp_path / "old/pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6'\n")
    old.chmod(0o755)
    with postgres.database(demo_on_postgres) as name:
        connector = connect(DemoOptions(postgres.url(name)), tools)
        stage = Stage(
            tmp_path, name, OneLedger(connector), a_vault(tmp_path / "store", OPEN), FakeCatalogue()
        )
        with pytest.raises(ToolMissing, match="UNCLOSE_POSTGRESQL_BIN") as refused:
            await stage.back_up()
        assert (refused.value.tool, refused.value.reason) == ("pg_dump", reason)
        await connector.aclose()


async def test_a_copy_that_proves_otherwise_does_not_count(lite: Stage) -> None:
    """Somebody closes the gap in the live ledger between the copy and its proof."""
    await lite.back_up()
    manifest = manifests.read(lite.vault.store, "demo", ID)
    leaves = manifest.proof.leaves
    other = replace(leaves[0], digest="0" * 64)
    forged = replace(manifest, proof=replace(manifest.proof, root="1" * 64, leaves=(other, *leaves[1:])))
    with pytest.raises(BackupUnproven, match=leaves[0].place):
        await lite.keeper.test(await lite.catalogue.find(ID), forged, Meter())


# --------------------------------------------------------------------------- the store


def test_a_store_never_overwrites(tmp_path: Path) -> None:
    store = a_vault(tmp_path, OPEN).store
    store.put_new("a/b", b"first")
    with pytest.raises(AlreadyStored):
        store.put_new("a/b", b"second")
    assert store.get("a/b") == b"first"
    assert store.keeps_what_is_there()
    assert [found.name for found in store.list("")] == ["a/b"]
    assert os.listdir(tmp_path) == ["a"]
