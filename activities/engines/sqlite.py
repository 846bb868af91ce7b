"""Copies of an SQLite database by its online backup; a scratch database is a file."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from activities.engines.copies import Ask, Sink
from workflows.domain.errors import BackupUnproven, LedgerUnavailable, NoRoom

WAIT_SECONDS = 5.0
"""How long a transaction waits for another one's lock."""
_PAGES = 4096
"""Pages copied between two looks at who else wants the database."""
_SIDE_FILES = ("-wal", "-shm", "-journal")


class SQLiteCopies:
    """Implements `Copies` for one file."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError as error:
            raise LedgerUnavailable(self.path.name, error.strerror or str(error)) from error

    @contextmanager
    def reading(self, folder: Path) -> Iterator[BinaryIO]:
        draft = folder / f".{self.path.name}.copying"
        try:
            with _failures(self.path.name, folder):
                copy(self.path, draft)
            with draft.open("rb") as stream:
                yield stream
        finally:
            _remove(draft)

    def scratch(self, folder: Path, name: str) -> str:
        return str(folder / f"{name}.sqlite")

    @contextmanager
    def receiving(self, place: str) -> Iterator[Sink]:
        target = Path(place)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{target.name}.draft")
        self.remove(place)
        try:
            with _failures(target.name, target.parent), draft.open("wb") as file:
                yield file
            draft.replace(target)
        finally:
            _remove(draft)

    def check(self, place: str) -> None:
        check(Path(place))

    def exists(self, place: str) -> bool:
        return Path(place).exists()

    def remove(self, place: str) -> None:
        _remove(Path(place))

    def put_in_place(self, place: str, beside: str, still_mine: Ask) -> None:
        """The live file is written over in one transaction of SQLite's own, never renamed.

        Other processes have it open, and its write-ahead log belongs to its name: a file moved to that name
        would be read with a log that is not its own.
        """
        kept = self.path.with_name(f"{self.path.name}.{beside}")
        if not kept.exists():
            draft = kept.with_name(f"{kept.name}.draft")
            with _failures(self.path.name, kept.parent):
                copy(self.path, draft)
                draft.replace(kept)
        with _failures(self.path.name, self.path.parent):
            _write_over(Path(place), self.path, still_mine)


def copy(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment; readers and writers go on meanwhile."""
    _remove(target)
    with closing(_open(source)) as old:
        # The open reading transaction pins one moment: the copy is of it, and is never begun anew.
        old.execute("BEGIN")
        old.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(target)) as new:
            # What has not come to its end is thrown away, so nothing need be made safe before that.
            new.execute("PRAGMA synchronous = OFF")
            old.backup(new, pages=_PAGES)
            new.execute("PRAGMA journal_mode = DELETE")
    _sync(target)


def check(path: Path) -> None:
    """Raises BackupUnproven unless SQLite finds every page, index and key of the file sound."""
    try:
        with closing(_open(path)) as db:
            found = [str(row[0]) for row in db.execute("PRAGMA integrity_check")]
            found += [
                f"{row[0]} refers to a missing {row[2]}" for row in db.execute("PRAGMA foreign_key_check")
            ]
    except sqlite3.Error as error:
        raise BackupUnproven(path.name, str(error)) from error
    if found != ["ok"]:
        raise BackupUnproven(path.name, "; ".join(found[:3]))


def _write_over(source: Path, target: Path, still_mine: Ask) -> None:
    asked = False

    def ask(_status: int, remaining: int, _total: int) -> None:
        # From the first page on SQLite holds the lock of the one writer: what is true now stays true.
        nonlocal asked
        if not asked and remaining:
            still_mine(lambda statement: live.execute(statement).fetchall())
            asked = True

    with (
        closing(sqlite3.connect(source)) as old,
        closing(sqlite3.connect(target, timeout=WAIT_SECONDS)) as new,
        closing(_open(target)) as live,
    ):
        pages = int(old.execute("PRAGMA page_count").fetchone()[0])
        old.backup(new, pages=max(1, min(_PAGES, pages // 2)), progress=ask)


def _open(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=WAIT_SECONDS, isolation_level=None)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    for name in (path, *(path.with_name(path.name + suffix) for suffix in _SIDE_FILES)):
        name.unlink(missing_ok=True)


@contextmanager
def _failures(name: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise NoRoom(str(folder)) from error
        raise LedgerUnavailable(name, str(error)) from error
    except sqlite3.DatabaseError as error:
        raise LedgerUnavailable(name, str(error)) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoom(str(folder)) from error
        raise
