"""Copies that somebody else made: when their catalogue, or a document about them, is evidence enough."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from workflows.domain.errors import BackupUnproven

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class ForeignCopy:
    """One copy as its database's catalogue tells it (`msdb.dbo.backupset`)."""

    database: str
    kind: str
    """`D` is a full copy; anything else needs another one to be worth something."""
    is_damaged: bool
    has_checksums: bool
    started_at: datetime
    finished_at: datetime
    by: str
    """The login that made it."""
    location: str
    bytes: int

    @property
    def name(self) -> str:
        return f"{self.database} of {self.finished_at.isoformat()}"


@dataclass(frozen=True, kw_only=True)
class CopyDocument:
    """What a person vouches for where no catalogue can be read, as in a public cloud."""

    database: str
    finished_at: datetime
    by: str
    location: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.database} of {self.finished_at.isoformat()}"


def require_acceptable(
    copy: ForeignCopy, database: str, since: datetime, now: datetime, max_age: timedelta
) -> None:
    """A full, sound, checksummed copy of this database, begun after `since` and not too old.

    Raises:
        BackupUnproven: naming what is wrong with it.
    """
    reasons = {
        f"it is a copy of {copy.database}, not of {database}": copy.database != database,
        f"it is of type {copy.kind}, and only a full one (D) stands for itself": copy.kind != "D",
        "its catalogue calls it damaged": copy.is_damaged,
        "it was made without checksums": not copy.has_checksums,
        f"it was begun at {copy.started_at.isoformat()}, before {since.isoformat()}": copy.started_at < since,
    }
    _require_time(copy.name, copy.by, copy.finished_at, now, max_age)
    for reason, applies in reasons.items():
        if applies:
            raise BackupUnproven(copy.name, reason)


def require_vouched(document: CopyDocument, database: str, now: datetime, max_age: timedelta) -> None:
    """A document that names the database, a person, a place, a digest, and a time that is not too old.

    Raises:
        BackupUnproven: naming what is missing.
    """
    _require_time(document.name, document.by, document.finished_at, now, max_age)
    if document.database != database:
        raise BackupUnproven(document.name, f"it speaks of {document.database}, not of {database}")
    if not document.location.strip():
        raise BackupUnproven(document.name, "it does not say where the copy is")
    if not _SHA256.fullmatch(document.sha256):
        raise BackupUnproven(document.name, "it names no SHA-256")


def _require_time(name: str, by: str, finished_at: datetime, now: datetime, max_age: timedelta) -> None:
    if not by.strip():
        raise BackupUnproven(name, "nobody stands for it")
    if finished_at > now:
        raise BackupUnproven(name, "it lies in the future")
    if now - finished_at > max_age:
        raise BackupUnproven(name, f"it is older than {max_age}")
