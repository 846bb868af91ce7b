"""Copies of a PostgreSQL database by `pg_dump` and `pg_restore`; scratch ones stand on the same server."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from activities.engines.copies import Ask, Sink
from workflows.domain.errors import BackupUnproven, LedgerUnavailable, ToolMissing

SETTING = "UNCLOSE_POSTGRESQL_BIN"
_LONGEST_NAME = 63
"""Bytes of an identifier that PostgreSQL keeps."""
_MAINTENANCE = "postgres"
"""The database from which others are made and renamed."""


@dataclass(frozen=True)
class PostgreSQLTools:
    """Where `pg_dump` and `pg_restore` are: in a folder, or on the PATH."""

    folder: Path | None = None

    def find(self, tool: str, server: int) -> str:
        """The path of a tool that can speak to a server of this major version.

        Raises:
            ToolMissing: it is not there, or older than the server.
        """
        found = shutil.which(tool, path=str(self.folder) if self.folder else None)
        if found is None:
            where = f"in {self.folder}" if self.folder else "on the PATH"
            raise ToolMissing(tool, f"it is not {where}", SETTING)
        version = _version_of(tool, found)
        if version < server:
            raise ToolMissing(tool, f"its version {version} is older than the server's {server}", SETTING)
        return found


def _version_of(tool: str, path: str) -> int:
    try:
        command = [path, "--version"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolMissing(tool, f"it does not start ({error})", SETTING) from error
    number = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    if number is None:
        raise ToolMissing(tool, "it does not tell its version", SETTING)
    return int(number[1])


@dataclass(frozen=True)
class PostgreSQLCopies:
    """Implements `Copies` for one database of a server."""

    place: str
    tools: PostgreSQLTools = field(default_factory=PostgreSQLTools)
    name = "postgresql"

    @property
    def url(self) -> URL:
        return make_url(self.place)

    @property
    def database(self) -> str:
        return _database(self.place)

    def size(self) -> int:
        with self._connected(self.database) as db:
            row = db.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def reading(self, folder: Path) -> Iterator[BinaryIO]:
        command = [self._tool("pg_dump"), "--format=custom", "--compress=0", "--no-password"]
        with TemporaryFile() as said:
            dump = self._start(command, self.database, said, stdout=subprocess.PIPE)
            try:
                assert dump.stdout is not None
                yield _Complete(dump, said, self.database)  # type: ignore[misc]  # only read() is asked of it
            finally:
                _end(dump)

    def scratch(self, folder: Path, name: str) -> str:
        return _text(self.url.set(database=_identifier("unclose", self.database, name)))

    @contextmanager
    def receiving(self, place: str) -> Iterator[Sink]:
        name = _database(place)
        command = [self._tool("pg_restore"), "--exit-on-error", "--no-owner", "--no-privileges"]
        self.remove(place)
        with self._connected(_MAINTENANCE) as server:
            server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        with TemporaryFile() as said:
            restore = self._start([*command, "--no-password"], name, said, stdin=subprocess.PIPE)
            try:
                assert restore.stdin is not None
                yield _Receiver(restore.stdin)
                restore.stdin.close()
                if restore.wait() != 0:
                    raise BackupUnproven(name, _last_line(said))
            finally:
                _end(restore)
        with self._connected(name) as db:
            db.execute("ANALYZE")

    def check(self, place: str) -> None:
        """`pg_restore` has built every index and checked every key; none may have been left out."""
        name = _database(place)
        try:
            with self._connected(name) as db:
                invalid = db.execute(_INVALID).fetchall()
        except (LedgerUnavailable, psycopg.Error) as error:
            raise BackupUnproven(name, str(error)) from error
        if invalid:
            raise BackupUnproven(name, ", ".join(str(row[0]) for row in invalid[:3]))

    def exists(self, place: str) -> bool:
        return self._exists(_database(place))

    def remove(self, place: str) -> None:
        name = sql.Identifier(_database(place))
        with self._connected(_MAINTENANCE) as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def put_in_place(self, place: str, beside: str, still_mine: Ask) -> None:
        """Both databases change names in one transaction, while nobody can connect to either."""
        live, coming = self.database, _database(place)
        kept = _identifier(live, beside)
        with self._connected(_MAINTENANCE) as server:
            try:
                with self._connected(live) as own:
                    _shut(server, live, but=own.info.backend_pid)
                    # Nobody else is in and nobody gets in: what is true now stays true.
                    still_mine(lambda statement: own.execute(statement).fetchall())
                _shut(server, coming)
                with server.transaction():
                    server.execute(_renamed(live, kept))
                    server.execute(_renamed(coming, live))
            finally:
                server.execute(_connectable(live, True))

    # ----------------------------------------------------------------- the server

    @contextmanager
    def _connected(self, database: str) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
        url = _text(self.url.set(database=database, drivername="postgresql"))
        try:
            with closing(psycopg.connect(url, autocommit=True, connect_timeout=10)) as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise LedgerUnavailable(self.database, str(error).strip()) from error

    def _exists(self, database: str) -> bool:
        with self._connected(_MAINTENANCE) as server:
            found = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
            return found.fetchone() is not None

    def _tool(self, name: str) -> str:
        with self._connected(self.database) as db:
            return self.tools.find(name, db.info.server_version // 10000)

    def _start(
        self,
        command: Sequence[str],
        database: str,
        said: IO[bytes],
        *,
        stdin: int | None = None,
        stdout: int | None = None,
    ) -> subprocess.Popen[bytes]:
        # The password travels in the environment: arguments can be read by everybody on the machine.
        url = self.url.set(drivername="postgresql", database=database)
        open_url = _text(url.set(password=None)) if url.password else _text(url)
        words = [*command, f"--dbname={open_url}"]
        return subprocess.Popen(  # noqa: S603
            words, stdin=stdin, stdout=stdout, stderr=said, env=_environment(url)
        )


_INVALID = """SELECT c.relname || ' is not valid' FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE NOT i.indisvalid UNION ALL
 SELECT conname || ' is not validated' FROM pg_constraint WHERE NOT convalidated"""


class _Complete:
    """The output of a dump; its end is an error unless the dump has ended well."""

    def __init__(self, dump: subprocess.Popen[bytes], said: IO[bytes], database: str) -> None:
        self._dump, self._said, self._database = dump, said, database

    def read(self, size: int = -1) -> bytes:
        assert self._dump.stdout is not None
        data = self._dump.stdout.read(size)
        if not data and self._dump.wait() != 0:
            raise LedgerUnavailable(self._database, _last_line(self._said))
        return data


class _Receiver:
    """The input of a restore; once it has given up, the rest is thrown away and its own words are told."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe

    def write(self, data: bytes, /) -> int:
        try:
            self._pipe.write(data)
        except BrokenPipeError:
            return len(data)
        return len(data)

    def flush(self) -> None:
        """The pipe is flushed when it is closed."""


def _shut(server: "psycopg.Connection[tuple[Any, ...]]", database: str, but: int = 0) -> None:
    """Let nobody into a database any more, and end who is in, except one."""
    server.execute(_connectable(database, False))
    server.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
        (database, but),
    )


def _connectable(database: str, may: bool) -> sql.Composed:
    word = sql.SQL("true" if may else "false")
    return sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(sql.Identifier(database), word)


def _renamed(database: str, to: str) -> sql.Composed:
    return sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(database), sql.Identifier(to))


def _identifier(*parts: str) -> str:
    """A name of a database; where it would be too long, a digest stands for its middle."""
    name = "~".join(parts)
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    return f"{name[:40]}~{hashlib.sha256(name.encode()).hexdigest()[:20]}"


def _database(place: str) -> str:
    return make_url(place).database or _MAINTENANCE


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _environment(url: URL) -> Mapping[str, str]:
    return {**os.environ, "PGPASSWORD": str(url.password)} if url.password else dict(os.environ)


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None and not pipe.closed:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
    if process.poll() is None:
        process.kill()
    process.wait()
