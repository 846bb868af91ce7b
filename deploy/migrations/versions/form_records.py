"""Form records in Jiandaoyun: the case of each, what has been dealt with, what its form shows."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "form_records"
down_revision: str | None = "schedules"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "form_records",
        sa.Column("app_id", sa.String(length=64), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=64), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dealt_with", sa.String(length=64), nullable=True),
        sa.Column("holds", sa.String(length=64), nullable=True),
        sa.Column("case_id", sa.String(length=32), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("shown", _DOCUMENT, nullable=False),
        sa.Column("shown_seq", sa.Integer(), nullable=False),
        sa.Column("files", _DOCUMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("shown_version", sa.Integer(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("app_id", "entry_id", "record_id", name=op.f("pk_form_records")),
    )
    op.create_index(op.f("ix_form_records_case_id"), "form_records", ["case_id"])
    op.create_index(
        op.f("ix_form_records_settled_claimed_until"), "form_records", ["settled", "claimed_until"]
    )
    op.create_table(
        "form_polls",
        sa.Column("app_id", sa.String(length=64), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("polled_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "entry_id", name=op.f("pk_form_polls")),
    )


def downgrade() -> None:
    op.drop_table("form_polls")
    op.drop_table("form_records")
