"""The migration environment: runs migrations on the connection it is given, or on the configured database."""

import asyncio
from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import JSON, Connection, String, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from service import (  # noqa: F401  # their tables are in the metadata once they are imported
    archive_tables,
    form_mirror_tables,
    inbox_tables,
    jiandaoyun_tables,
    outbox_tables,
    report_tables,
    schedule_tables,
    standing_tables,
    trail_tables,
)
from service.settings import Settings
from service.tables import metadata

_LOCK = 7_301_905_513
"""One migration at a time on PostgreSQL, however many processes start together."""


def render(kind: str, item: object, autogen: AutogenContext) -> str | Literal[False]:
    """Write column types in plain SQLAlchemy, so that a migration stands for itself."""
    if kind == "type" and isinstance(item, AutoString):
        assert isinstance(item.impl_instance, String)
        return f"sa.String(length={item.impl_instance.length})"
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, JSON):
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Whether `service/tables.py` tells of it: what only one kind of database has is told by migrations."""
    return not (kind in ("table", "index") and (name or "").startswith(_OF_ONE_KIND))


_OF_ONE_KIND = ("case_words_index", "archive_index", "archive_big_index")


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        render_item=render,
        compare_type=True,
        include_name=is_ours,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        context.run_migrations()


async def migrate_configured() -> None:
    engine = create_async_engine(Settings().database_url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


given = context.config.attributes.get("connection")
if given is None:
    asyncio.run(migrate_configured())
else:
    migrate(given)
