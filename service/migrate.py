"""Brings the register's tables up to date, from any folder and also when installed as a wheel."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_HERE = Path(__file__).resolve().parent
_PLACES = (_HERE / "migrations", _HERE.parent / "deploy" / "migrations")
"""In the wheel, and in the source tree."""


def upgrade(database_url: str) -> None:
    """Apply every migration that is missing. Doing it again does nothing. Not from a running event loop."""
    _run(database_url, lambda config: command.upgrade(config, "head"))


def check(database_url: str) -> None:
    """Compare the tables of an up-to-date database with `service/tables.py`.

    Raises:
        alembic.util.CommandError: they differ, so a migration is missing.
    """
    _run(database_url, command.check)


def _run(database_url: str, act: Callable[[Config], None]) -> None:
    asyncio.run(_on_connection(database_url, act))


async def _on_connection(database_url: str, act: Callable[[Config], None]) -> None:
    database = make_url(database_url).database
    if database_url.startswith("sqlite") and database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(database_url)
    try:
        if engine.dialect.name == "sqlite":
            await _keep_a_write_ahead_log(engine)
        async with engine.begin() as connection:
            await connection.run_sync(lambda sync: act(_config(sync)))
    finally:
        await engine.dispose()


async def _keep_a_write_ahead_log(engine: AsyncEngine) -> None:
    """Once, before anybody else is there: processes that switch at the same moment lock each other out."""
    async with engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA journal_mode=WAL")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(next(place for place in _PLACES if place.is_dir())))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
