"""The register's tables: what happened, for ever, and projections of it for quick reading."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, MetaData, Table, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel
from sqlmodel.sql.sqltypes import UTCDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Constraints have names, or SQLite could not drop them in a later migration."""

Document = JSON().with_variant(JSONB(), "postgresql")
"""JSON without fractions, as `workflows.domain.digest.Json`."""

JsonValue = Any
"""A JSON document as read from a column; its shape is the writer's."""

_CASE = 32
_NAME = 120
_DIGEST = 64
_REMEMBERED = text("key IS NOT NULL")


class Row(SQLModel):
    metadata = metadata


def _case_key() -> Any:  # Any: SQLModel's Field stands for a value of the annotated type
    return Field(primary_key=True, max_length=_CASE, sa_column_args=[ForeignKey("cases.id")])


class CaseRow(Row, table=True):
    """One case: the request as it was taken, and where it stands now."""

    __tablename__ = "cases"
    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "state", "created_at", "id"),
        Index(None, "ledger", "created_at", "id"),
        Index(None, "applicant", "created_at", "id"),
        Index(None, "ledger", "state", "created_at", "id"),
        Index(None, "applicant", "state", "created_at", "id"),
    )

    id: str = Field(primary_key=True, max_length=_CASE)
    ledger: str = Field(max_length=_NAME)
    target_period: str = Field(max_length=7)
    applicant: str = Field(max_length=_NAME)
    request: JsonValue = Field(sa_type=Document)
    """The whole request, as `UncloseRequest` in canonical JSON."""
    state: str = Field(max_length=32)
    waiting_for: JsonValue = Field(sa_type=Document)
    digest: str | None = Field(max_length=_DIGEST)
    risk: str | None = Field(max_length=16)
    clock_a_ms: int | None = Field(sa_type=BigInteger)
    clock_b_ms: int | None = Field(sa_type=BigInteger)
    last_seq: int
    """Number of the newest event on record: what makes recording twice recording once."""
    head_digest: str = Field(max_length=_DIGEST)
    """Digest of that event: the end of the case's chain."""
    created_at: datetime = Field(sa_type=UTCDateTime)
    updated_at: datetime = Field(sa_type=UTCDateTime)


class CaseWordsRow(Row, table=True):
    """What a plain search looks through. Counted in the order in which cases came on record."""

    __tablename__ = "case_words"
    __table_args__ = (UniqueConstraint("case_id"),)

    n: int | None = Field(default=None, primary_key=True)
    case_id: str = Field(max_length=_CASE, foreign_key="cases.id")
    spaced: str = Field(sa_type=Text)
    """Words and single Chinese characters, as `service/searching.py` divides them."""


class CaseEventRow(Row, table=True):
    """One thing that happened. Appended, never changed."""

    __tablename__ = "case_events"

    case_id: str = _case_key()
    seq: int = Field(primary_key=True)
    at: datetime = Field(sa_type=UTCDateTime)
    actor: str = Field(max_length=_NAME)
    on_behalf_of: str | None = Field(max_length=_NAME)
    kind: str = Field(max_length=32)
    data: JsonValue = Field(sa_type=Document)
    digest_of_previous: str = Field(max_length=_DIGEST)


class CasePartRow(Row, table=True):
    """A part of a case as it became known: plan, findings, chain, clocks, proofs, evidence, …"""

    __tablename__ = "case_parts"

    case_id: str = _case_key()
    name: str = Field(primary_key=True, max_length=32)
    value: JsonValue = Field(sa_type=Document)


class CaseWaitRow(Row, table=True):
    """Whom a case waits for; repeats the case's time so that one index answers a page."""

    __tablename__ = "case_waits"
    __table_args__ = (Index(None, "who", "created_at", "case_id"),)

    case_id: str = _case_key()
    who: str = Field(primary_key=True, max_length=_NAME)
    created_at: datetime = Field(sa_type=UTCDateTime)


