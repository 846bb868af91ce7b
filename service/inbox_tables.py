"""The table of what hooks have received: the raw delivery, and what became of it."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, Text, UniqueConstraint, text
from sqlmodel import Field
from sqlmodel.sql.sqltypes import UTCDateTime

from service.tables import Document, JsonValue, Row, table_of

_NAME = 120
_OPEN = text("state = 'new'")
_KEPT = text("ended_at IS NOT NULL AND body_removed_at IS NULL")


class InboxRow(Row, table=True):
    """One delivery. What was received never changes; what became of it does."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("hook", "seal"),
        # The state stands first, or SQLite takes the index over all states.
        Index("ix_inbox_due", "state", "due_at", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_inbox_record", "state", "hook", "record", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_inbox_kept", "ended_at", sqlite_where=_KEPT, postgresql_where=_KEPT),
        Index(None, "received_at", "id"),
        Index(None, "state", "received_at", "id"),
    )

    id: str = Field(primary_key=True, max_length=32)
    """Made of the hook and the sender's own id of the delivery: the same delivery is the same row."""
    hook: str = Field(max_length=_NAME)
    kind: str = Field(max_length=16)
    delivery_id: str = Field(max_length=_NAME)
    """The sender's."""
    seal: str = Field(max_length=_NAME)
    """What a replay under another id has in common with the first: in it are nonce, time and body."""
    record: str | None = Field(max_length=_NAME)
    """What it is about at the sender's; deliveries about one record are handed on one after the other."""
    moment: int = Field(sa_type=BigInteger)
    """When it happened at the sender's, in milliseconds since 1970: their order within a record."""
    event: str = Field(max_length=_NAME)
    source: str = Field(max_length=_NAME)
    """Address it came from."""
    query: str = Field(sa_type=Text)
    headers: JsonValue = Field(sa_type=Document)
    body: bytes = Field(sa_type=LargeBinary)
    """Byte for byte as it came: what the signature is over."""
    received_at: datetime = Field(sa_type=UTCDateTime)
    state: str = Field(max_length=8)
    attempts: int
    faults: int
    """Attempts that ended in nothing known: too many, and it is dead."""
    due_at: datetime = Field(sa_type=UTCDateTime)
    claim: str | None = Field(max_length=32)
    """The dispatcher that has it in hand."""
    claimed_until: datetime | None = Field(sa_type=UTCDateTime)
    case_id: str | None = Field(max_length=32)
    note: str = Field(sa_type=Text)
    problem: JsonValue = Field(sa_type=Document)
    """The problem document of the last attempt by language; null if it went well, or none has ended."""
    ended_at: datetime | None = Field(sa_type=UTCDateTime)
    body_sha256: str | None = Field(max_length=64)
    """What the body was, once it has been removed with headers and query; none before."""
    body_removed_at: datetime | None = Field(sa_type=UTCDateTime)


class RefusedRow(Row, table=True):
    """How many deliveries a hook has refused on one day, for one fault of their signature."""

    __tablename__ = "inbox_refused"

    hook: str = Field(primary_key=True, max_length=_NAME)
    day: str = Field(primary_key=True, max_length=10)
    fault: str = Field(primary_key=True, max_length=16)
    count: int
    last_at: datetime = Field(sa_type=UTCDateTime)


inbox = table_of(InboxRow)
inbox_refused = table_of(RefusedRow)
