"""The register's tables of standing tasks and of what the back-door watch knows."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field
from sqlmodel.sql.sqltypes import UTCDateTime

from service.tables import Document, JsonValue, Row, table_of

_NAME = 120
_OPEN = text("state = 'open'")


class StandingTaskRow(Row, table=True):
    """Something people are, or were, asked to do that belongs to no case."""

    __tablename__ = "standing_tasks"
    __table_args__ = (
        Index(None, "opened_at", "id"),
        Index(None, "state", "opened_at", "id"),
        Index(None, "owner", "state", "opened_at", "id"),
        # While one is open, there is no second one about the same.
        Index("uq_standing_tasks_open", "subject", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: str = Field(primary_key=True, max_length=_NAME)
    subject: str = Field(max_length=300)
    raised_by: str = Field(max_length=200)
    kind: str = Field(max_length=32)
    code: str = Field(max_length=64)
    owner: str = Field(max_length=32)
    ledger: str | None = Field(max_length=_NAME)
    facts: JsonValue = Field(sa_type=Document)
    opened_at: datetime = Field(sa_type=UTCDateTime)
    state: str = Field(max_length=8)
    """`open` or `closed`."""
    outcome: str | None = Field(sa_type=Text)
    """What the one who closed it said; `not found any more` if a later run closed it."""
    closed_by: str | None = Field(max_length=_NAME)
    closed_at: datetime | None = Field(sa_type=UTCDateTime)


class WatchedLedgerRow(Row, table=True):
    """What the back-door watch knows of a ledger."""

    __tablename__ = "watched_ledgers"

    ledger: str = Field(primary_key=True, max_length=_NAME)
    run: str = Field(max_length=200)
    """The run that has seen it so."""
    at: datetime = Field(sa_type=UTCDateTime)
    fence: int = Field(sa_type=BigInteger)
    """The fence of the lease then: a higher one since means that cases have held the ledger."""
    mark: str = Field(max_length=_NAME)
    """The place in the ERP's change log then."""
    sighting: JsonValue = Field(sa_type=Document)


standing_tasks = table_of(StandingTaskRow)
watched_ledgers = table_of(WatchedLedgerRow)
