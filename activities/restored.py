"""Stored backups, restored to scratch so that they can be looked into."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from activities.backup.keeper import BackupKeeper
from activities.backup.progress import Meter
from activities.erp.connector import LedgerConnector
from workflows.domain.errors import BackupUnproven, UnknownBackup


class StoredBackups:
    """Implements `RestoredBackups` over the vault and the catalogue."""

    def __init__(self, keeper: BackupKeeper) -> None:
        self.keeper = keeper

    @asynccontextmanager
    async def opened(self, ledger: str, backup: str) -> AsyncIterator[LedgerConnector]:
        try:
            _, manifest = await self.keeper.read(backup)
        except UnknownBackup as error:
            raise BackupUnproven(backup, "it is not in the store") from error
        if manifest.ledger != ledger:
            raise BackupUnproven(backup, f"it is of ledger {manifest.ledger}")
        # Several may look into one backup at once, so each has a scratch ledger of its own.
        name = f"{backup}-seen-{uuid4().hex[:8]}"
        async with self.keeper.restored(manifest, name, Meter()) as scratch:
            restored = scratch.connector()
            try:
                yield restored
            finally:
                await restored.aclose()
