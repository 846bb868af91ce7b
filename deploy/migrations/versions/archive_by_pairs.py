"""The archive knows pairs of words and where they stand, and tries again what it could not read."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "archive_by_pairs"
down_revision: str | None = "told_rows"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


_LINES = ("told", "plain", "places")
_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    for column in _LINES:
        op.add_column("archive_pieces", sa.Column(column, sa.Text(), server_default="", nullable=False))
    op.drop_column("archive_pieces", "lines")
    op.add_column("archived_cases", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("archived_cases", sa.Column("not_before", sa.DateTime(timezone=True), nullable=True))
    # Every case is divided anew by the next worker. Until then it counts as pending: it is found without
    # highlights, and on PostgreSQL by single words only.
    op.execute("UPDATE archived_cases SET pending = true, marks = marks + 1")


def downgrade() -> None:
    op.drop_column("archived_cases", "not_before")
    op.drop_column("archived_cases", "failures")
    op.add_column("archive_pieces", sa.Column("lines", _DOCUMENT, server_default="[]", nullable=False))
    for column in _LINES:
        op.drop_column("archive_pieces", column)
