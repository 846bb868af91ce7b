"""The table of decisions that are shown to the workflow of a form record."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field
from sqlmodel.sql.sqltypes import UTCDateTime

from service.tables import Row, table_of

_ID = 64
_NAME = 120


class FormMirrorRow(Row, table=True):
    """One decision on its way into the flow of a record. The task is written down before it is answered."""

    __tablename__ = "form_mirrors"
    __table_args__ = (Index(None, "case_id", "seq"), Index(None, "record_id"))

    delivery: str = Field(primary_key=True, max_length=32)
    case_id: str = Field(max_length=32)
    seq: int
    """Of the decision's event."""
    record_id: str = Field(max_length=_ID)
    person: str = Field(max_length=_NAME)
    answer: str = Field(max_length=16)
    username: str | None = Field(max_length=_NAME)
    task_id: str | None = Field(max_length=_ID)
    """The task that this decision answers, for good: none other is ever answered by it."""
    outcome: str | None = Field(max_length=16)
    """None while it is not known."""
    at: datetime = Field(sa_type=UTCDateTime)
    """Of the outcome, or before it of the choice."""


form_mirrors = table_of(FormMirrorRow)
