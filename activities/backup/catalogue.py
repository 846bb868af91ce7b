"""The port to the catalogue of backups. The class behind it lives in `service/backup_catalogue.py`."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from workflows.domain.backups import Backup
from workflows.domain.digest import Json
from workflows.domain.retention import Ties

BY_SCHEDULE = "schedule"
"""The actor of snapshots that are taken at intervals: by it retention tells them from those by hand."""


class BackupAct(StrEnum):
    """What people and retention do with a backup that is there."""

    TAKEN = "taken"
    TESTED = "tested"
    EXTRACTED = "extracted"
    RESTORED = "restored"
    DELETED = "deleted"


@dataclass(frozen=True, kw_only=True)
class BackupEvent:
    """One act on one backup, on record for ever."""

    backup: str
    key: str
    """Makes recording twice recording once."""
    act: BackupAct
    actor: str
    at: datetime
    data: dict[str, Json] = field(default_factory=dict)


class BackupCatalogue(Protocol):
    """Every backup there is or was. Each call is safe to repeat and may raise StorageUnavailable."""

    async def keep(self, backup: Backup) -> None:
        """Write a new entry, or bring state, test and reason of the one with this id up to date.

        What was taken, when, and under which digests never changes once it is written.
        """

    async def find(self, backup: str) -> Backup:
        """Raises UnknownBackup."""

    async def of(self, ledger: str) -> tuple[Backup, ...]:
        """All entries of a ledger whose data is still there, oldest first."""

    async def ties(self, ledger: str) -> Ties:
        """What the register knows of the backups of a ledger beside the copies themselves."""

    async def let_go(self, gone: Backup, event: BackupEvent) -> bool:
        """Write that a backup is deleted, and the act, at once; the answer: whether it may be deleted.

        It may not if its case has come under legal hold since retention looked; then nothing is written.
        """

    async def record(self, event: BackupEvent) -> None:
        """Append an act, unless its key is on record."""
