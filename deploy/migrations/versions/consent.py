"""Consent: versions of approval policies; when a task expires, and who is told of it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "consent"
down_revision: str | None = "flat_reads"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "policies",
        sa.Column("ledger", sa.String(length=120), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("author", sa.String(length=120), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("ledger", "number", name=op.f("pk_policies")),
    )
    document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    with op.batch_alter_table("tasks") as tasks:
        tasks.add_column(sa.Column("expires", sa.DateTime(timezone=True), nullable=True))
        tasks.add_column(sa.Column("cc", document, nullable=False, server_default="[]"))
    with op.batch_alter_table("tasks") as tasks:
        tasks.alter_column("cc", server_default=None)
    if op.get_bind().dialect.name == "sqlite":
        # A request that is resubmitted otherwise is found by its new words.
        op.execute(
            "CREATE TRIGGER case_words_changed AFTER UPDATE ON case_words BEGIN"
            " INSERT INTO case_words_index(case_words_index, rowid, spaced)"
            " VALUES ('delete', old.n, old.spaced);"
            " INSERT INTO case_words_index(rowid, spaced) VALUES (new.n, new.spaced); END"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER case_words_changed")
    with op.batch_alter_table("tasks") as tasks:
        tasks.drop_column("cc")
        tasks.drop_column("expires")
    op.drop_table("policies")
