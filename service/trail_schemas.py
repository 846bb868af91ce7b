"""Bodies about attachments, packages and the audit trail, with the words that the OpenAPI document shows."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from service.schemas import Inbound, Name, Outbound


class AttachmentOut(Outbound):
    """A file of a case."""

    id: str
    name: str = Field(description="As it was sent, without what other systems refuse in names.")
    media_type: str = Field(description="By its content, whatever it was called.")
    bytes: int
    sha256: str = Field(description="Stands in the case's chain of events.")
    note: str
    person: str = Field(description="Who has added it.")
    on_behalf_of: str | None
    at: datetime | None = Field(description="Null until it is on record.")
    seq: int | None = Field(description="Number of its event; null until it is on record.")
    links: dict[str, str]


class AttachmentList(Outbound):
    items: list[AttachmentOut]
    next: str | None = Field(description="Always null: a case has at most 50 files.")


class AuditEventOut(Outbound):
    """One read or export of evidence, act on a backup, or change by an administrator."""

    n: int = Field(description="Its place in the chain.")
    at: datetime
    actor: str
    on_behalf_of: str | None
    kind: str
    subject: str = Field(description="Number of the case, id of the backup, name of the user it is about.")
    data: dict[str, Any]
    digest_of_previous: str
    digest: str


class AuditList(Outbound):
    items: list[AuditEventOut]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class VerifyIn(Inbound):
    """What is to be verified: one case, or the next so many, or what stands outside of cases."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"case": "UC-2025-000001"}, {"limit": 50}]}
    )

    case: Name | None = Field(default=None, description="Number of a case; the next so many if not given.")
    after: Name | None = Field(default=None, description="`next` of the answer before.")
    limit: int = Field(default=50, ge=1, le=200, strict=True, description="How many cases at most.")


class FaultOut(Outbound):
    """Something that is not what was put on record."""

    case: str | None
    place: str = Field(description="Like `events/12`, `decisions/7/comment`, `parts/plan`.")
    code: str
    says: str


class VerifiedOut(Outbound):
    """What came of it. The chains outside of cases are looked at with the last cases."""

    checked: int = Field(description="How many cases.")
    whole: bool
    faults: list[FaultOut]
    next: str | None = Field(description="Where to go on; null at the end.")
