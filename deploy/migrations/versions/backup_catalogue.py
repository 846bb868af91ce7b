"""The catalogue of backups: written by the worker that takes them, snapshots included; and acts on backups.

The table was a projection of events before. Copies of that time lie in another format that nothing restores
any more; what was said of them stays in the events of their cases.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "backup_catalogue"
down_revision: str | None = "0002_idempotency_keys"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.drop_table("backups")
    op.create_table(
        "backups",
        sa.Column("id", sa.String(length=120), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=True),
        sa.Column("ledger", sa.String(length=120), nullable=False),
        sa.Column("point", sa.String(length=8), nullable=False),
        sa.Column("engine", sa.String(length=16), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("raw_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.Column("encrypted_to", _DOCUMENT, nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("restore_milliseconds", sa.BigInteger(), nullable=True),
        sa.Column("tested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kept_because", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_backups_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
    )
    op.create_index(op.f("ix_backups_case_id"), "backups", ["case_id"])
    op.create_index(op.f("ix_backups_ledger_taken_at_id"), "backups", ["ledger", "taken_at", "id"])
    op.create_index(op.f("ix_backups_taken_at_id"), "backups", ["taken_at", "id"])
    op.create_table(
        "backup_events",
        sa.Column("backup_id", sa.String(length=120), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", _DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["backup_id"], ["backups.id"], name=op.f("fk_backup_events_backup_id_backups")
        ),
        sa.PrimaryKeyConstraint("backup_id", "key", name=op.f("pk_backup_events")),
    )


def downgrade() -> None:
    op.drop_table("backup_events")
    op.drop_table("backups")
    op.create_table(
        "backups",
        sa.Column("id", sa.String(length=120), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("ledger", sa.String(length=120), nullable=False),
        sa.Column("point", sa.String(length=8), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("restore_milliseconds", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_backups_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
    )
    op.create_index(op.f("ix_backups_case_id"), "backups", ["case_id"])
    op.create_index(op.f("ix_backups_ledger_taken_at"), "backups", ["ledger", "taken_at"])
