"""The register's tables of schedules: what people have said of them, and how their runs ended."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field
from sqlmodel.sql.sqltypes import UTCDateTime

from service.tables import Document, JsonValue, Row, table_of

_NAME = 120
_RUN = 200


class ScheduleRow(Row, table=True):
    """One schedule that is known to Temporal, and what a person has said of it."""

    __tablename__ = "schedules"

    name: str = Field(primary_key=True, max_length=_NAME)
    paused: bool
    timetable: JsonValue = Field(sa_type=Document, nullable=True)
    """As the API takes it; null for the configured one."""
    comment: str = Field(sa_type=Text)
    changed_by: str | None = Field(max_length=_NAME)
    changed_at: datetime | None = Field(sa_type=UTCDateTime)


class ScheduleRunRow(Row, table=True):
    """One run that has ended. Appended, never changed."""

    __tablename__ = "schedule_runs"
    __table_args__ = (Index(None, "schedule", "ended_at", "run"),)

    run: str = Field(primary_key=True, max_length=_RUN)
    schedule: str = Field(max_length=_NAME)
    at: datetime = Field(sa_type=UTCDateTime)
    """When it was due."""
    started_at: datetime = Field(sa_type=UTCDateTime)
    ended_at: datetime = Field(sa_type=UTCDateTime)
    outcome: str = Field(max_length=8)
    """`done` or `failed`."""
    says: str = Field(sa_type=Text)
    facts: JsonValue = Field(sa_type=Document)


schedules = table_of(ScheduleRow)
schedule_runs = table_of(ScheduleRunRow)
