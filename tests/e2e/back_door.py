"""The way into the demo ledger that its rules forbid: straight into the database, triggers set aside."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def back_door(data_dir: Path, table: str) -> Iterator[sqlite3.Connection]:
    """Change rows of one table as if it had no rules; its triggers stand again afterwards."""
    with closing(sqlite3.connect(data_dir / "demo.sqlite", timeout=30, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        wanted = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
        triggers = db.execute(wanted, (table,)).fetchall()
        for name, _ in triggers:
            db.execute(f'DROP TRIGGER "{name}"')
        yield db
        for _, sql in triggers:
            db.execute(sql)
        db.execute("COMMIT")
