"""Backups of the local folder, restored to scratch so that they can be looked into."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import zstandard

from activities.erp.connector import LedgerConnector
from activities.ledgers import Ledgers
from workflows.domain.errors import BackupUnproven


class LocalBackups:
    """Implements `RestoredBackups` over the folder that `BackupActivities` writes."""

    def __init__(self, ledgers: Ledgers, folder: Path) -> None:
        self.ledgers, self.folder = ledgers, folder

    @asynccontextmanager
    async def opened(self, ledger: str, backup: str) -> AsyncIterator[LedgerConnector]:
        source = self.ledgers.connector(ledger).backup_source()
        with TemporaryDirectory(prefix=f"{backup}-looked-into-", dir=self._folder(backup)) as scratch:
            copy = Path(scratch) / "copy"
            await asyncio.to_thread(self._unpack, backup, copy)
            restored = await asyncio.to_thread(source.open_copy, copy)
            try:
                yield restored
            finally:
                await restored.aclose()

    def _folder(self, backup: str) -> Path:
        if not (self.folder / f"{backup}.zst").is_file():
            raise BackupUnproven(backup, "it is not in the folder of backups")
        return self.folder

    def _unpack(self, backup: str, copy: Path) -> None:
        try:
            with (self.folder / f"{backup}.zst").open("rb") as packed, copy.open("wb") as raw:
                shutil.copyfileobj(zstandard.ZstdDecompressor().stream_reader(packed), raw, 1 << 20)
        except (OSError, zstandard.ZstdError) as error:
            raise BackupUnproven(backup, str(error)) from error
