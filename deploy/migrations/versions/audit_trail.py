"""The audit trail: imprints, attachments, one chain of audit events, checkpoints, packages; append-only."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "audit_trail"
down_revision: str | None = "form_records"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_AT = sa.DateTime(timezone=True)
_DIGEST = sa.String(length=64)
_NAME = sa.String(length=120)
_CASE = sa.String(length=32)

_KEYS = {
    "case_events": ("case_id", "seq"),
    "backup_events": ("backup_id", "key"),
    "admin_events": ("id",),
    "case_imprints": ("case_id", "seq"),
    "attachments": ("id",),
    "audit_events": ("n",),
    "checkpoints": ("n",),
    "checkpoint_heads": ("case_id", "checkpoint"),
    "checkpoint_stamps": ("checkpoint",),
    "evidence_packages": ("case_id",),
}
"""Tables that nobody may change or remove anything from, and what names a row in each."""

_OURS = tuple(_KEYS)[3:]
_TOLD_TWICE = ("backup_events", "case_imprints", "attachments", "checkpoint_stamps", "evidence_packages")
"""What may be written again by whoever repeats an act: the first telling stays, without a word."""


def upgrade() -> None:
    _create_chains()
    _create_checkpoints()
    _take_over_admin_events()
    for table, key in _KEYS.items():
        _refuse_changes(table, key)


def _create_chains() -> None:
    op.create_table(
        "case_imprints",
        sa.Column("case_id", _CASE, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head", _DIGEST, nullable=False),
        sa.Column("told", _DOCUMENT, nullable=False),
        sa.Column("digest_of_previous", _DIGEST, nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_imprints_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", "seq", name=op.f("pk_case_imprints")),
    )
    op.create_table(
        "attachments",
        sa.Column("id", _DIGEST, nullable=False),
        sa.Column("case_id", _CASE, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("media_type", _NAME, nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", _DIGEST, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("person", _NAME, nullable=False),
        sa.Column("on_behalf_of", _NAME, nullable=True),
        sa.Column("at", _AT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_attachments_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    op.create_index(op.f("ix_attachments_case_id_seq"), "attachments", ["case_id", "seq"])
    op.create_table(
        "audit_events",
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("actor", _NAME, nullable=False),
        sa.Column("on_behalf_of", _NAME, nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", _NAME, nullable=False),
        sa.Column("data", _DOCUMENT, nullable=False),
        sa.Column("digest_of_previous", _DIGEST, nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_audit_events")),
    )
    for column in ("kind", "actor", "subject"):
        op.create_index(op.f(f"ix_audit_events_{column}_n"), "audit_events", [column, "n"])
    op.create_table(
        "chain_heads",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_chain_heads")),
    )


def _create_checkpoints() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("public_key", _DIGEST, nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_checkpoints")),
    )
    op.create_table(
        "checkpoint_heads",
        sa.Column("case_id", _CASE, nullable=False),
        sa.Column("checkpoint", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head", _DIGEST, nullable=False),
        sa.Column("imprint", _DIGEST, nullable=True),
        sa.PrimaryKeyConstraint("case_id", "checkpoint", name=op.f("pk_checkpoint_heads")),
    )
    op.create_index(op.f("ix_checkpoint_heads_checkpoint"), "checkpoint_heads", ["checkpoint"])
    op.create_table(
        "checkpoint_stamps",
        sa.Column("checkpoint", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint"], ["checkpoints.n"], name=op.f("fk_checkpoint_stamps_checkpoint_checkpoints")
        ),
        sa.PrimaryKeyConstraint("checkpoint", name=op.f("pk_checkpoint_stamps")),
    )
    op.create_table(
        "evidence_packages",
        sa.Column("case_id", _CASE, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", _DIGEST, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_evidence_packages_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_evidence_packages")),
    )


# --------------------------------------------------------------------------- what is on record already


def _take_over_admin_events() -> None:
    """What administrators did so far becomes the beginning of the chain."""
    names = ("id", "at", "actor", "on_behalf_of", "kind", "subject")
    known = sa.table("admin_events", *map(sa.column, names), sa.column("data", _DOCUMENT))
    known.c.at.type = _AT
    audit = sa.table(
        "audit_events",
        *(sa.column(name) for name in ("n", "actor", "on_behalf_of", "kind", "subject")),
        sa.column("at", _AT),
        sa.column("data", _DOCUMENT),
        sa.column("digest_of_previous"),
        sa.column("digest"),
    )
    head, n = _sha256("audit"), 0
    for row in op.get_bind().execute(sa.select(known).order_by(known.c.id)).all():
        n += 1
        said: dict[str, Any] = {
            "n": n,
            "at": _utc(row.at).isoformat(),
            "actor": row.actor,
            "on_behalf_of": row.on_behalf_of,
            "kind": row.kind,
            "subject": row.subject,
            "data": {"admin_event": row.id, **row.data},
            "digest_of_previous": head,
        }
        head = _sha256(said)
        op.get_bind().execute(audit.insert(), {**said, "at": _utc(row.at), "digest": head})
    heads = sa.table("chain_heads", sa.column("name"), sa.column("n"), sa.column("digest"))
    op.get_bind().execute(heads.insert(), {"name": "audit", "n": n, "digest": head})


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _sha256(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# --------------------------------------------------------------------------- append-only


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _refuse_changes(table: str, key: Sequence[str]) -> None:
    if not _is_sqlite():
        op.execute(
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$"
            " BEGIN RAISE EXCEPTION '% is only added to', TG_TABLE_NAME"
            " USING ERRCODE = 'restrict_violation'; END $$"
        )
        # For each statement: it costs nothing where rows are added, and refuses what would touch no row, too.
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is only added to'); END"
    for act in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} {refuse}")
    # INSERT OR REPLACE would remove a row without asking the triggers above.
    same = " AND ".join(f"{column} = new.{column}" for column in key)
    there = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608  # names of our own
    twice = "BEGIN SELECT RAISE(IGNORE); END" if table in _TOLD_TWICE else refuse
    op.execute(f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {there} {twice}")


def _allow_changes(table: str) -> None:
    if _is_sqlite():
        for act in ("update", "delete", "replace"):
            op.execute(f"DROP TRIGGER {table}_no_{act}")
    else:
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")


def downgrade() -> None:
    for table in _KEYS:
        _allow_changes(table)
    if not _is_sqlite():
        op.execute("DROP FUNCTION refuse_change()")
    for table in (
        "chain_heads",
        "checkpoint_stamps",
        *(name for name in _OURS if name != "checkpoint_stamps"),
    ):
        op.drop_table(table)