class TaskRow(Row, table=True):
    """Something people are, or were, asked to do."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index(None, "opened_at", "id"),
        Index(None, "state", "opened_at", "id"),
        Index(None, "kind", "state", "opened_at", "id"),
        Index(None, "case_id"),
    )

    id: str = Field(primary_key=True, max_length=_NAME)
    case_id: str = Field(max_length=_CASE, foreign_key="cases.id")
    kind: str = Field(max_length=32)
    name: str = Field(max_length=_NAME)
    groups: JsonValue = Field(sa_type=Document)
    persons: JsonValue = Field(sa_type=Document)
    actions: JsonValue = Field(sa_type=Document)
    digest: str | None = Field(max_length=_DIGEST)
    opened_at: datetime = Field(sa_type=UTCDateTime)
    due: datetime | None = Field(sa_type=UTCDateTime)
    expires: datetime | None = Field(sa_type=UTCDateTime)
    cc: JsonValue = Field(sa_type=Document)
    state: str = Field(max_length=8)
    """`open` or `closed`."""
    outcome: str | None = Field(max_length=_NAME)
    closed_by: str | None = Field(max_length=_NAME)
    closed_at: datetime | None = Field(sa_type=UTCDateTime)


class TaskHolderRow(Row, table=True):
    """Who may act on a task: persons by name, or a whole group as `group:finance`.

    Repeats the task's time and state, so that one index answers a page of somebody's inbox.
    """

    __tablename__ = "task_holders"
    __table_args__ = (Index(None, "holder", "state", "opened_at", "task_id"),)

    task_id: str = Field(primary_key=True, max_length=_NAME, sa_column_args=[ForeignKey("tasks.id")])
    holder: str = Field(primary_key=True, max_length=_NAME)
    state: str = Field(max_length=8)
    opened_at: datetime = Field(sa_type=UTCDateTime)


class DecisionRow(Row, table=True):
    """One person's consent or refusal, taken from the events. Void once a drift has undone it."""

    __tablename__ = "decisions"

    case_id: str = _case_key()
    seq: int = Field(primary_key=True)
    kind: str = Field(max_length=16)
    """`approval` or `authorisation`."""
    task: str = Field(max_length=_NAME)
    level: int | None
    name: str | None = Field(max_length=_NAME)
    person: str = Field(max_length=_NAME)
    on_behalf_of: str | None = Field(max_length=_NAME)
    group: str = Field(max_length=32)
    answer: str = Field(max_length=16)
    digest: str = Field(max_length=_DIGEST)
    comment: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UTCDateTime)
    void: bool


class BackupRow(Row, table=True):
    """One backup, written by the worker that took it. What was taken never changes; what it is worth does."""

    __tablename__ = "backups"
    __table_args__ = (
        Index(None, "case_id"),
        Index(None, "ledger", "taken_at", "id"),
        Index(None, "taken_at", "id"),
    )

    id: str = Field(primary_key=True, max_length=_NAME)
    case_id: str | None = Field(max_length=_CASE, foreign_key="cases.id")
    """None for a snapshot."""
    ledger: str = Field(max_length=_NAME)
    point: str = Field(max_length=8)
    engine: str = Field(max_length=16)
    location: str = Field(sa_type=Text)
    raw_bytes: int = Field(sa_type=BigInteger)
    stored_bytes: int = Field(sa_type=BigInteger)
    sha256: str = Field(max_length=_DIGEST)
    manifest_sha256: str = Field(max_length=_DIGEST)
    encrypted_to: JsonValue = Field(sa_type=Document)
    root: str = Field(max_length=_DIGEST)
    started_at: datetime = Field(sa_type=UTCDateTime)
    taken_at: datetime = Field(sa_type=UTCDateTime)
    milliseconds: int = Field(sa_type=BigInteger)
    state: str = Field(max_length=16)
    restore_milliseconds: int | None = Field(sa_type=BigInteger)
    tested_at: datetime | None = Field(sa_type=UTCDateTime)
    reason: str = Field(sa_type=Text)
    kept_because: str = Field(sa_type=Text)


class BackupEventRow(Row, table=True):
    """One act on a backup: tested, extracted from, restored, deleted. Appended, never changed."""

    __tablename__ = "backup_events"

    backup_id: str = Field(primary_key=True, max_length=_NAME, sa_column_args=[ForeignKey("backups.id")])
    key: str = Field(primary_key=True, max_length=_NAME)
    act: str = Field(max_length=16)
    actor: str = Field(max_length=_NAME)
    at: datetime = Field(sa_type=UTCDateTime)
    data: JsonValue = Field(sa_type=Document)


class LeaseRow(Row, table=True):
    """Who holds a ledger. The row stays when it is given back, so that the fence rises for ever."""

    __tablename__ = "leases"

    ledger: str = Field(primary_key=True, max_length=_NAME)
    holder: str | None = Field(max_length=_CASE)
    fence: int = Field(sa_type=BigInteger)
    taken_at: datetime | None = Field(sa_type=UTCDateTime)


class NumberRow(Row, table=True):
    """The last case number given in a year; numbers have no gaps."""

    __tablename__ = "case_numbers"

    year: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    last: int


class PolicyRow(Row, table=True):
    """One version of a ledger's approval policy. Rows are only added; the newest is in force."""

    __tablename__ = "policies"

    ledger: str = Field(primary_key=True, max_length=_NAME)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    text: str = Field(sa_type=Text)
    """The TOML as it was given."""
    sha256: str = Field(max_length=_DIGEST)
    author: str = Field(max_length=_NAME)
    comment: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UTCDateTime)


class IntakeRow(Row, table=True):
    """A number given to a request, before and after its workflow has started."""

    __tablename__ = "intake"
    __table_args__ = (
        UniqueConstraint("person", "key"),
        # Only those whose key is still remembered: few, however many requests there are.
        Index("ix_intake_remembered", "accepted_at", sqlite_where=_REMEMBERED, postgresql_where=_REMEMBERED),
    )

    number: str = Field(primary_key=True, max_length=_CASE)
    person: str = Field(max_length=_NAME)
    key: str | None = Field(max_length=255)
    """The caller's Idempotency-Key."""
    fingerprint: str = Field(max_length=_DIGEST)
    request: JsonValue = Field(sa_type=Document)
    accepted_at: datetime = Field(sa_type=UTCDateTime)
    void: bool
    """Nothing was taken: the workflow engine could not be reached. The number stays accounted for."""


