"""Copies that SQL Server makes of its own databases: the statements, and what its catalogue says of them.

`BACKUP` may not run in a transaction: the driver is called directly, with autocommit, in a thread. The path
is the server's. Statements follow the vendor's documentation (R32 to R34).
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from workflows.domain.errors import BackupUnproven, LedgerUnavailable
from workflows.domain.foreign_backup import ForeignCopy

_LONGEST_NAME = 128
"""Characters of an identifier in SQL Server; QUOTENAME gives NULL for more."""
_PLAIN = re.compile(r"[A-Za-z0-9_]{1,64}")


class Cursor(Protocol):
    """What is used of a DB-API cursor."""

    messages: Sequence[tuple[Any, Any]]
    """What the server said beside its rows. Any: the driver's own classes."""

    def execute(self, statement: str, parameters: Sequence[object] = ...) -> object: ...

    def fetchall(self) -> Sequence[Sequence[Any]]: ...

    def nextset(self) -> object: ...


class Connection(Protocol):
    """What is used of a connection of python-tds, opened with autocommit."""

    def cursor(self) -> Cursor: ...


Connect = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class SQLServerCopies:
    """Makes and verifies full copies of one database without touching its owner's backup chain."""

    connect: Connect
    database: str
    folder: str
    r"""On the server, where its service account may write: `E:\backup`."""
    compress: bool = True
    """Not every edition can; then this is turned off."""
    error: type[Exception] = Exception
    """The driver's own root of errors."""

    def back_up(self, name: str) -> ForeignCopy:
        """Copy, let the server verify what it wrote, and read its catalogue's row.

        Raises:
            BackupUnproven: the server refused to call it good, or has no record of it.
            LedgerUnavailable: the server does not answer.
        """
        path = self.path(name)
        self._run(backup_statement(self.database, path, name, self.compress), name)
        self._run(verify_statement(path), name)
        for copy in self.catalogue():
            if copy.location == path:
                return copy
        raise BackupUnproven(name, "the server has no record of it in msdb")

    def path(self, name: str) -> str:
        """The file of a copy, made of checked names only."""
        return "\\".join((self.folder.rstrip("\\/"), f"{_file_name(self.database)}_{_file_name(name)}.bak"))

    def catalogue(self, newest: int = 20) -> tuple[ForeignCopy, ...]:
        """The newest copies of this database that the server knows, whoever made them. Newest first."""
        try:
            with self.connect() as connection:
                cursor = connection.cursor()
                cursor.execute(_CATALOGUE.format(newest=int(newest)), (self.database,))
                return tuple(_copy(row) for row in cursor.fetchall())
        except self.error as error:
            raise LedgerUnavailable(self.database, str(error)) from error

    def _run(self, statement: str, name: str) -> None:
        try:
            with self.connect() as connection:
                cursor = connection.cursor()
                cursor.execute(statement)
                # Closing before the last answer would abort the copy.
                while cursor.nextset():
                    continue
        except self.error as error:
            raise BackupUnproven(name, str(error)) from error


def backup_statement(database: str, path: str, name: str, compress: bool) -> str:
    """`COPY_ONLY` leaves the customer's chain alone; `CHECKSUM` verifies every page while it is read."""
    options = ["COPY_ONLY", "CHECKSUM", *(["COMPRESSION"] if compress else []), "FORMAT", "INIT"]
    options += [f"NAME = {quoted_text(name)}", "STATS = 10"]
    return f"BACKUP DATABASE {quoted_name(database)} TO DISK = {quoted_text(path)} WITH {', '.join(options)}"


def verify_statement(path: str) -> str:
    """Complete, readable, checksums right. It does not look at the structure of the data."""
    return f"RESTORE VERIFYONLY FROM DISK = {quoted_text(path)} WITH CHECKSUM"


def quoted_name(name: str) -> str:
    """As QUOTENAME does it. Raises ValueError for what is no identifier."""
    if not name or len(name) > _LONGEST_NAME or "\x00" in name:
        raise ValueError(f"{name[:40]!r} is no name in SQL Server")
    return f"[{name.replace(']', ']]')}]"


def quoted_text(text: str) -> str:
    """A Unicode literal. Raises ValueError for what cannot be one."""
    if "\x00" in text:
        raise ValueError("text must not hold NUL characters")
    return "N'" + text.replace("'", "''") + "'"


def _file_name(name: str) -> str:
    """The name itself if it is plain, else a digest of it: it becomes part of a path on the server."""
    return name if _PLAIN.fullmatch(name) else hashlib.sha256(name.encode()).hexdigest()[:24]


_CATALOGUE = (
    "SELECT TOP ({newest}) s.database_name, s.type, s.is_damaged, s.has_backup_checksums,"
    " s.backup_start_date, s.backup_finish_date, s.user_name, f.physical_device_name,"
    " COALESCE(s.compressed_backup_size, s.backup_size)"
    " FROM msdb.dbo.backupset s JOIN msdb.dbo.backupmediafamily f ON f.media_set_id = s.media_set_id"
    " WHERE s.database_name = %s AND s.type = 'D' ORDER BY s.backup_finish_date DESC"
)


def _copy(row: Sequence[Any]) -> ForeignCopy:
    database, kind, damaged, checksums, started, finished, by, location, size = row
    return ForeignCopy(
        database=database,
        kind=kind,
        is_damaged=bool(damaged),
        has_checksums=bool(checksums),
        started_at=_utc(started),
        finished_at=_utc(finished),
        by=by or "",
        location=location,
        bytes=int(size),
    )


def _utc(moment: datetime) -> datetime:
    # msdb tells the server's own clock without a zone; the connector sets its session to UTC.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
