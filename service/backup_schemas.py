"""Bodies about backups, with the words that the OpenAPI document shows."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from activities.backup.catalogue import BackupAct
from service.backup_works import WorkState
from service.schemas import Inbound, Name, Outbound, Said
from workflows.domain.backups import BackupPoint, BackupState


class BackupOut(Outbound):
    """One backup: what was copied, how it is stored, and what it is worth."""

    id: str
    ledger: str
    case: str | None = Field(description="None for a snapshot.")
    point: BackupPoint = Field(description="A before authorisation, B under exclusive mode, or a snapshot.")
    state: BackupState = Field(description="Only a proven one counts.")
    engine: str
    location: str = Field(description="Place of its manifest in the object store.")
    raw_bytes: int
    stored_bytes: int
    sha256: str = Field(description="Of what is stored, all parts in their order.")
    encrypted_to: list[str] = Field(description="age recipients; empty where it lies open, as in dev.")
    root: str = Field(description="Root of the proof of the ledger at that moment.")
    started_at: datetime
    taken_at: datetime
    milliseconds: int = Field(description="How long copying and storing took.")
    restore_milliseconds: int | None = Field(description="How long the last restore test took.")
    tested_at: datetime | None
    reason: str = Field(description="Why it is unproven, or why it was deleted.")
    kept_because: str = Field(description="What retention keeps it for.")


class BackupList(Outbound):
    items: list[BackupOut]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class BackupActOut(Outbound):
    """Something that was done with a backup."""

    act: BackupAct
    actor: str
    at: datetime
    data: dict[str, Any]


class BackupDetailOut(BackupOut):
    acts: list[BackupActOut] = Field(description="Tested, extracted from, restored, deleted; oldest first.")


class ExtractIn(Inbound):
    """A document to bring back from a backup, for comparison."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"document": "IN-2025-03-0007"}]}
    )

    document: Name = Field(description="Number of the document in the ERP.")


class SnapshotIn(Inbound):
    """Why a snapshot is taken, for whoever reads the catalogue later."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "before upgrade"}]})

    reason: Said = Field(default="", description="In a few words.")


class BackupWorkOut(Outbound):
    """Work on backups, which takes as long as a ledger is large. Look again at its own address."""

    id: str
    state: WorkState
    backup: str = Field(description="The backup that it is about, or that it makes.")
    document: dict[str, Any] | None = Field(description="The document that was asked for, once it is there.")
    error: str | None = Field(description="Name of the refusal, if it was refused.")
    detail: str = Field(description="What it was refused with, in words.")
    links: dict[str, str]
