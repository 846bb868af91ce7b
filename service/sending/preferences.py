"""How each person wants to be told: in which language, through which channel, and when not."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, select

from service.database import Database, insert_or_replace
from service.outbox_tables import preferences
from service.sending.ports import QuietHours
from service.texts import Language


@dataclass(frozen=True)
class Way:
    """A channel, and under which address a person is found there."""

    channel: str
    address: str


@dataclass(frozen=True)
class Preference:
    language: Language | None = None
    """None leaves it to the installation."""
    channels: tuple[Way, ...] = ()
    """The first that is configured is used: everyone is told once."""
    quiet: QuietHours | None = None
    """Expedited cases and those that need attention do not heed it."""


NONE = Preference()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Preferences:
    """One call is one transaction."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._now = database, now

    async def of(self, person: str) -> Preference:
        return (await self.of_all({person})).get(person, NONE)

    async def of_all(self, persons: Collection[str]) -> Mapping[str, Preference]:
        """Of those who have said anything."""
        return await self._database.read(partial(_read, persons=persons)) if persons else {}

    async def put(self, person: str, wanted: Preference) -> None:
        row = {
            "person": person,
            "language": wanted.language or "",
            "channels": [vars(way) for way in wanted.channels],
            "quiet": None if wanted.quiet is None else vars(wanted.quiet),
            "updated_at": self._now(),
        }
        await self._database.write(
            lambda connection: connection.execute(insert_or_replace(connection, preferences), [row])
        )


def _read(connection: Connection, persons: Collection[str]) -> dict[str, Preference]:
    wanted = select(preferences).where(preferences.c.person.in_(sorted(persons)))
    return {row.person: _preference(row) for row in connection.execute(wanted)}


def _preference(row: Row[Any]) -> Preference:  # Any: as typed by the columns of the table
    return Preference(
        Language(row.language) if row.language else None,
        tuple(Way(**way) for way in row.channels),
        None if row.quiet is None else QuietHours(**row.quiet),
    )
