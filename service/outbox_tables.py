"""Tables of what is to be sent: what has happened and is not yet addressed, and every delivery."""

from datetime import datetime

from sqlalchemy import Index, Text, text
from sqlmodel import Field
from sqlmodel.sql.sqltypes import UTCDateTime

from service.tables import Document, JsonValue, Row, table_of

_CASE = 32
_NAME = 120
_KEPT = text("ended_at IS NOT NULL AND body_removed_at IS NULL")


class OutboxRow(Row, table=True):
    """An event that nobody has been looked up for yet. Written with the event, gone once it is addressed."""

    __tablename__ = "outbox"

    case_id: str = Field(primary_key=True, max_length=_CASE)
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    put_off_until: datetime | None = Field(sa_type=UTCDateTime)
    """When it is looked at again, if it could not be addressed."""


class OutgoingRow(Row, table=True):
    """One event on its way to one receiver."""

    __tablename__ = "outgoing"
    __table_args__ = (
        Index(None, "state", "next_at"),
        Index(None, "case_id", "receiver", "seq"),
        Index(None, "channel", "tried_at"),
        Index(None, "created_at", "id"),
        Index("ix_outgoing_kept", "ended_at", sqlite_where=_KEPT, postgresql_where=_KEPT),
    )

    id: str = Field(primary_key=True, max_length=32)
    """Made of case, event and receiver: addressing the same event twice makes one delivery."""
    case_id: str = Field(max_length=_CASE)
    seq: int
    type: str = Field(max_length=64)
    """Type of the event, or kind of the message."""
    channel: str = Field(max_length=_NAME)
    receiver: str = Field(max_length=_NAME)
    """`subscription:…`, `person:…` or `channel:…`: what deliveries are kept in order for."""
    body: JsonValue = Field(sa_type=Document)
    quiet: JsonValue = Field(sa_type=Document)
    """The receiver's quiet hours; null if this does not heed them."""
    state: str = Field(max_length=16)
    attempts: int
    created_at: datetime = Field(sa_type=UTCDateTime)
    since: datetime = Field(sa_type=UTCDateTime)
    """From when on the days are counted after which it is given up."""
    next_at: datetime = Field(sa_type=UTCDateTime)
    claim: str | None = Field(max_length=32)
    claimed_until: datetime | None = Field(sa_type=UTCDateTime)
    """Until when the process that has claimed it is believed to be at work on it."""
    tried_at: datetime | None = Field(sa_type=UTCDateTime)
    ended_at: datetime | None = Field(sa_type=UTCDateTime)
    error: str = Field(sa_type=Text)
    """What the last attempt failed with; empty if it did not."""
    body_sha256: str | None = Field(max_length=64)
    """What the body was, once it has been removed; none before."""
    body_removed_at: datetime | None = Field(sa_type=UTCDateTime)


class SubscriptionRow(Row, table=True):
    """Where events are posted to. Its secret is not here: it is derived from the salt when it is needed."""

    __tablename__ = "subscriptions"

    id: str = Field(primary_key=True, max_length=32)
    call: str | None = Field(max_length=64, unique=True)
    """The call under an Idempotency-Key that made it: the same call makes no second one."""
    url: str = Field(sa_type=Text)
    types: JsonValue = Field(sa_type=Document)
    ledger: str | None = Field(max_length=_NAME)
    description: str = Field(max_length=200)
    salt: str = Field(max_length=64)
    created_at: datetime = Field(sa_type=UTCDateTime)
    created_by: str = Field(max_length=_NAME)
    ended_at: datetime | None = Field(sa_type=UTCDateTime, index=True)
    ended_by: str | None = Field(max_length=_NAME)


class PreferenceRow(Row, table=True):
    """How a person wants to be told."""

    __tablename__ = "preferences"

    person: str = Field(primary_key=True, max_length=_NAME)
    language: str = Field(max_length=2)
    channels: JsonValue = Field(sa_type=Document)
    """Channel and address, the preferred one first."""
    quiet: JsonValue = Field(sa_type=Document)
    updated_at: datetime = Field(sa_type=UTCDateTime)


class LinkRow(Row, table=True):
    """A decision link that was sent. Only its SHA-256 is here."""

    __tablename__ = "decision_links"

    sha256: str = Field(primary_key=True, max_length=64)
    person: str = Field(max_length=_NAME)
    task: str = Field(max_length=_NAME)
    expires_at: datetime = Field(sa_type=UTCDateTime)
    used_at: datetime | None = Field(sa_type=UTCDateTime)
    used_by_call: str | None = Field(max_length=64)
    """The call that used it: the same call may be answered again."""


outbox = table_of(OutboxRow)
outgoing = table_of(OutgoingRow)
subscriptions = table_of(SubscriptionRow)
preferences = table_of(PreferenceRow)
decision_links = table_of(LinkRow)
