"""Transactions on the register's database: queued up, written together, each whole or not at all."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Connection, text

from service.database import Database, open_database

INSERT, ALL = text("INSERT INTO t VALUES (:n)"), text("SELECT n FROM t ORDER BY n")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = open_database(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}")
    await database.write(lambda db: db.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)")).close())
    yield database
    await database.aclose()


def adds(*numbers: int, then: Exception | None = None) -> Callable[[Connection], int]:
    def work(db: Connection) -> int:
        for number in numbers:
            db.execute(INSERT, {"n": number})
        if then is not None:
            raise then
        return numbers[0]

    return work


async def numbers(database: Database) -> list[int]:
    return await database.read(lambda db: list(db.scalars(ALL)))


@asynccontextmanager
async def a_busy_writer(database: Database) -> AsyncIterator[None]:
    """Another transaction holds the writer meanwhile."""
    begun, go = Event(), Event()

    def hold(db: Connection) -> bool:
        begun.set()
        return go.wait(30)

    holding = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(begun.wait)
    yield
    go.set()
    assert await holding


async def queued_up(database: Database, *works: Callable[[Connection], int]) -> list[int | BaseException]:
    async with a_busy_writer(database):
        queued = [asyncio.create_task(database.write(work)) for work in works]
        await asyncio.sleep(0)
    return await asyncio.gather(*queued, return_exceptions=True)


async def test_every_queued_transaction_gets_its_own_answer(database: Database) -> None:
    answers = await queued_up(database, *(adds(n) for n in range(100)))
    assert answers == list(range(100))
    assert await numbers(database) == list(range(100))


async def test_a_transaction_that_fails_takes_no_other_with_it(database: Database) -> None:
    wrong = ValueError("half way")
    answers = await queued_up(database, adds(1), adds(2, 3, then=wrong), adds(4))
    assert answers == [1, wrong, 4]
    assert await numbers(database) == [1, 4]


async def test_one_that_was_given_up_before_its_turn_writes_nothing(database: Database) -> None:
    async with a_busy_writer(database):
        given_up, other = (asyncio.create_task(database.write(adds(n))) for n in (1, 2))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
    assert await other == 2
    assert await numbers(database) == [2]


def test_a_register_that_was_just_made_needs_no_switch_to_a_write_ahead_log(empty_register: Path) -> None:
    with closing(sqlite3.connect(empty_register)) as there:
        assert there.execute("PRAGMA journal_mode").fetchone() == ("wal",)
