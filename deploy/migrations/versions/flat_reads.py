"""Reads that cost the same however many cases there are: words, inboxes, and filters that go together."""

import re
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "flat_reads"
down_revision: str | None = "people_and_tokens"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TOKEN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u9fff\uf900-\ufaff]+")
_INDEXES = (
    ("cases", ("ledger", "state", "created_at", "id")),
    ("cases", ("applicant", "state", "created_at", "id")),
    ("tasks", ("opened_at", "id")),
    ("tasks", ("kind", "state", "opened_at", "id")),
    ("task_holders", ("holder", "state", "opened_at", "task_id")),
)
_OF_TASK = (
    "UPDATE task_holders SET"
    " state = (SELECT tasks.state FROM tasks WHERE tasks.id = task_holders.task_id),"
    " opened_at = (SELECT tasks.opened_at FROM tasks WHERE tasks.id = task_holders.task_id)"
)


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def upgrade() -> None:
    _upgrade_words()
    op.add_column("task_holders", sa.Column("state", sa.String(length=8), nullable=True))
    op.add_column("task_holders", sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(_OF_TASK)
    with op.batch_alter_table("task_holders") as batch_op:
        batch_op.alter_column("state", existing_type=sa.String(length=8), nullable=False)
        batch_op.alter_column("opened_at", existing_type=sa.DateTime(timezone=True), nullable=False)
    for table, columns in _INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def _upgrade_words() -> None:
    words = op.create_table(
        "case_words",
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("spaced", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_words_case_id_cases")),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_case_words")),
        sa.UniqueConstraint("case_id", name=op.f("uq_case_words_case_id")),
    )
    if _is_sqlite():
        op.execute(
            "CREATE VIRTUAL TABLE case_words_index USING fts5"
            "(spaced, content='case_words', content_rowid='n', tokenize='unicode61')"
        )
        op.execute(
            "CREATE TRIGGER case_words_added AFTER INSERT ON case_words BEGIN"
            " INSERT INTO case_words_index(rowid, spaced) VALUES (new.n, new.spaced); END"
        )
    else:
        op.execute(
            "CREATE INDEX case_words_index ON case_words USING gin (to_tsvector('simple'::regconfig, spaced))"
        )
    old = sa.table("cases", sa.column("id"), sa.column("words"), sa.column("created_at"))
    known = op.get_bind().execute(sa.select(old.c.id, old.c.words).order_by(old.c.created_at, old.c.id)).all()
    rows = [{"case_id": row.id, "spaced": " ".join(_TOKEN.findall(row.words.lower()))} for row in known]
    op.bulk_insert(words, rows)
    op.drop_column("cases", "words")


def downgrade() -> None:
    for table, columns in reversed(_INDEXES):
        op.drop_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table_name=table)
    op.drop_column("task_holders", "opened_at")
    op.drop_column("task_holders", "state")
    op.add_column("cases", sa.Column("words", sa.Text(), nullable=False, server_default=""))
    op.execute(
        "UPDATE cases SET words ="
        " coalesce((SELECT spaced FROM case_words WHERE case_words.case_id = cases.id), '')"
    )
    if _is_sqlite():
        op.execute("DROP TABLE case_words_index")
    op.drop_table("case_words")
