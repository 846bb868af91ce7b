"""A worker that is killed while it stores a backup, or tells how much memory one took; a process."""

import asyncio
import io
import json
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from temporalio.testing import ActivityEnvironment

from activities.backup.backing_up import BackupActivities
from activities.backup.keeper import BackupKeeper
from activities.backup.keys import Keys
from activities.backup.manifest import Manifest
from activities.backup.store import ObjectStore
from activities.backup.vault import Vault
from activities.engines.sqlite import SQLiteCopies
from activities.erp import connect
from activities.erp.demo import DemoOptions
from tests.backup_stage import ORDER, OneLedger
from tests.fake_world import FakeCatalogue
from tests.postgres import TOOLS
from tests.vaults import a_vault, keys_in
from workflows.domain.backups import BackupPoint
from workflows.domain.proof import tree

MIB = 1 << 20


class Deadly(ObjectStore):
    """Stores so many objects, then kills its own process in the middle of the next."""

    left = 0

    def put_new(self, name: str, data: bytes | bytearray | memoryview) -> None:
        if self.left == 0:
            assert self._folder is not None
            (self._folder / f"{name}#1").write_bytes(bytes(data)[:100])
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        super().put_new(name, data)


async def kill(folder: Path, place: str, part: int) -> None:
    pair = (folder / "identity.txt").read_text().splitlines()
    keys = Keys((pair[0].removeprefix("# public key: "),), folder / "identity.txt")
    honest = a_vault(folder / "store", keys)
    store = Deadly(honest.store.place, honest.store._store, folder=folder / "store")
    store.left = part
    ledgers = OneLedger(connect(DemoOptions(place), TOOLS))
    keeper = BackupKeeper(ledgers, Vault(store, keys, 30_000), FakeCatalogue(), folder / "scratch")
    await ActivityEnvironment().run(BackupActivities(keeper).back_up, ORDER)


def measure(folder: Path, megabytes: int) -> None:
    """Out and back by SQLite's own means, with parts of the usual size."""
    database, scratch = folder / "large.sqlite", folder / "scratch"
    scratch.mkdir()
    _fill(database, megabytes)
    vault = Vault(a_vault(folder / "store").store, keys_in(folder))
    copies = SQLiteCopies(database)
    _out_and_back(copies, vault, scratch, rows=1)  # what is loaded once does not count
    began = _peak()
    raw = _out_and_back(copies, vault, scratch, rows=0)
    print(json.dumps({"raw_bytes": raw, "rise_mib": (_peak() - began) // 1024}))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _fill(database: Path, megabytes: int) -> None:
    with sqlite3.connect(database) as db:
        db.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, content BLOB)")
        for n in range(megabytes):
            # Half of it packs well, half not at all.
            content = os.urandom(MIB // 2) + b"unclose " * (MIB // 16)
            db.execute("INSERT INTO rows VALUES (?, ?)", (n, content))


def _out_and_back(copies: SQLiteCopies, vault: Vault, scratch: Path, rows: int) -> int:
    with _copy(copies, scratch, rows) as copy:
        sealed = vault.seal(copy, f"large/{rows}", lambda _: None)
    now = datetime.now(UTC)
    manifest = Manifest(
        id="large",
        ledger="demo",
        case=None,
        point=BackupPoint.SNAPSHOT,
        engine="sqlite",
        made_for="",
        position="",
        started_at=now,
        taken_at=now,
        milliseconds=1,
        raw_bytes=sealed.raw_bytes,
        parts=sealed.parts,
        sha256=sealed.sha256,
        recipients=sealed.recipients,
        proof=tree([]),
    )
    place = copies.scratch(scratch, "restored")
    if rows:
        vault.unseal(manifest, io.BytesIO(), lambda _: None)
        return sealed.raw_bytes
    with copies.receiving(place) as sink:
        vault.unseal(manifest, sink, lambda _: None)
    copies.check(place)
    copies.remove(place)
    return sealed.raw_bytes


@contextmanager
def _copy(copies: SQLiteCopies, scratch: Path, rows: int) -> Iterator[BinaryIO]:
    if rows:
        yield io.BytesIO(b"warm" * 1000)
        return
    with copies.reading(scratch) as copy:
        yield copy


if __name__ == "__main__":
    task, where, what, number = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    if task == "kill":
        asyncio.run(kill(where, what, number))
    else:
        measure(where, number)
