"""Everything in which SQLite and PostgreSQL differ: connecting, triggers, and what failures mean."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from sqlalchemy import Connection, CursorResult, Engine, QueuePool, Select, String, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import LRUCache

from activities.demo_erp.rules import Rule, every_rule
from activities.demo_erp.tables import metadata
from workflows.domain.errors import LedgerRefused, LedgerUnavailable, UncloseError

WAIT_SECONDS = 5.0
"""How long a transaction waits for another one's lock."""

Query: TypeAlias = Select[*tuple[Any, ...]]  # Any: as typed by what is selected
Stored = Sequence[Any]
"""A row as the driver gives it."""

_WRITES = "demo_erp_writes"

for _table in metadata.tables.values():
    # Keys are what rows are looked up by and ordered by: SQLite keeps rows together by them, if told to.
    if not any(column.name == "id" for column in _table.primary_key):
        _table.dialect_options["sqlite"]["with_rowid"] = False
    # Documents are worked through, and balances proved, in the order of their bytes on every database.
    for _column in _table.columns:
        if isinstance(_column.type, String):
            _column.type = _column.type.with_variant(String(collation="C"), "postgresql")


def connect(place: str, *, read_only: bool = False) -> Engine:
    """An engine on a ledger: the path of an SQLite file that exists, or the URL of a PostgreSQL database."""
    if "://" in place:
        # A connection may have been ended meanwhile, as when the ledger was replaced by a backup.
        engine = create_engine(place, pool_pre_ping=True)
        return engine.execution_options(postgresql_readonly=True) if read_only else engine
    mode = "ro" if read_only else "rw"
    uri = f"file:{quote(str(Path(place).absolute()))}?mode={mode}"
    like = _any_sqlite()
    opens: Callable[[], Any] = partial(_open, uri, read_only)  # Any: its stubs do not fit SQLAlchemy's
    pool = QueuePool(opens, dialect=like.dialect)
    engine = Engine(pool, like.dialect, like.url).execution_options(compiled_cache=_SPELT_OUT)
    event.listen(engine, "begin", _begin)
    return engine


_SPELT_OUT: LRUCache[Any, Any] = LRUCache(500)  # Any: what an engine keeps of a statement is its own affair
"""Statements as SQL. Every copy of a ledger is another database with an engine of its own, which would spell
all of them out once more: a quarter of the time that a rehearsal takes."""


@cache
def _any_sqlite() -> Engine:
    """An engine whose dialect knows its driver: what it spells out depends on nothing else."""
    engine = create_engine("sqlite+pysqlite://")
    engine.connect().close()
    return engine


def reading(engine: Engine) -> Engine:
    """The same engine, for transactions that see one moment, which SQLite's always do."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ")


def writing(engine: Engine) -> Engine:
    """The same engine, for transactions that write: SQLite lets them queue up instead of failing half way."""
    return engine.execution_options(**{_WRITES: True})


def _open(uri: str, read_only: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA foreign_keys = ON")
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


# --------------------------------------------------------------------------- rules


def install_rules(db: Connection) -> None:
    """Let the database itself refuse what the rules forbid."""
    _install(db, every_rule())


@contextmanager
def without_rules(db: Connection, *tables: str) -> Iterator[None]:
    """What somebody with the database's password does: lift the rules of some tables, and put them back."""
    lifted = tuple(rule for rule in every_rule() if rule.table in tables)
    drop = "DROP TRIGGER {0.name}" if _is_sqlite(db) else "DROP TRIGGER {0.name} ON {0.table}"
    for rule in lifted:
        db.exec_driver_sql(drop.format(rule))
    yield
    _install(db, lifted)


def _install(db: Connection, rules: tuple[Rule, ...]) -> None:
    render = _sqlite_trigger if _is_sqlite(db) else _postgresql_trigger
    for rule in rules:
        for statement in render(rule):
            db.exec_driver_sql(statement)


def _sqlite_trigger(rule: Rule) -> tuple[str, ...]:
    return (
        f"CREATE TRIGGER {rule.name} BEFORE {rule.event} ON {rule.table} WHEN {rule.refused_when}"
        f" BEGIN SELECT RAISE(ABORT, {_quoted(rule.says)}); END",
    )


def _postgresql_trigger(rule: Rule) -> tuple[str, ...]:
    kept = "OLD" if rule.event == "DELETE" else "NEW"
    return (
        f"CREATE OR REPLACE FUNCTION {rule.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {rule.refused_when} THEN"
        f" RAISE EXCEPTION {_quoted(rule.says)} USING ERRCODE = 'check_violation'; END IF;"
        f" RETURN {kept}; END $$",
        f"CREATE TRIGGER {rule.name} BEFORE {rule.event} ON {rule.table}"
        f" FOR EACH ROW EXECUTE FUNCTION {rule.name}()",
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _is_sqlite(db: Connection) -> bool:
    return db.dialect.name == "sqlite"


# --------------------------------------------------------------------------- streams


def stream(db: Connection, query: Query, chunk: int) -> Iterator[Sequence[Stored]]:
    """The rows of a query in pieces, as plainly as the driver gives them; memory does not grow with them."""
    if not _is_sqlite(db):
        yield from _cursor(db.execute(query.execution_options(stream_results=True)), chunk)
        return
    # SQLite steps through its rows by itself, and Row objects would cost as much as the reading.
    yield from _pieces(db.execute(query), chunk)


def stream_often(
    db: Connection, query: Query, values: Mapping[str, object], chunk: int
) -> Iterator[Sequence[Stored]]:
    """The same for one of a few queries that are made once, and filled in with the values."""
    if not _is_sqlite(db):
        yield from _cursor(db.execute(query.execution_options(stream_results=True), values), chunk)
        return
    yield from _pieces(db.exec_driver_sql(_sqlite_text(query), dict(values)), chunk)


def _cursor(result: CursorResult[*tuple[Any, ...]], chunk: int) -> Iterator[Sequence[Stored]]:
    # Closed when the stream is broken off: the server keeps a cursor open otherwise.
    with result:
        yield from result.partitions(chunk)


def _pieces(result: CursorResult[*tuple[Any, ...]], chunk: int) -> Iterator[Sequence[Stored]]:
    cursor = result.cursor
    while rows := cursor.fetchmany(chunk):
        yield rows


@cache
def _sqlite_text(query: Query) -> str:
    """As SQL. An engine would work it out anew, and every restored copy has an engine of its own."""
    return str(query.compile(dialect=sqlite.dialect(paramstyle="named")))


# --------------------------------------------------------------------------- failures


def failure(ledger: str, error: DBAPIError) -> UncloseError:
    """The domain error for what the database said: a rule's refusal, or no answer."""
    said = str(error.orig)
    state = getattr(error.orig, "sqlstate", None) or ""
    refused = isinstance(error.orig, sqlite3.IntegrityError) or state.startswith("23")
    read_only = getattr(error.orig, "sqlite_errorname", "") == "SQLITE_READONLY" or state == "25006"
    return LedgerRefused(ledger, said) if refused or read_only else LedgerUnavailable(ledger, said)


def version(db: Connection) -> str:
    """Name and version of the database."""
    name = "SQLite" if _is_sqlite(db) else "PostgreSQL"
    return f"{name} {'.'.join(str(part) for part in db.dialect.server_version_info or ())}"
