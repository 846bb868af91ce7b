"""What is known of form records: the case of each, what has been dealt with, what its form shows."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field
from sqlmodel.sql.sqltypes import UTCDateTime

from service.tables import Document, JsonValue, Row, table_of

_ID = 64


class FormRecordRow(Row, table=True):
    """One record of one form. Brought up to date by whoever reads it, and never by an older reading."""

    __tablename__ = "form_records"
    __table_args__ = (Index(None, "case_id"), Index(None, "settled", "claimed_until"))

    app_id: str = Field(primary_key=True, max_length=_ID)
    entry_id: str = Field(primary_key=True, max_length=_ID)
    record_id: str = Field(primary_key=True, max_length=_ID)
    updated_at: datetime | None = Field(sa_type=UTCDateTime)
    """`updateTime` of the newest reading."""
    dealt_with: str | None = Field(max_length=64)
    """Digest of the content that was last acted on: started, resubmitted, refused or noted.

    None while it is still to be acted on; empty if what was read is nothing that could be.
    """
    holds: str | None = Field(max_length=64)
    """Digest of the content that the case is about."""
    case_id: str | None = Field(max_length=32)
    attempt: int
    """How many cases the record has had; only one of them can be running."""
    removed: bool
    message: str = Field(sa_type=Text)
    """What the form has to tell besides the state of the case: complaints, notes."""
    shown: JsonValue = Field(sa_type=Document)
    """What was last written into the form, by result; empty before."""
    shown_seq: int
    """The case's newest event at that time."""
    files: JsonValue = Field(sa_type=Document)
    """Marks of the files that are kept with the case."""
    version: int
    """Counts what has happened to the record itself, besides its case."""
    shown_version: int
    settled: bool
    """Nothing is left to be written until something happens to the record."""
    claimed_until: datetime | None = Field(sa_type=UTCDateTime)
    """Whoever writes to the form holds the record until then, so that an older state never comes last."""
    shown_at: datetime | None = Field(sa_type=UTCDateTime)


class FormPollRow(Row, table=True):
    """How far a form has been read through."""

    __tablename__ = "form_polls"

    app_id: str = Field(primary_key=True, max_length=_ID)
    entry_id: str = Field(primary_key=True, max_length=_ID)
    modified_at: datetime | None = Field(sa_type=UTCDateTime)
    """The form's `dataModifyTime` before it was last read through."""
    polled_at: datetime = Field(sa_type=UTCDateTime)


form_records = table_of(FormRecordRow)
form_polls = table_of(FormPollRow)
