"""Standing tasks, which belong to no case, and what the back-door watch knows of each ledger."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "standing_tasks"
down_revision: str | None = "inbox"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_OPEN = sa.text("state = 'open'")
_INDEXES = (("opened_at", "id"), ("state", "opened_at", "id"), ("owner", "state", "opened_at", "id"))


def upgrade() -> None:
    op.create_table(
        "standing_tasks",
        sa.Column("id", sa.String(length=120), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("raised_by", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("ledger", sa.String(length=120), nullable=True),
        sa.Column("facts", _DOCUMENT, nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("closed_by", sa.String(length=120), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing_tasks")),
    )
    for columns in _INDEXES:
        op.create_index(op.f(f"ix_standing_tasks_{'_'.join(columns)}"), "standing_tasks", list(columns))
    op.create_index(
        "uq_standing_tasks_open",
        "standing_tasks",
        ["subject"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_table(
        "watched_ledgers",
        sa.Column("ledger", sa.String(length=120), nullable=False),
        sa.Column("run", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.String(length=120), nullable=False),
        sa.Column("sighting", _DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("ledger", name=op.f("pk_watched_ledgers")),
    )


def downgrade() -> None:
    op.drop_table("watched_ledgers")
    op.drop_table("standing_tasks")