class AnswerRow(Row, table=True):
    """What an act under an Idempotency-Key was answered."""

    __tablename__ = "idempotency"
    __table_args__ = (Index(None, "created_at"),)

    person: str = Field(primary_key=True, max_length=_NAME)
    key: str = Field(primary_key=True, max_length=255)
    fingerprint: str = Field(max_length=_DIGEST)
    status: int | None
    """None while the first call is under way."""
    body: JsonValue = Field(sa_type=Document)
    created_at: datetime = Field(sa_type=UTCDateTime)


class UserRow(Row, table=True):
    """A person or a service account, and who keeps their groups."""

    __tablename__ = "users"

    name: str = Field(primary_key=True, max_length=_NAME)
    display_name: str = Field(max_length=200)
    kind: str = Field(max_length=8)
    """`person` or `service`."""
    source: str = Field(max_length=8)
    """Who says which groups: `register` (administrators) or `oidc` (the provider, at each sign-in)."""
    active: bool
    subject: str | None = Field(max_length=64, unique=True)
    """Digest of who this is to the provider, from the first sign-in on: names may be given out again."""
    updated_at: datetime = Field(sa_type=UTCDateTime)


class UserGroupRow(Row, table=True):
    """One membership."""

    __tablename__ = "user_groups"

    group: str = Field(primary_key=True, max_length=32)
    user: str = Field(
        primary_key=True, max_length=_NAME, index=True, sa_column_args=[ForeignKey("users.name")]
    )


class TokenRow(Row, table=True):
    """An API token. Only its SHA-256 is here: the token itself is shown once and kept by nobody."""

    __tablename__ = "api_tokens"

    id: str = Field(primary_key=True, max_length=32)
    call: str | None = Field(max_length=_DIGEST, unique=True)
    """The call under an Idempotency-Key that made it: the same call makes no second one."""
    user: str = Field(max_length=_NAME, index=True)
    label: str = Field(max_length=200)
    sha256: str = Field(max_length=_DIGEST)
    scopes: JsonValue = Field(sa_type=Document)
    created_at: datetime = Field(sa_type=UTCDateTime)
    created_by: str = Field(max_length=_NAME)
    expires_at: datetime = Field(sa_type=UTCDateTime)
    revoked_at: datetime | None = Field(sa_type=UTCDateTime)
    revoked_by: str | None = Field(max_length=_NAME)
    last_used_at: datetime | None = Field(sa_type=UTCDateTime)
    """Within the hour."""


class DelegationRow(Row, table=True):
    """One person acting for another for a time. Never deleted: what was decided under it stays explained."""

    __tablename__ = "delegations"

    id: int | None = Field(default=None, primary_key=True)
    call: str | None = Field(max_length=_DIGEST, unique=True)
    """The call under an Idempotency-Key that made it."""
    principal: str = Field(max_length=_NAME, index=True)
    delegate: str = Field(max_length=_NAME, index=True)
    starts: datetime = Field(sa_type=UTCDateTime)
    ends: datetime = Field(sa_type=UTCDateTime)
    ledger: str | None = Field(max_length=_NAME)
    reason: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UTCDateTime)
    created_by: str = Field(max_length=_NAME)
    revoked_at: datetime | None = Field(sa_type=UTCDateTime)
    revoked_by: str | None = Field(max_length=_NAME)


class AdminEventRow(Row, table=True):
    """One change to users, tokens or delegations. Appended, never changed."""

    __tablename__ = "admin_events"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UTCDateTime)
    actor: str = Field(max_length=_NAME)
    on_behalf_of: str | None = Field(max_length=_NAME)
    kind: str = Field(max_length=32)
    subject: str = Field(max_length=_NAME)
    """Name of the user, or id of the token or delegation, that it is about."""
    data: JsonValue = Field(sa_type=Document)


def table_of(row: type[Row]) -> Table:
    """The table behind a row class, for statements that write many rows at once."""
    return cast(Table, row.__table__)  # type: ignore[attr-defined]  # SQLModel adds it at run time


cases = table_of(CaseRow)
case_words = table_of(CaseWordsRow)
case_events = table_of(CaseEventRow)
case_parts = table_of(CasePartRow)
case_waits = table_of(CaseWaitRow)
tasks = table_of(TaskRow)
task_holders = table_of(TaskHolderRow)
decisions = table_of(DecisionRow)
backups = table_of(BackupRow)
backup_events = table_of(BackupEventRow)
leases = table_of(LeaseRow)
case_numbers = table_of(NumberRow)
policies = table_of(PolicyRow)
intake = table_of(IntakeRow)
idempotency = table_of(AnswerRow)
users = table_of(UserRow)
user_groups = table_of(UserGroupRow)
api_tokens = table_of(TokenRow)
delegations = table_of(DelegationRow)
admin_events = table_of(AdminEventRow)
