"""Reports of cases: which have been made, and under which digest they are stored."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "case_reports"
down_revision: str | None = "audit_trail"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "case_reports",
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("format", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("is_signed", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_reports_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", "language", name=op.f("pk_case_reports")),
    )


def downgrade() -> None:
    op.drop_table("case_reports")
