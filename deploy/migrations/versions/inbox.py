"""The inbox: deliveries as they came, and how many were refused."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "inbox"
down_revision: str | None = "case_reports"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_OPEN = sa.text("state = 'new'")


def upgrade() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("hook", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("delivery_id", sa.String(length=120), nullable=False),
        sa.Column("seal", sa.String(length=120), nullable=False),
        sa.Column("record", sa.String(length=120), nullable=True),
        sa.Column("moment", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(length=120), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("headers", _DOCUMENT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claim", sa.String(length=32), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("case_id", sa.String(length=32), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("problem", _DOCUMENT, nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("hook", "seal", name=op.f("uq_inbox_hook_seal")),
    )
    for name, columns in (("ix_inbox_due", ["due_at"]), ("ix_inbox_record", ["hook", "record"])):
        op.create_index(name, "inbox", columns, sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index(op.f("ix_inbox_received_at_id"), "inbox", ["received_at", "id"])
    op.create_index(op.f("ix_inbox_state_received_at_id"), "inbox", ["state", "received_at", "id"])
    op.create_table(
        "inbox_refused",
        sa.Column("hook", sa.String(length=120), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("fault", sa.String(length=16), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hook", "day", "fault", name=op.f("pk_inbox_refused")),
    )


def downgrade() -> None:
    op.drop_table("inbox_refused")
    op.drop_table("inbox")
