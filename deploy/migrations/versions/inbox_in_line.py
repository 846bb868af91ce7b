"""What is due in the inbox, and what stands before it, are found by indexes that begin with the state.

SQLite prefers any index that has the state in it over one that only exists for new deliveries. It then read
every open delivery once for each other one, with the one writer in hand: ten seconds for two thousand.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "inbox_in_line"
down_revision: str | None = "form_mirrors"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NEW = sa.text("state = 'new'")
_BEFORE = {"ix_inbox_due": ["due_at"], "ix_inbox_record": ["hook", "record"]}
_NOW = {"ix_inbox_due": ["state", "due_at", "id"], "ix_inbox_record": ["state", "hook", "record"]}


def upgrade() -> None:
    _replace(_NOW)


def downgrade() -> None:
    _replace(_BEFORE)


def _replace(indexes: dict[str, list[str]]) -> None:
    for name, columns in indexes.items():
        op.drop_index(name, "inbox")
        op.create_index(op.f(name), "inbox", columns, unique=False, sqlite_where=_NEW, postgresql_where=_NEW)
