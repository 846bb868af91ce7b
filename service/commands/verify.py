"""`unclose verify`: whether a case, a package or the whole register is what was put on record."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from activities.verifier import Examined, Fault, examine, is_public_key
from service.checkpoint_check import KeptLine
from service.commands.opening import DataDir, open_settings
from service.commands.printing import counted
from service.configured_ledgers import load_ledgers
from service.database import open_database
from service.failures import MISUSED, CommandFailed
from service.ledger_book import LedgersUnreadable
from service.package_check import is_at_hand, known_packages
from service.sealed_files import DataFolder
from service.settings import Settings
from service.signing import known_public_key
from service.vault import build_store
from service.verification import Verification, Verified, trust_in
from workflows.domain.errors import StorageUnavailable

Package = Annotated[
    Path | None, typer.Argument(exists=True, help="An evidence package, or the folder it was unpacked to.")
]
Case = Annotated[str | None, typer.Option("--case", help="Number of a case in the register.")]
All = Annotated[bool, typer.Option("--all", help="Every case and chain of the register.")]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        help="Public key, in hexadecimal, that must have signed the package or the checkpoints; "
        "that of UNCLOSE_CHECKPOINT_KEY if not given.",
    ),
]
Kept = Annotated[
    list[str] | None,
    typer.Option(
        "--checkpoint",
        metavar="NUMBER:SHA256",
        help="A line that was kept when the checkpoint was made; may be given again.",
    ),
]


def COMMAND(  # noqa: N802  # the name under which the command line finds it
    path: Package = None,
    case: Case = None,
    everything: All = False,
    key: Key = None,
    checkpoint: Kept = None,
    data_dir: DataDir = None,
) -> None:
    """Find every byte that is not what was put on record. Ends with 1 if there is one."""
    if [path is not None, case is not None, everything].count(True) != 1:
        raise CommandFailed("name one of: a package, --case or --all", code=MISUSED)
    if key is not None and not is_public_key(key):
        raise CommandFailed("--key is not 64 hexadecimal digits", code=MISUSED)
    kept = tuple(map(_kept, checkpoint or ()))
    settings = open_settings(data_dir)
    if path is None:
        faults = asyncio.run(_verify(settings, case, key, kept))
    elif kept:
        raise CommandFailed("--checkpoint goes with --case or --all", code=MISUSED)
    else:
        faults = asyncio.run(_verify_package(settings, path, key))
    raise typer.Exit(1 if faults else 0)


def _kept(text: str) -> KeptLine:
    parts = re.fullmatch(r"([1-9][0-9]{0,17}):([0-9a-f]{64})", text.strip().lower())
    if parts is None:
        raise CommandFailed("--checkpoint is not NUMBER:SHA256", "take both from the line kept", MISUSED)
    return KeptLine(int(parts[1]), parts[2])


async def _verify_package(settings: Settings, path: Path, key: str | None) -> int:
    key = key or known_public_key(settings)
    seen = examine(str(path), key)
    found, said = await _registered(settings, seen)
    faults = _tell([*seen.faults, *found])
    if not faults:
        typer.echo(f"{path.name} is whole / 完整")
    if not any(fault.code in ("bad_signature", "unreadable") for fault in seen.faults):
        typer.echo(seen.signed(key))
    typer.echo(f"SHA-256 {seen.sha256}: {said}")
    return faults


async def _registered(settings: Settings, seen: Examined) -> tuple[list[Fault], str]:
    """What the register says of a package, where there is one that knows its case."""
    if seen.case is None or not is_at_hand(settings.database_url):
        return [], "no register to compare it with / 无登记簿可核对"
    database = open_database(settings.database_url)
    try:
        known = await database.read(partial(known_packages, case=seen.case))
    except StorageUnavailable:
        return [], "the register cannot be read, not compared / 登记簿无法读取，未核对"
    finally:
        await database.aclose()
    if known is None:
        return [], "the register here does not know the case / 本登记簿无此案件"
    if seen.sha256 in known:
        return [], "the register knows it / 与登记簿一致"
    return [Fault(seen.case, "package", "not_as_registered")], "not in the register / 登记簿中无此摘要"


async def _verify(settings: Settings, case: str | None, key: str | None, kept: tuple[KeptLine, ...]) -> int:
    trust = replace(trust_in(settings), kept=kept)
    trust = trust if key is None else replace(trust, public_key=key.lower())
    database = open_database(settings.database_url)
    try:
        folder = DataFolder(settings.data_dir, _sites(settings))
        verification = Verification(database, build_store(settings), trust, folder)
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
    yield Verified(0, await verification.signed(case), None)


def _tell(faults: Iterable[Fault]) -> int:
    told = 0
    for fault in faults:
        typer.echo(fault.line())
        told += 1
    return told
