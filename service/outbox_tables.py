"""Tables of what is to be sent: what has happened and is not yet addressed, and every delivery."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field
from sqlmodel.sql.sqltypes import UTCDateTime

from service.tables import Document, JsonValue, Row, table_of

_CASE = 32
_NAME = 120


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


outbox = table_of(OutboxRow)
outgoing = table_of(OutgoingRow)
