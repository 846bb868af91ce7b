"""The archive: ended cases with the words they are found by, root causes, legal holds."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "archive"
down_revision: str | None = "standing_tasks"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_WORDS = sa.Text().with_variant(postgresql.TSVECTOR(), "postgresql")
_FINAL = ("completed", "checks_failed", "rejected", "withdrawn", "expired", "rolled_back")


def upgrade() -> None:
    _archived_cases()
    _pieces()
    _causes_and_holds()
    _put_away_what_has_ended()


def _archived_cases() -> None:
    op.create_table(
        "archived_cases",
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("ledger", sa.String(length=120), nullable=False),
        sa.Column("target_period", sa.String(length=7), nullable=False),
        sa.Column("applicant", sa.String(length=120), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("reason_code", sa.String(length=32), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=True),
        sa.Column("cause_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("marks", sa.Integer(), nullable=False),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_archived_cases_case_id_cases")),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_archived_cases")),
        sa.UniqueConstraint("case_id", name=op.f("uq_archived_cases_case_id")),
    )
    for columns in (
        ("pending", "n"),
        ("ledger", "n"),
        ("outcome", "n"),
        ("cause", "n"),
        ("cause", "cause_due", "case_id"),
        ("ledger", "ended_at"),
    ):
        op.create_index(op.f(f"ix_archived_cases_{'_'.join(columns)}"), "archived_cases", list(columns))
    for table, column, length in (("archive_people", "person", 120), ("archive_modules", "module", 32)):
        op.create_table(
            table,
            sa.Column(column, sa.String(length=length), nullable=False),
            sa.Column("case_n", sa.Integer(), nullable=False),
            sa.ForeignKeyConstraint(
                ["case_n"], ["archived_cases.n"], name=op.f(f"fk_{table}_case_n_archived_cases")
            ),
            sa.PrimaryKeyConstraint(column, "case_n", name=op.f(f"pk_{table}")),
        )
    op.create_table(
        "archive_texts",
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_archive_texts_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", "name", name=op.f("pk_archive_texts")),
    )


def _pieces() -> None:
    op.create_table(
        "archive_pieces",
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("case_n", sa.Integer(), nullable=False),
        sa.Column("big", sa.Boolean(), nullable=False),
        sa.Column("lines", _DOCUMENT, nullable=False),
        sa.Column("words", _WORDS, nullable=False),
        sa.ForeignKeyConstraint(
            ["case_n"], ["archived_cases.n"], name=op.f("fk_archive_pieces_case_n_archived_cases")
        ),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_archive_pieces")),
    )
    op.create_index(op.f("ix_archive_pieces_case_n"), "archive_pieces", ["case_n"])
    for index, is_big in (("archive_index", False), ("archive_big_index", True)):
        if op.get_bind().dialect.name == "sqlite":
            _index_on_sqlite(index, is_big)
        else:
            condition = "big" if is_big else "NOT big"
            op.execute(f"CREATE INDEX {index} ON archive_pieces USING gin (words) WHERE {condition}")


def _index_on_sqlite(index: str, is_big: bool) -> None:
    op.execute(
        f"CREATE VIRTUAL TABLE {index} USING fts5"
        "(words, content='archive_pieces', content_rowid='n', tokenize='ascii')"
    )
    add = f"INSERT INTO {index}(rowid, words) VALUES (new.n, new.words)"  # noqa: S608  # our own names
    remove = f"INSERT INTO {index}({index}, rowid, words) VALUES ('delete', old.n, old.words)"  # noqa: S608
    for name, act, row, does in (("added", "INSERT", "new", add), ("removed", "DELETE", "old", remove)):
        op.execute(
            f"CREATE TRIGGER {index}_{name} AFTER {act} ON archive_pieces"
            f" WHEN {row}.big = {int(is_big)} BEGIN {does}; END"
        )


def _causes_and_holds() -> None:
    op.create_table(
        "root_causes",
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("ledger", sa.String(length=120), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=False),
        sa.Column("zh", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("on_behalf_of", sa.String(length=120), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_root_causes_case_id_cases")),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_root_causes")),
    )
    op.create_index(op.f("ix_root_causes_case_id_n"), "root_causes", ["case_id", "n"])
    op.create_index(op.f("ix_root_causes_ledger_cause"), "root_causes", ["ledger", "cause"])
    op.create_table(
        "legal_holds",
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.String(length=120), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lift_reason", sa.Text(), nullable=True),
        sa.Column("lifted_by", sa.String(length=120), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_legal_holds")),
    )
    op.create_index(op.f("ix_legal_holds_case_id"), "legal_holds", ["case_id"])


def _put_away_what_has_ended() -> None:
    """What ended before there was an archive is put into it as well; its text follows when a worker runs."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    reason = "json_extract(request, '$.reason_code')" if is_sqlite else "request ->> 'reason_code'"
    finals = ", ".join(f"'{state}'" for state in _FINAL)
    op.execute(
        "INSERT INTO archived_cases (case_id, ledger, target_period, applicant, outcome, reason_code,"  # noqa: S608  # our own words
        " accepted_at, ended_at, marks, pending)"
        f" SELECT id, ledger, target_period, applicant, state, {reason}, created_at, updated_at, 1, true"
        f" FROM cases WHERE state IN ({finals}) ORDER BY updated_at, id"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE archive_index")
        op.execute("DROP TABLE archive_big_index")
    for table in (
        "legal_holds",
        "root_causes",
        "archive_pieces",
        "archive_texts",
        "archive_modules",
        "archive_people",
        "archived_cases",
    ):
        op.drop_table(table)
