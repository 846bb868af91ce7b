"""What is known of a backup once it is stored: the entry that the catalogue keeps for ever (R36 to R41)."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class BackupPoint(StrEnum):
    """At which moment a copy was taken."""

    A = "A"
    """Before anyone is asked to release the execution."""
    B = "B"
    """Under exclusive mode: the roll-back point."""
    SNAPSHOT = "snapshot"
    """At regular intervals, or when an operator asks; belongs to no case."""


class BackupState(StrEnum):
    """What a copy is worth. Only a proven one counts (design §8)."""

    STORED = "stored"
    PROVEN = "proven"
    UNPROVEN = "unproven"
    """Its restore test failed; the reason stands beside it."""
    DELETED = "deleted"
    """Retention removed the data; the entry stays."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """One backup as the catalogue tells it."""

    id: str
    ledger: str
    case: str | None
    point: BackupPoint
    engine: str
    """`sqlite`, `postgresql`, `sqlserver`, or `evidence` for a copy that somebody else has made."""
    location: str
    """Where its manifest lies in the object store."""
    raw_bytes: int
    stored_bytes: int
    sha256: str
    """Of what is stored, all parts in their order."""
    manifest_sha256: str
    encrypted_to: tuple[str, ...]
    """age recipients; empty where the copy is not encrypted."""
    root: str
    """Of the proof of the ledger at that moment."""
    started_at: datetime
    taken_at: datetime
    milliseconds: int
    """How long copying, compressing, encrypting and storing took."""
    state: BackupState = BackupState.STORED
    restore_milliseconds: int | None = None
    """How long the last restore test took: what a roll-back would cost."""
    tested_at: datetime | None = None
    reason: str = ""
    """Why it is unproven, or why it was deleted."""
    kept_because: str = ""
    """What the last look of retention kept it for."""

    def proven(self, milliseconds: int, at: datetime) -> "Backup":
        """It has been restored, and its proof equals the source's."""
        return replace(
            self, state=BackupState.PROVEN, restore_milliseconds=milliseconds, tested_at=at, reason=""
        )

    def unproven(self, reason: str, at: datetime) -> "Backup":
        """A restore test has failed."""
        return replace(self, state=BackupState.UNPROVEN, tested_at=at, reason=reason)
