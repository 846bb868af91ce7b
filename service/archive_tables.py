"""The archive's tables: what ended, by which words it is found, why it happened, and what must stay."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field
from sqlmodel.sql.sqltypes import UTCDateTime

from service.tables import Row, table_of

_CASE = 32
_NAME = 120

Words = Text().with_variant(TSVECTOR(), "postgresql")
"""What the index is made of: divided text on SQLite, words with their positions on PostgreSQL."""


def _archived_key() -> Any:  # Any: SQLModel's Field stands for a value of the annotated type
    return Field(primary_key=True, sa_column_args=[ForeignKey("archived_cases.n")])


class ArchivedCaseRow(Row, table=True):
    """A case that has ended, whatever the end. Written with the event that ended it."""

    __tablename__ = "archived_cases"
    __table_args__ = (
        UniqueConstraint("case_id"),
        Index(None, "pending", "n"),
        Index(None, "ledger", "n"),
        Index(None, "outcome", "n"),
        Index(None, "cause", "n"),
        Index(None, "cause", "cause_due", "case_id"),
        Index(None, "ledger", "ended_at"),
    )

    n: int | None = Field(default=None, primary_key=True)
    """Counted in the order in which cases ended."""
    case_id: str = Field(max_length=_CASE, foreign_key="cases.id")
    ledger: str = Field(max_length=_NAME)
    target_period: str = Field(max_length=7)
    applicant: str = Field(max_length=_NAME)
    outcome: str = Field(max_length=32)
    reason_code: str = Field(max_length=32)
    cause: str | None = Field(max_length=40)
    """Code of its root cause; none until somebody has named it."""
    cause_due: datetime | None = Field(sa_type=UTCDateTime)
    """Until when it can be named; none where nothing was done in the ledger."""
    accepted_at: datetime = Field(sa_type=UTCDateTime)
    ended_at: datetime = Field(sa_type=UTCDateTime)
    marks: int
    """How often something was added to it, so that nothing added while it is indexed is missed."""
    pending: bool
    """Something is on record that cannot be found yet."""
    failures: int = Field(default=0)
    """How often in a row it could not be read to be found."""
    not_before: datetime | None = Field(default=None, sa_type=UTCDateTime)
    """When that is tried again; none while nothing has failed."""


class ArchivePieceRow(Row, table=True):
    """Text of an archived case. Nearly all have one piece; long ones have several, and are `big`."""

    __tablename__ = "archive_pieces"
    __table_args__ = (Index(None, "case_n"),)

    n: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    """That of the case times `service.archive_index.PIECES`, and the piece's own."""
    case_n: int = Field(foreign_key="archived_cases.n")
    big: bool
    told: str = Field(sa_type=Text)
    """Its lines as people wrote them, one under the other."""
    plain: str = Field(sa_type=Text)
    """The same lines in the signs by which they are found."""
    places: str = Field(sa_type=Text)
    """For each line, in which part of the case it stands; plain words, since many are read for one page."""
    words: str = Field(sa_type=Words)


class ArchivePersonRow(Row, table=True):
    """Somebody who had a part in an archived case."""

    __tablename__ = "archive_people"

    person: str = Field(primary_key=True, max_length=_NAME)
    case_n: int = _archived_key()


class ArchiveModuleRow(Row, table=True):
    """A module that an archived case was to open."""

    __tablename__ = "archive_modules"

    module: str = Field(primary_key=True, max_length=32)
    case_n: int = _archived_key()


class ArchiveTextRow(Row, table=True):
    """Text that is found with a case and stands elsewhere: its report, an attachment."""

    __tablename__ = "archive_texts"

    case_id: str = Field(primary_key=True, max_length=_CASE, sa_column_args=[ForeignKey("cases.id")])
    name: str = Field(primary_key=True, max_length=_NAME)
    text: str = Field(sa_type=Text)


class RootCauseRow(Row, table=True):
    """Somebody names why a case was needed. Appended, never changed: the newest counts."""

    __tablename__ = "root_causes"
    __table_args__ = (Index(None, "case_id", "n"), Index(None, "ledger", "cause"))

    n: int | None = Field(default=None, primary_key=True)
    case_id: str = Field(max_length=_CASE, foreign_key="cases.id")
    ledger: str = Field(max_length=_NAME)
    cause: str = Field(max_length=40)
    zh: str = Field(sa_type=Text)
    en: str = Field(sa_type=Text)
    """The words it was named under: catalogues change."""
    note: str = Field(sa_type=Text)
    actor: str = Field(max_length=_NAME)
    on_behalf_of: str | None = Field(max_length=_NAME)
    at: datetime = Field(sa_type=UTCDateTime)


class LegalHoldRow(Row, table=True):
    """While it is not lifted, nothing of the case is removed. Never deleted."""

    __tablename__ = "legal_holds"
    __table_args__ = (Index(None, "case_id"),)

    n: int | None = Field(default=None, primary_key=True)
    case_id: str = Field(max_length=_CASE)
    reason: str = Field(sa_type=Text)
    set_by: str = Field(max_length=_NAME)
    set_at: datetime = Field(sa_type=UTCDateTime)
    lift_reason: str | None = Field(sa_type=Text)
    lifted_by: str | None = Field(max_length=_NAME)
    lifted_at: datetime | None = Field(sa_type=UTCDateTime)


archived_cases = table_of(ArchivedCaseRow)
archive_pieces = table_of(ArchivePieceRow)
archive_people = table_of(ArchivePersonRow)
archive_modules = table_of(ArchiveModuleRow)
archive_texts = table_of(ArchiveTextRow)
root_causes = table_of(RootCauseRow)
legal_holds = table_of(LegalHoldRow)
