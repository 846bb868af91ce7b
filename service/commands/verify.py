"""`unclose verify`: whether a case, a package or the whole register is what was put on record."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Annotated

import typer

from activities.verifier import Fault, check_files, check_package
from service.commands.opening import DataDir, open_settings
from service.commands.printing import counted
from service.configured_ledgers import load_ledgers
from service.database import open_database
from service.failures import MISUSED, CommandFailed
from service.ledger_book import LedgersUnreadable
from service.sealed_files import DataFolder
from service.settings import Settings
from service.vault import build_store
from service.verification import Verification, Verified, trust_in

Package = Annotated[
    Path | None, typer.Argument(exists=True, help="An evidence package, or the folder it was unpacked to.")
]
Case = Annotated[str | None, typer.Option("--case", help="Number of a case in the register.")]
All = Annotated[bool, typer.Option("--all", help="Every case and chain of the register.")]
Key = Annotated[
    str | None, typer.Option("--key", help="Public key, in hexadecimal, that must have signed the package.")
]


def COMMAND(  # noqa: N802  # the name under which the command line finds it
    path: Package = None,
    case: Case = None,
    everything: All = False,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Find every byte that is not what was put on record. Ends with 1 if there is one."""
    if [path is not None, case is not None, everything].count(True) != 1:
        raise CommandFailed("name one of: a package, --case or --all", code=MISUSED)
    if path is not None:
        faults = _tell(_check_path(path, key))
        if not faults:
            typer.echo(f"{path.name} is whole")
    else:
        faults = asyncio.run(_verify(open_settings(data_dir), case))
    raise typer.Exit(1 if faults else 0)


def _check_path(path: Path, key: str | None) -> list[Fault]:
    if path.is_file():
        return check_package(path.read_bytes(), key)
    files = {
        file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }
    return check_files(files, key)


async def _verify(settings: Settings, case: str | None) -> int:
    database = open_database(settings.database_url)
    try:
        folder = DataFolder(settings.data_dir, _sites(settings))
        verification = Verification(database, build_store(settings), trust_in(settings), folder)
        parts = verification.everything() if case is None else _one(verification, case)
        checked = faults = 0
        async for part in parts:
            checked += part.checked
            faults += _tell(part.faults)
    finally:
        await database.aclose()
    typer.echo(f"{counted(checked, 'case')} checked, {counted(faults, 'fault')}")
    return faults


def _sites(settings: Settings) -> frozenset[str]:
    """Ledgers served at their site; none where no ledgers can be read: then no file may be missing."""
    try:
        return load_ledgers(settings).sites
    except LedgersUnreadable:
        return frozenset()


async def _one(verification: Verification, case: str) -> AsyncIterator[Verified]:
    yield Verified(1, await verification.case(case), None)


def _tell(faults: Iterable[Fault]) -> int:
    told = 0
    for fault in faults:
        typer.echo(fault.line())
        told += 1
    return told
