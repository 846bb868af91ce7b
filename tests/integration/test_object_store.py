"""The object store against a real server that speaks S3: nothing written over, and whole backups."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from activities.backup.store import AlreadyStored, NotStored, ObjectStore, open_store
from activities.backup.vault import Vault
from tests.backup_stage import ID, Stage, demo, lite
from tests.vaults import PART_BYTES
from workflows.domain.backups import BackupState
from workflows.domain.errors import BackupDamaged, StorageUnavailable

__all__ = ["demo", "lite"]

_BOOT_SECONDS = 60
OPERATOR = {
    "name": "operator",
    "credentials": [{"accessKey": "operator", "secretKey": "of-the-tests"}],
    "actions": ["Admin", "Read", "Write", "List"],
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_with_another() -> int:
    """A free port; the one 10,000 above it, which the server takes as well, is free too."""
    while True:
        port = 20_000 + int.from_bytes(os.urandom(2)) % 12_000
        with suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 10_000))
            return port


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SeaweedFS with its S3 gateway, on this machine only."""
    names = ("-master.port", "-volume.port", "-filer.port", "-s3.port")
    folder, ports = tmp_path_factory.mktemp("weed"), [port_with_another() for _ in names]
    (folder / "s3.json").write_text(json.dumps({"identities": [OPERATOR]}))
    flags = [f"-s3.config={folder / 's3.json'}"]
    flags += [f"{name}={port}" for name, port in zip(names, ports, strict=True)]
    weed = Path(sys.executable).parent / "weed"
    server = subprocess.Popen(
        [str(weed), "server", f"-dir={folder}", "-s3", "-ip=127.0.0.1", "-volume.max=8", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{ports[3]}"
    try:
        _await(address)
        yield address
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _await(address: str) -> None:
    deadline = time.monotonic() + _BOOT_SECONDS
    while time.monotonic() < deadline:
        try:
            with urlopen(f"{address}/healthz", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("SeaweedFS did not start")


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """A bucket of its own for each test; credentials come from the environment, as they do in production."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "operator")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-tests")
    return open_store(f"s3://backups/{os.urandom(4).hex()}?endpoint={endpoint}")


def test_what_is_there_is_never_written_over(bucket: ObjectStore) -> None:
    bucket.put_new("a/b", b"first")
    with pytest.raises(AlreadyStored):
        bucket.put_new("a/b", b"second")
    assert bucket.get("a/b") == b"first"
    assert bucket.keeps_what_is_there()


def test_objects_are_listed_by_folder_and_removed(bucket: ObjectStore) -> None:
    for name in ("x/2", "x/1", "y/1"):
        bucket.put_new(name, name.encode())
    assert [(o.name, o.bytes) for o in bucket.list("x")] == [("x/1", 3), ("x/2", 3)]
    bucket.delete(["x/1", "x/none"])
    assert [o.name for o in bucket.list("x")] == ["x/2"]
    assert bucket.list("nowhere") == ()
    with pytest.raises(NotStored):
        bucket.get("x/1")


async def test_a_backup_in_a_bucket_counts_and_a_changed_one_does_not(
    lite: Stage, bucket: ObjectStore
) -> None:
    lite.vault = Vault(bucket, lite.vault.keys, PART_BYTES)
    root = (await lite.back_up()).proof.root
    assert (await lite.catalogue.find(ID)).state == BackupState.PROVEN
    part = next(o.name for o in bucket.list("backups") if "manifest" not in o.name)
    content = bytearray(bucket.get(part))
    content[100] ^= 1
    bucket.delete([part])
    bucket.put_new(part, content)
    with pytest.raises(BackupDamaged):
        await lite.test()
    assert await lite.is_untouched(root)
    await lite.back_up()
    assert (await lite.catalogue.find(f"{ID}-2")).state == BackupState.PROVEN


def test_a_store_that_is_away_says_so() -> None:
    store = open_store(f"s3://backups?endpoint=http://127.0.0.1:{free_port()}")
    with pytest.raises(StorageUnavailable):
        store.put_new("a", b"x")


@pytest.mark.parametrize(
    "url", ["ftp://x", "s3://", "s3://key:secret@bucket", "s3://b?acl=public", "file://host/x", "file:x"]
)
def test_what_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"file:///|s3://"):
        open_store(url)


def test_a_store_that_overwrites_is_found_out(tmp_path: Path) -> None:
    """As some servers do: create-only is taken without a word and not kept."""

    class Careless(ObjectStore):
        def put_new(self, name: str, data: bytes | bytearray | memoryview) -> None:
            self.delete([name])
            super().put_new(name, data)

    honest = open_store(f"file://{tmp_path}")
    assert honest.keeps_what_is_there()
    assert not Careless(honest.place, honest._store, folder=tmp_path).keeps_what_is_there()
