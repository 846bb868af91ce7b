"""Messages to people as they are delivered: composed, with the link that leads to what they are about."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from typing_extensions import override

from service.sending.links import DecisionLinks
from service.sending.message_texts import FOR, OPEN, OPEN_ONCE
from service.sending.ports import Channel, Parcel
from service.texts import Language
from workflows.domain.digest import Json


@dataclass(frozen=True)
class Letter:
    """What a courier carries."""

    id: str
    """The same at each attempt."""
    title: str
    text: str
    link: str
    """The last line: where it leads. Never cut off."""
    address: str
    """E-mail address, user id or telephone number; empty for a whole group of a chat."""


class Courier(Protocol):
    """Carries letters one way: by mail, or through a robot of a chat."""

    per_minute: int | None

    async def deliver(self, letter: Letter, at: datetime) -> None:
        """Raises Undelivered."""


@dataclass(frozen=True)
class Note:
    """The body of a delivery to people."""

    language: Language
    title: str
    text: str
    case: str
    task: str | None = None
    person: str | None = None
    """The one person it is for; none if a whole chat reads it."""
    persons: tuple[str, ...] = ()
    address: str = ""
    time_zone: str = "Asia/Shanghai"

    def body(self) -> dict[str, Json]:
        persons: list[Json] = [*self.persons]
        return {**vars(self), "language": str(self.language), "persons": persons}

    @classmethod
    def read(cls, body: dict[str, Json]) -> "Note":
        known: dict[str, object] = {**body}
        known["language"] = Language(str(body["language"]))
        known["persons"] = tuple(body["persons"]) if isinstance(body["persons"], list) else ()
        return cls(**known)  # type: ignore[arg-type]  # as `body` wrote it


class LetterChannel(Channel):
    """Adds the link and hands over to a courier. Only a letter for one person has a decision link."""

    def __init__(self, courier: Courier, links: DecisionLinks, public_url: str) -> None:
        self._courier, self._links, self._public_url = courier, links, public_url.rstrip("/")
        self.per_minute = courier.per_minute

    @override
    async def send(self, parcel: Parcel) -> None:
        note = Note.read(parcel.body)
        text = note.text
        if note.persons:
            text = f"{FOR.in_(note.language).format(persons='、'.join(note.persons))}\n{text}"
        letter = Letter(parcel.id, note.title, text, await self._link(parcel, note), note.address)
        await self._courier.deliver(letter, parcel.at)

    async def _link(self, parcel: Parcel, note: Note) -> str:
        if note.person is None or note.task is None:
            return OPEN.in_(note.language).format(url=f"{self._public_url}/requests/{note.case}")
        issued = await self._links.issue(parcel.id, note.person, note.task)
        until = issued.expires_at.astimezone(ZoneInfo(note.time_zone)).strftime("%Y-%m-%d %H:%M")
        url = f"{self._public_url}/go/{issued.token}"
        return OPEN_ONCE.in_(note.language).format(person=note.person, until=until, url=url)
