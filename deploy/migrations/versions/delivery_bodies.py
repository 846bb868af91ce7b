"""Bodies of ended deliveries are removed after a time; what they were is kept as a digest."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "delivery_bodies"
down_revision: str | None = "outgoing_by_time"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KEPT = sa.text("ended_at IS NOT NULL AND body_removed_at IS NULL")


def upgrade() -> None:
    for table in ("inbox", "outgoing"):
        op.add_column(table, sa.Column("body_sha256", sa.String(length=64), nullable=True))
        op.add_column(table, sa.Column("body_removed_at", sa.DateTime(timezone=True), nullable=True))
        op.create_index(f"ix_{table}_kept", table, ["ended_at"], sqlite_where=_KEPT, postgresql_where=_KEPT)


def downgrade() -> None:
    for table in ("inbox", "outgoing"):
        op.drop_index(f"ix_{table}_kept", table)
        op.drop_column(table, "body_removed_at")
        op.drop_column(table, "body_sha256")
