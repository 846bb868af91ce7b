"""`unclose backup`: list backups, test that one still restores, restore one beside its ledger."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from activities.backup.catalogue import BackupAct, BackupEvent
from activities.backup.keeper import BackupKeeper
from activities.backup.progress import Meter, in_thread
from service.backup_catalogue import BackupFilter, SqlBackupCatalogue
from service.commands.opening import DataDir, open_book, open_settings
from service.commands.printing import open_console, open_table
from service.database import open_database
from service.failures import CommandFailed
from service.queries import Page, Slice
from service.settings import Settings
from service.vault import build_vault
from workflows.domain.backups import Backup
from workflows.domain.errors import StorageUnavailable

COMMAND = typer.Typer(no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="Id of the backup, as `unclose backup list` shows it.")]
Ledger = Annotated[str | None, typer.Option(help="Code of the ledger; all of them if not given.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="How many backups, newest first.")]
Name = Annotated[str, typer.Option("--as", help="Name of the new database; it must not be there yet.")]
Folder = Annotated[Path, typer.Option(file_okay=False, help="Folder of the new database, if it is a file.")]


@COMMAND.command("list")
def list_backups(ledger: Ledger = None, data_dir: DataDir = None, limit: Limit = 50) -> None:
    """List backups, newest first, with what they are worth."""

    async def read() -> Page[Backup]:
        async with _catalogue(open_settings(data_dir)) as catalogue:
            return await catalogue.page(BackupFilter(ledger), Slice(limit))

    page = asyncio.run(read())
    table = open_table("backups", "id", "ledger", "taken", "state", "bytes", "encrypted", "restored in")
    for backup in page.items:
        table.add_row(*_row(backup))
    open_console().print(table if page.items else "no backup yet")


@COMMAND.command("test")
def prove(backup: Id, data_dir: DataDir = None) -> None:
    """Restore a backup to scratch and compare it with what was proven. Changes no ledger."""

    async def run() -> Backup:
        async with _keeper(open_settings(data_dir)) as keeper:
            entry, manifest = await keeper.read(backup)
            tested = (await keeper.test(entry, manifest, Meter())).backup
            await _record(keeper, backup, BackupAct.TESTED)
            return tested

    tested = asyncio.run(run())
    typer.echo(f"{backup} is proven: restored in {(tested.restore_milliseconds or 0) / 1000:.1f} s")


@COMMAND.command()
def restore(backup: Id, name: Name, folder: Folder = Path(), data_dir: DataDir = None) -> None:
    """Restore a backup as a database of its own, beside the ledger. The ledger itself is never touched."""

    async def run() -> str:
        async with _keeper(open_settings(data_dir)) as keeper:
            _, manifest = await keeper.read(backup)
            scratch = keeper.ledgers.connector(manifest.ledger).backup_source().scratch(folder, name)
            if await in_thread(Meter(), scratch.exists):
                raise CommandFailed(f"{name} is there already", "choose another name with --as")
            await keeper.receive(manifest, scratch, Meter())
            await keeper.compare(manifest, scratch.connector(), Meter())
            await _record(keeper, backup, BackupAct.RESTORED)
            return scratch.place

    typer.echo(f"{backup} is restored and proven; take it from {asyncio.run(run())}")


@asynccontextmanager
async def _catalogue(settings: Settings) -> AsyncIterator[SqlBackupCatalogue]:
    database = open_database(settings.database_url)
    try:
        yield SqlBackupCatalogue(database)
    except StorageUnavailable as error:
        raise CommandFailed(str(error), "run `unclose migrate` once, and again after upgrades") from error
    finally:
        await database.aclose()


@asynccontextmanager
async def _keeper(settings: Settings) -> AsyncIterator[BackupKeeper]:
    book = open_book(settings)
    try:
        async with _catalogue(settings) as catalogue:
            # A scratch folder of its own: a worker may be busy with the same backup.
            folder = settings.data_dir / "scratch" / f"command-{uuid4().hex[:8]}"
            yield BackupKeeper(book, build_vault(settings), catalogue, folder)
    finally:
        await book.aclose()


async def _record(keeper: BackupKeeper, backup: str, act: BackupAct) -> None:
    key = f"command-{uuid4().hex[:12]}"
    event = BackupEvent(backup=backup, key=key, act=act, actor="unclose backup", at=keeper.now())
    await keeper.catalogue.record(event)


def _row(backup: Backup) -> tuple[str, ...]:
    took = backup.restore_milliseconds
    return (
        backup.id,
        backup.ledger,
        backup.taken_at.isoformat(timespec="seconds"),
        backup.state,
        f"{backup.stored_bytes:,}",
        "age" if backup.encrypted_to else "no",
        "–" if took is None else f"{took / 1000:.1f} s",
    )
