"""How one wants to be told, and decision links from messages."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AfterValidator

from service.dependencies import DoneOnce, TheParts, ThePerson
from service.preference_schemas import (
    AvailableOut,
    OpenedOut,
    OpenLinkIn,
    PreferencesIn,
    PreferencesOut,
    QuietHoursOut,
    WayOut,
)
from service.problem_answers import responses
from service.refusals import (
    AddressUnsuitable,
    KeyReused,
    LinkExpired,
    LinkOfAnother,
    LinkUsed,
    PersonNeeded,
    UnknownChannel,
    UnknownLink,
)
from service.schemas import printable
from service.scopes import needs
from service.sending.channel_book import ChannelBook
from service.sending.ports import QuietHours
from service.sending.preferences import Preference, Way
from service.user import TokenScope
from service.views import API

router = APIRouter()

Token = Annotated[
    str, Path(description="The last part of the link.", max_length=64), AfterValidator(printable)
]
NOTHING = OpenLinkIn()


@router.get("/me/preferences", responses=responses(PersonNeeded), tags=["me"])
async def read_preferences(parts: TheParts, person: ThePerson) -> PreferencesOut:
    """How I am told: language, channels, quiet hours."""
    known = await parts.sending.preferences.of(person.actor.person)
    return _out(known, parts.sending.channels)


@router.put(
    "/me/preferences",
    responses=responses(PersonNeeded, UnknownChannel, AddressUnsuitable),
    openapi_extra=needs(TokenScope.ACT),
    tags=["me"],
)
async def put_preferences(body: PreferencesIn, parts: TheParts, person: ThePerson) -> PreferencesOut:
    """Say how I want to be told. Everyone is told once, by the first channel that there is."""
    for n, way in enumerate(body.channels):
        if way.channel not in parts.sending.channels.entries:
            raise UnknownChannel(way.channel, n)
        if not parts.sending.channels.suits(way.channel, way.address):
            raise AddressUnsuitable(way.channel, n)
    quiet = body.quiet_hours
    wanted = Preference(
        body.language,
        tuple(Way(way.channel, way.address) for way in body.channels),
        None if quiet is None else QuietHours(quiet.start, quiet.end, quiet.time_zone),
    )
    await parts.sending.preferences.put(person.actor.person, wanted)
    return _out(wanted, parts.sending.channels)


@router.post(
    "/links/{token}/open",
    responses=responses(PersonNeeded, UnknownLink, LinkOfAnother, LinkUsed, LinkExpired, KeyReused),
    tags=["tasks"],
)
async def open_link(
    token: Token, parts: TheParts, person: ThePerson, once: DoneOnce, body: OpenLinkIn = NOTHING
) -> OpenedOut:
    """Open a decision link: once, in time, and by the person it was sent to. It decides nothing itself."""
    task = await parts.sending.links.open(token, person.actor.person, once.key)
    return OpenedOut(task=task, links={"task": f"{API}/tasks/{task}"})


def _out(known: Preference, book: ChannelBook) -> PreferencesOut:
    return PreferencesOut(
        language=known.language,
        channels=[WayOut(channel=way.channel, address=way.address) for way in known.channels],
        quiet_hours=None if known.quiet is None else QuietHoursOut(**vars(known.quiet)),
        available=[AvailableOut(channel=name, kind=entry.kind) for name, entry in book.entries.items()],
    )
