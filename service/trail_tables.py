"""Tables of the audit trail: what makes changes to the register show. All but the heads are only added to."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Text
from sqlmodel import Field
from sqlmodel.sql.sqltypes import UTCDateTime

from service.tables import Document, JsonValue, Row, table_of

_CASE = 32
_NAME = 120
_DIGEST = 64


class ImprintRow(Row, table=True):
    """What was told beside an event, by its digest: parts, tasks, state. Chained as events are."""

    __tablename__ = "case_imprints"

    case_id: str = Field(primary_key=True, max_length=_CASE, sa_column_args=[ForeignKey("cases.id")])
    seq: int = Field(primary_key=True)
    """Number of the last event it was told with; nought for the request itself."""
    head: str = Field(max_length=_DIGEST)
    """Digest of that event."""
    told: JsonValue = Field(sa_type=Document)
    digest_of_previous: str = Field(max_length=_DIGEST)
    digest: str = Field(max_length=_DIGEST)


class AttachmentRow(Row, table=True):
    """A file that belongs to a case, taken from the events. Its bytes lie in the object store."""

    __tablename__ = "attachments"
    __table_args__ = (Index(None, "case_id", "seq"),)

    id: str = Field(primary_key=True, max_length=_DIGEST)
    case_id: str = Field(max_length=_CASE, foreign_key="cases.id")
    seq: int
    name: str = Field(max_length=_NAME)
    media_type: str = Field(max_length=_NAME)
    bytes: int = Field(sa_type=BigInteger)
    sha256: str = Field(max_length=_DIGEST)
    note: str = Field(sa_type=Text)
    person: str = Field(max_length=_NAME)
    on_behalf_of: str | None = Field(max_length=_NAME)
    at: datetime = Field(sa_type=UTCDateTime)


class AuditEventRow(Row, table=True):
    """One read or export of evidence, act on a backup, or change by an administrator: one chain for all."""

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "kind", "n"), Index(None, "actor", "n"), Index(None, "subject", "n"))

    n: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UTCDateTime)
    actor: str = Field(max_length=_NAME)
    on_behalf_of: str | None = Field(max_length=_NAME)
    kind: str = Field(max_length=32)
    subject: str = Field(max_length=_NAME)
    """Number of the case, id of the backup or attachment, name of the user, that it is about."""
    data: JsonValue = Field(sa_type=Document)
    digest_of_previous: str = Field(max_length=_DIGEST)
    digest: str = Field(max_length=_DIGEST)


class ChainHeadRow(Row, table=True):
    """Where a chain of the whole register ends; whoever adds to it holds this row meanwhile."""

    __tablename__ = "chain_heads"

    name: str = Field(primary_key=True, max_length=32)
    n: int
    digest: str = Field(max_length=_DIGEST)


class CheckpointRow(Row, table=True):
    """A signed statement of where every chain ended at a moment."""

    __tablename__ = "checkpoints"

    n: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UTCDateTime)
    body: str = Field(sa_type=Text)
    """What is signed, byte by byte: canonical JSON."""
    digest: str = Field(max_length=_DIGEST)
    public_key: str = Field(max_length=_DIGEST)
    signature: str = Field(max_length=2 * _DIGEST)


class CheckpointHeadRow(Row, table=True):
    """Where the chain of a case ended at a checkpoint; told only if it has moved since the one before."""

    __tablename__ = "checkpoint_heads"

    case_id: str = Field(primary_key=True, max_length=_CASE)
    checkpoint: int = Field(primary_key=True, index=True)
    seq: int
    head: str = Field(max_length=_DIGEST)
    imprint: str | None = Field(max_length=_DIGEST)


class CheckpointStampRow(Row, table=True):
    """What a time-stamping authority says of a checkpoint (RFC 3161)."""

    __tablename__ = "checkpoint_stamps"

    checkpoint: int = Field(
        primary_key=True,
        sa_column_kwargs={"autoincrement": False},
        sa_column_args=[ForeignKey("checkpoints.n")],
    )
    at: datetime = Field(sa_type=UTCDateTime)
    url: str = Field(sa_type=Text)
    token: str = Field(sa_type=Text)
    """The answer of the authority, in base64."""


class PackageRow(Row, table=True):
    """The evidence package of a case that has ended, made once."""

    __tablename__ = "evidence_packages"

    case_id: str = Field(primary_key=True, max_length=_CASE, sa_column_args=[ForeignKey("cases.id")])
    at: datetime = Field(sa_type=UTCDateTime)
    name: str = Field(sa_type=Text)
    """Under which it lies in the object store."""
    bytes: int = Field(sa_type=BigInteger)
    sha256: str = Field(max_length=_DIGEST)


imprints = table_of(ImprintRow)
attachments = table_of(AttachmentRow)
audit_events = table_of(AuditEventRow)
chain_heads = table_of(ChainHeadRow)
checkpoints = table_of(CheckpointRow)
checkpoint_heads = table_of(CheckpointHeadRow)
checkpoint_stamps = table_of(CheckpointStampRow)
evidence_packages = table_of(PackageRow)

APPEND_ONLY = (
    "case_events",
    "backup_events",
    "admin_events",
    "case_imprints",
    "attachments",
    "audit_events",
    "checkpoints",
    "checkpoint_heads",
    "checkpoint_stamps",
    "evidence_packages",
    "root_causes",
    "case_reports",
    "policies",
)
"""What the database itself lets nobody change or remove."""
