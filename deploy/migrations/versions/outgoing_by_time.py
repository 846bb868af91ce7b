"""Deliveries out are listed by time."""

from collections.abc import Sequence

from alembic import op

revision: str = "outgoing_by_time"
down_revision: str | None = "subscriptions"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NAME = "ix_outgoing_created_at_id"


def upgrade() -> None:
    op.create_index(op.f(_NAME), "outgoing", ["created_at", "id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f(_NAME), "outgoing")
