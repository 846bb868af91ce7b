"""Root causes, reports and versions of policies are only added to: the database refuses everything else."""

from collections.abc import Sequence

from alembic import op

revision: str = "told_rows"
down_revision: str | None = "delivery_bodies"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KEYS = {"root_causes": ("n",), "case_reports": ("case_id", "language"), "policies": ("ledger", "number")}
"""What names a row in each."""

_TOLD_TWICE = ("case_reports",)
"""What may be written again by whoever was second: the first telling stays, without a word."""


def upgrade() -> None:
    for table, key in _KEYS.items():
        if not _is_sqlite():
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
            continue
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is only added to'); END"
        for act in ("UPDATE", "DELETE"):
            op.execute(f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} {refuse}")
        same = " AND ".join(f"{column} = new.{column}" for column in key)
        there = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608  # names of our own
        twice = "BEGIN SELECT RAISE(IGNORE); END" if table in _TOLD_TWICE else refuse
        op.execute(f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {there} {twice}")


def downgrade() -> None:
    for table in _KEYS:
        if _is_sqlite():
            for act in ("update", "delete", "replace"):
                op.execute(f"DROP TRIGGER {table}_no_{act}")
        else:
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
