"""`unclose checkpoint`: sign where every chain ends now."""

import asyncio

import typer

from service.checkpoints import Checkpoint, Checkpoints
from service.commands.opening import DataDir, open_settings
from service.commands.printing import counted
from service.database import open_database
from service.settings import Settings
from service.signing import load_signer
from service.time_stamps import build_time_stamps


def checkpoint(data_dir: DataDir = None) -> None:
    """Make a checkpoint now; the schedule makes one every day."""
    made = asyncio.run(_make(open_settings(data_dir)))
    stamped = ", stamped" if made.stamped else ""
    typer.echo(f"checkpoint {made.n}: {counted(made.moved, 'case')} moved since the one before{stamped}")
    typer.echo(f"SHA-256    {made.digest}")
    typer.echo(f"public key {made.public_key}")


async def _make(settings: Settings) -> Checkpoint:
    database = open_database(settings.database_url)
    try:
        return await Checkpoints(database, load_signer(settings), build_time_stamps(settings)).make()
    finally:
        await database.aclose()


COMMAND = checkpoint
