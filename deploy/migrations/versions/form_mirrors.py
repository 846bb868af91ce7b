"""Decisions that are shown to the workflow of a form record: which task each answers, and what came of it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "form_mirrors"
down_revision: str | None = "archive_by_pairs"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "form_mirrors",
        sa.Column("delivery", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=120), nullable=False),
        sa.Column("answer", sa.String(length=16), nullable=False),
        sa.Column("username", sa.String(length=120), nullable=True),
        sa.Column("task_id", sa.String(length=64), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("delivery", name=op.f("pk_form_mirrors")),
    )
    op.create_index(op.f("ix_form_mirrors_case_id_seq"), "form_mirrors", ["case_id", "seq"])
    op.create_index(op.f("ix_form_mirrors_record_id"), "form_mirrors", ["record_id"])


def downgrade() -> None:
    op.drop_table("form_mirrors")
