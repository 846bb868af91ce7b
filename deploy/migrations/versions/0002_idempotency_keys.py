"""Idempotency-Keys are forgotten after some time: indexes by which the old ones are found."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002_idempotency_keys"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_REMEMBERED = sa.text("key IS NOT NULL")


def upgrade() -> None:
    op.create_index(op.f("ix_idempotency_created_at"), "idempotency", ["created_at"])
    op.create_index(
        "ix_intake_remembered",
        "intake",
        ["accepted_at"],
        sqlite_where=_REMEMBERED,
        postgresql_where=_REMEMBERED,
    )


def downgrade() -> None:
    op.drop_index("ix_intake_remembered", table_name="intake")
    op.drop_index(op.f("ix_idempotency_created_at"), table_name="idempotency")
