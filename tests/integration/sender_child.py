"""Senders that are killed outright: a process whose children each send from one register until they die.

`python -m tests.integration.sender_child REGISTER LIFE…` where a life is `claimed:3`, for instance: it dies
with the third parcel claimed and not sent. The interpreter is started once; each life is a fork of it.
"""

import asyncio
import os
import signal
import ssl
import sys
from collections.abc import Sequence
from enum import StrEnum

import httpx
from typing_extensions import override

from service.database import open_database
from service.outgoing import Outgoing
from service.sending.deliveries import LEASE
from service.sending.dispatcher import Dispatcher
from service.sending.ports import Addressed, Audience, Channel, News, Parcel
from service.sending.subscriptions import CHANNEL, Subscriptions
from service.sending.webhooks import WebhookChannel
from tests.integration.test_register import NOON

KEY = b"key of the installation"
CERTIFICATES = ssl.create_default_context()
"""Read once for all lives, which takes longer than a life."""


class Point(StrEnum):
    """Where a sender dies."""

    LOOKED_UP = "looked-up"
    """It knows who is to be told, and has not written it down."""
    CLAIMED = "claimed"
    """It has claimed a parcel and not sent it."""
    ANSWERED = "answered"
    """The receiver has answered 2xx, and nothing says so here."""
    OLD_AGE = "old-age"
    """It does not: it stops when there is nothing left to do."""


class Life:
    """Counts what passes a point, and ends at the number it was given."""

    def __init__(self, said: str) -> None:
        point, _, number = said.partition(":")
        self.point, self.left = Point(point), int(number or 1)

    def passes(self, point: Point) -> None:
        if point != self.point:
            return
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalAudience(Audience):
    def __init__(self, inner: Audience, life: Life) -> None:
        self._inner, self._life = inner, life

    @override
    async def addressed(self, news: News) -> Sequence[Addressed]:
        found = await self._inner.addressed(news)
        self._life.passes(Point.LOOKED_UP)
        return found


class MortalChannel(Channel):
    per_minute = None

    def __init__(self, inner: Channel, life: Life) -> None:
        self._inner, self._life = inner, life

    @override
    async def send(self, parcel: Parcel) -> None:
        self._life.passes(Point.CLAIMED)
        await self._inner.send(parcel)
        self._life.passes(Point.ANSWERED)


async def live(register: str, life: Life, number: int) -> None:
    """Send until death, or until nothing is left. Each begins when the claims of the last have run out."""
    database = open_database(f"sqlite+aiosqlite:///{register}")
    outgoing = Outgoing(httpx.AsyncHTTPTransport(verify=CERTIFICATES))
    subscriptions, begins = Subscriptions(database, KEY), NOON + number * 2 * LEASE
    channel = MortalChannel(WebhookChannel(subscriptions, outgoing), life)
    audience = MortalAudience(subscriptions, life)
    dispatcher = Dispatcher(database, {CHANNEL: channel}, [audience], lambda: begins, chance=lambda: 0.5)
    while await dispatcher.turn():
        pass
    await outgoing.aclose()
    await database.aclose()


def main(register: str, lives: Sequence[str]) -> None:
    for number, said in enumerate(lives):
        child = os.fork()
        if not child:
            asyncio.run(live(register, Life(said), number))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else f"ended {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
