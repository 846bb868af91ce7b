"""One database and its transactions; all that differs between SQLite and PostgreSQL stands here."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from typing_extensions import override

from workflows.domain.errors import StorageUnavailable

T = TypeVar("T")
Work = Callable[[Connection], T]
"""What one transaction does. Leaving it early rolls it back. It may be rolled back and done again."""

_FAILURES = (OperationalError, InterfaceError, OSError)
_READERS = 4
_TOGETHER = 32
"""How many queued transactions are written as one, so that it stays short."""


class Database(Protocol):
    """Runs transactions. Each call may raise StorageUnavailable."""

    async def write(self, work: Work[T]) -> T:
        """One transaction, committed at its end."""

    async def read(self, work: Work[T]) -> T:
        """One transaction that sees one moment and changes nothing."""

    async def aclose(self) -> None:
        """Let go of connections."""


def open_database(url: str) -> Database:
    """The database behind `sqlite+aiosqlite://` or `postgresql+asyncpg://`. Connects on first use."""
    parsed = make_url(url)
    return SQLite(parsed) if parsed.get_backend_name() == "sqlite" else PostgreSQL(parsed)


class SQLite(Database):
    """A file. Whole transactions run in threads of their own: one hop each, and writers queue up fairly.

    Statement by statement, as asyncio drivers for SQLite do it, a transaction of ten statements takes four
    times as long. What has queued up is written in one transaction; if any of it fails, each by itself.
    """

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(url.set(drivername="sqlite"), json_serializer=_as_json)
        event.listen(self._engine, "connect", _set_pragmas)
        event.listen(self._engine, "begin", _begin)
        self._writing = self._engine.execution_options(**{_IMMEDIATE: True})
        self._writer = ThreadPoolExecutor(1, "register-writer")
        self._queue: deque[_Queued] = deque()
        self._readers = ThreadPoolExecutor(_READERS, "register-reader")

    @override
    async def write(self, work: Work[T]) -> T:
        queued = _Queued(work, Future())
        self._queue.append(queued)
        self._writer.submit(self._write_queued)
        written: T = await _translated(asyncio.wrap_future(queued.done))
        return written

    @override
    async def read(self, work: Work[T]) -> T:
        transaction = partial(_in_transaction, self._engine, work)
        return await _translated(asyncio.get_running_loop().run_in_executor(self._readers, transaction))

    def _write_queued(self) -> None:
        """In the writer's thread. Finds nothing if an earlier call has taken it along."""
        group = [self._queue.popleft() for _ in range(min(len(self._queue), _TOGETHER))]
        wanted = [queued for queued in group if queued.done.set_running_or_notify_cancel()]
        if len(wanted) < 2 or not self._write_together(wanted):
            for queued in wanted:
                self._write_alone(queued)

    def _write_together(self, group: Sequence["_Queued"]) -> bool:
        try:
            with self._writing.begin() as connection:
                written = [queued.work(connection) for queued in group]
        except Exception:  # whose it is shows when each is tried alone; nothing has been written
            return False
        for queued, result in zip(group, written, strict=True):
            queued.done.set_result(result)
        return True

    def _write_alone(self, queued: "_Queued") -> None:
        try:
            queued.done.set_result(_in_transaction(self._writing, queued.work))
        except Exception as error:
            queued.done.set_exception(error)

    @override
    async def aclose(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()


@dataclass(frozen=True)
class _Queued:
    """A transaction that waits for its turn."""

    work: Work[Any]  # Any: each has its own result
    done: Future[Any]


async def _translated(running: Awaitable[T]) -> T:
    try:
        return await running
    except _FAILURES as error:
        raise StorageUnavailable(_reason(error)) from error


def _in_transaction(engine: Engine, work: Work[T]) -> T:
    with engine.begin() as connection:
        return work(connection)


class PostgreSQL(Database):
    """A server, over asyncpg."""

    def __init__(self, url: URL) -> None:
        self._engine = create_async_engine(url, json_serializer=_as_json, pool_pre_ping=True)

    @override
    async def write(self, work: Work[T]) -> T:
        try:
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)
        except _FAILURES as error:
            raise StorageUnavailable(_reason(error)) from error

    @override
    async def read(self, work: Work[T]) -> T:
        return await self.write(work)

    @override
    async def aclose(self) -> None:
        await self._engine.dispose()


Insert: TypeAlias = postgresql.Insert | sqlite.Insert
"""An INSERT that can say what is to happen if the row is there already."""


def insert(connection: Connection, table: Table) -> Insert:
    return insert_into(connection.dialect.name, table)


def insert_new(connection: Connection, table: Table) -> Insert:
    """Rows that are there already stay as they are."""
    return _insert_new(connection.dialect.name, table)


def insert_or_replace(connection: Connection, table: Table) -> Insert:
    """Rows that are there already are replaced."""
    return _insert_or_replace(connection.dialect.name, table)


def insert_into(dialect: str, table: Table) -> Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


# Building a statement takes longer than running it, so each is built once.


@cache
def _insert_new(dialect: str, table: Table) -> Insert:
    return insert_into(dialect, table).on_conflict_do_nothing()


@cache
def _insert_or_replace(dialect: str, table: Table) -> Insert:
    new = insert_into(dialect, table)
    values = {column.name: new.excluded[column.name] for column in table.c if not column.primary_key}
    return new.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=values)


def lock_table(connection: Connection, table: Table) -> None:
    """Let nobody else write to the table until this transaction ends. SQLite has one writer anyway."""
    if connection.dialect.name != "sqlite":
        connection.execute(text(f'LOCK TABLE "{table.name}" IN SHARE ROW EXCLUSIVE MODE'))


_IMMEDIATE = "unclose_immediate"


def _set_pragmas(connection: DBAPIConnection, _record: object) -> None:
    # The driver must not open transactions by itself: _begin says which kind it is.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "busy_timeout=5000", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later would fail at once if another process has written in
    # between; one that will write says so at its start and waits for its turn.
    immediate = connection.get_execution_options().get(_IMMEDIATE)
    cursor = connection.connection.cursor()
    cursor.execute("BEGIN IMMEDIATE" if immediate else "BEGIN")
    cursor.close()


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _reason(error: Exception) -> str:
    return str(error.orig if isinstance(error, OperationalError | InterfaceError) else error)
