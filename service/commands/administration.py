"""How commands administer: straight in the register, under the name of whoever sits at the machine."""

import asyncio
import getpass
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from service.commands.opening import open_settings
from service.database import open_database
from service.dev_people import known_people
from service.failures import MISUSED, CommandFailed
from service.tokens import Tokens
from service.user import usable_name
from service.users import Users
from workflows.domain.case import Actor
from workflows.domain.errors import StorageUnavailable

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True)
class Desk:
    users: Users
    tokens: Tokens
    by: Actor
    """Who administers, on record: who may read and write the register needs no other right."""


def at_desk(act: Callable[[Desk], Awaitable[T]], data_dir: Path | None = None) -> T:
    """Do one thing with the register that the settings name.

    Raises:
        CommandFailed: there is no register, or it lacks tables.
    """
    settings = open_settings(data_dir)

    async def do() -> T:
        database = open_database(settings.database_url)
        users = Users(database, known_people(settings.dev))
        try:
            return await act(Desk(users, Tokens(database, users), _whoever_is_here()))
        except StorageUnavailable as error:
            raise CommandFailed(str(error), "run `unclose migrate` once, and again after upgrades") from error
        finally:
            await database.aclose()

    return asyncio.run(do())


def _whoever_is_here() -> Actor:
    return Actor(f"cli:{getpass.getuser()}@{socket.gethostname()}"[:120])


def name_of(text: str) -> str:
    """A name that can stand for somebody.

    Raises:
        CommandFailed: it cannot.
    """
    try:
        return usable_name(text)
    except ValueError as error:
        raise CommandFailed(f"{text!r}: {error}", "choose another name", MISUSED) from error


def words_of(kind: type[E], text: str, option: str) -> tuple[E, ...]:
    """The values in a comma-separated option.

    Raises:
        CommandFailed: one is none of them.
    """
    try:
        return tuple(kind(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        known = ", ".join(kind)
        raise CommandFailed(f"{option}: {error}", f"choose among {known}", MISUSED) from error
