"""Senders die with SIGKILL at every point that matters: nothing lost, each case in order, once by its id."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from service.database import Database, open_database
from service.outbox_tables import outbox, outgoing
from service.register import SqlRegister
from service.sending.catalogue import EventType
from service.sending.subscriptions import Subscriptions, SubscriptionWish
from tests.integration.sender_child import KEY, Point
from tests.integration.test_register import CASE, a_change, a_request, an_event
from workflows.domain.case import Actor

OTHER = "UC-2025-000002"
EVENTS = 8
LIVES = ["looked-up:5", "claimed:1", "answered:1", "claimed:4", "answered:5", "answered:2", "old-age"]
ENDS = ["killed"] * (len(LIVES) - 1) + ["ended 0"]
LOST_ANSWERS = sum(life.startswith(Point.ANSWERED) for life in LIVES)


@dataclass
class Receiver:
    """A subscriber's server: says yes to everything, and remembers it in the order in which it came."""

    url: str = ""
    came: list[tuple[str, str, int]] = field(default_factory=list)
    """`webhook-id`, case, number of the event."""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        headers = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.came.append((headers["webhook-id"], body["data"]["case"]["id"], body["data"]["seq"]))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    def first(self, case: str) -> list[int]:
        """Numbers of a case in the order in which the receiver first saw them: it knows each by its id."""
        seen = dict.fromkeys(one for one in self.came if one[1] == case)
        return [number for _, _, number in seen]


@asynccontextmanager
async def a_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.answer, "127.0.0.1", 0)
    async with server:
        receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield receiver


async def play(file: Path, *lives: str) -> list[str]:
    """How each life on the register ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.sender_child",
        str(file),
        *lives,
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return said.decode().split("\n")[:-1]


async def test_senders_that_are_killed_lose_nothing_and_overtake_nothing(
    tmp_path: Path, empty_register: Path
) -> None:
    file = tmp_path / "register.sqlite"
    shutil.copy(empty_register, file)
    database = open_database(f"sqlite+aiosqlite:///{file}")
    async with a_receiver() as receiver:
        await _two_cases(database, receiver.url)
        assert await play(file, *LIVES) == ENDS
    states, unaddressed = await _left(database)
    await database.aclose()

    assert (receiver.first(CASE), receiver.first(OTHER)) == (list(range(1, EVENTS + 1)),) * 2
    ids = [one[0] for one in receiver.came]
    assert len(set(ids)) == 2 * EVENTS, "one id for each event, the same at every attempt"
    again = len(ids) - len(set(ids))
    assert again > 0, "an answer that nobody wrote down is asked for again, under its id"
    # Beside each answer that got lost one parcel of the other case may have been under way.
    assert again <= 2 * LOST_ANSWERS
    assert (states, unaddressed) == ({"delivered"}, 0)


async def _two_cases(database: Database, url: str) -> None:
    wish = SubscriptionWish(url, (EventType.CASE_STATE_CHANGED,), "demo")
    await Subscriptions(database, KEY).make(wish, Actor("operator"))
    register = SqlRegister(database)
    for case in (CASE, OTHER):
        await register.receive(a_request(case))
        events = (an_event(number, to="approving") for number in range(1, EVENTS + 1))
        await register.record(a_change(*events, case=case))


async def _left(database: Database) -> tuple[set[str], int]:
    """States of all deliveries, and how many events are not addressed."""
    states = await database.read(lambda connection: set(connection.scalars(select(outgoing.c.state))))
    waiting = await database.read(lambda connection: connection.execute(select(outbox)).all())
    return states, len(waiting)
