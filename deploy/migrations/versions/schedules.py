"""Schedules: what people have said of them, and how their runs ended."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "schedules"
down_revision: str | None = "outbox"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("timetable", _DOCUMENT, nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(length=120), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedules")),
    )
    op.create_table(
        "schedule_runs",
        sa.Column("run", sa.String(length=200), nullable=False),
        sa.Column("schedule", sa.String(length=120), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("facts", _DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("run", name=op.f("pk_schedule_runs")),
    )
    op.create_index(
        op.f("ix_schedule_runs_schedule_ended_at_run"), "schedule_runs", ["schedule", "ended_at", "run"]
    )


def downgrade() -> None:
    op.drop_table("schedule_runs")
    op.drop_table("schedules")
