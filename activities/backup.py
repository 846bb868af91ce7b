"""Backups that count: copied by the database's own means, stored, restored to scratch, compared by proof."""

import asyncio
import hashlib
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import zstandard
from temporalio import activity
from typing_extensions import override

from activities.erp.connector import BackupSource, LedgerConnector
from activities.ledgers import Ledgers
from activities.proof import prove_ledger
from workflows.domain.digest import canonical
from workflows.domain.errors import BackupUnproven
from workflows.domain.proof import Proof, differing
from workflows.steps import BackupOrder, BackupSteps, ProvenBackup

CHUNK = 1 << 20
"""Bytes that are in memory at once while copying."""
HEARTBEAT_EVERY = 2.0
"""Seconds; well below the heartbeat time-out of the step."""

T = TypeVar("T")


class BackupActivities(BackupSteps):
    """Keeps backups in a local folder, one compressed file and one manifest each."""

    def __init__(self, ledgers: Ledgers, folder: Path) -> None:
        self.ledgers, self.folder = ledgers, folder

    @override
    @activity.defn
    async def back_up(self, order: BackupOrder) -> ProvenBackup:
        connector = self.ledgers.connector(order.ledger)
        source = connector.backup_source()
        name = f"{order.case}-{order.point}"
        self.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f"{name}-", dir=self.folder) as scratch:
            stored = self.folder / f"{name}.zst"
            async with _heartbeats("copying"):
                digest = await _in_thread(lambda: _store(source, Path(scratch) / "copy", stored))
            async with _heartbeats("proving"):
                proof = await prove_ledger(connector)
            async with _heartbeats("restoring"):
                began = time.perf_counter()
                await _restore_and_compare(name, stored, digest, Path(scratch) / "restored", source, proof)
                took = time.perf_counter() - began
        backup = ProvenBackup(
            id=name,
            point=order.point,
            location=f"{self.folder.name}/{stored.name}",
            bytes=stored.stat().st_size,
            sha256=digest,
            proof=proof,
            restore_milliseconds=round(took * 1000),
            taken_at=datetime.now(UTC),
        )
        (self.folder / f"{name}.json").write_text(canonical(backup.record()), "utf-8")
        return backup


def _store(source: BackupSource, copy: Path, target: Path) -> str:
    """Copy and compress; the SHA-256 of what is stored. Written whole or not at all."""
    source.copy_to(copy)
    draft = copy.with_suffix(".zst")
    with copy.open("rb") as raw, draft.open("wb") as packed:
        zstandard.ZstdCompressor(level=3).copy_stream(raw, packed, read_size=CHUNK)
    copy.unlink()
    digest = _sha256(draft)
    draft.replace(target)
    return digest


async def _restore_and_compare(
    name: str, stored: Path, digest: str, copy: Path, source: BackupSource, expected: Proof
) -> None:
    restored = await _in_thread(lambda: _restore(name, stored, digest, copy, source))
    try:
        seen = await prove_ledger(restored)
    finally:
        await restored.aclose()
    if seen.root != expected.root:
        raise BackupUnproven(name, f"it differs from the ledger at {', '.join(differing(expected, seen))}")


def _restore(name: str, stored: Path, digest: str, copy: Path, source: BackupSource) -> LedgerConnector:
    if _sha256(stored) != digest:
        raise BackupUnproven(name, "the stored file is not what was written")
    with stored.open("rb") as packed, copy.open("wb") as raw:
        shutil.copyfileobj(zstandard.ZstdDecompressor().stream_reader(packed), raw, CHUNK)
    return source.open_copy(copy)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _in_thread(work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work)


@asynccontextmanager
async def _heartbeats(doing: str) -> AsyncIterator[None]:
    """Tell the platform that the step is alive, so that only a dead worker's is started again."""

    async def beat() -> None:
        while True:
            activity.heartbeat(doing)
            await asyncio.sleep(HEARTBEAT_EVERY)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
