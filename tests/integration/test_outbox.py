"""The outbox on both databases: written with the event, in order, once by id, whoever dies in between."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from service.database import Database, open_database
from service.deliveries import DeliveryFilter
from service.inbox.ports import DeliveryState
from service.migrate import upgrade
from service.outbox_tables import outbox, outgoing
from service.queries import Slice
from service.refusals import DeliveryDone, UnknownDelivery
from service.register import SqlRegister
from service.sending.addressing import AGAIN_AFTER
from service.sending.deliveries import LEASE
from service.sending.dispatcher import Dispatcher
from service.sending.patience import GIVE_UP_AFTER, LONGEST_DELAY
from service.sending.ports import Parcel, QuietHours, Undelivered
from service.sending.source import Sent
from tests.fake_receivers import FakeAudience, FakeChannel, FakeClock
from tests.integration.test_register import CASE, NOON, a_change, a_request, an_event
from tests.postgres import Server
from workflows.domain.case import Actor, EventKind
from workflows.domain.errors import EventsDiverged

OTHER = "UC-2025-000002"
DAY = timedelta(days=1)
OPERATOR = Actor("operator")


@dataclass
class Post:
    """A register, the dispatcher behind it, and who is told."""

    database: Database
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON))
    channel: FakeChannel = field(default_factory=FakeChannel)
    audience: FakeAudience = field(default_factory=FakeAudience)

    def __post_init__(self) -> None:
        self.register = SqlRegister(self.database)
        self.sent = Sent(self.database, self.clock)
        self.dispatcher = self.another()

    def another(self) -> Dispatcher:
        """A second process on the same register."""
        return Dispatcher(
            self.database, {"fake": self.channel}, [self.audience], self.clock, chance=lambda: 0.5
        )

    async def happens(self, *numbers: int, case: str = CASE) -> None:
        await self.register.record(a_change(*(an_event(n, to="approving") for n in numbers), case=case))

    async def settle(self) -> None:
        """Turns until there is nothing to do at this moment."""
        while await self.dispatcher.turn():
            pass

    async def pass_time(self, by: timedelta, step: timedelta = LONGEST_DELAY) -> None:
        until = self.clock.at + by
        while self.clock.at < until:
            self.clock.move(min(step, until - self.clock.at))
            await self.settle()

    def told(self, case: str = CASE) -> list[int]:
        return [parcel.seq for parcel in self.channel.taken if parcel.case == case]

    async def states(self) -> dict[int, str]:
        rows = await self.database.read(lambda connection: connection.execute(select(outgoing)).all())
        return {row.seq: row.state for row in rows}

    async def unaddressed(self) -> list[int]:
        wanted = select(outbox.c.seq).order_by(outbox.c.seq)
        return await self.database.read(lambda connection: list(connection.scalars(wanted)))


@pytest.fixture
async def post(tmp_path: Path, empty_register: Path) -> AsyncIterator[Post]:
    shutil.copy(empty_register, tmp_path / "register.sqlite")
    async with an_open_post(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}") as made:
        yield made


class an_open_post:  # noqa: N801  # used as a function
    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> Post:
        self.post = Post(open_database(self.url))
        await self.post.register.receive(a_request())
        await self.post.register.receive(a_request(OTHER))
        return self.post

    async def __aexit__(self, *_: object) -> None:
        await self.post.database.aclose()


# --------------------------------------------------------------------------- written with the event


async def test_what_is_recorded_is_told_and_recording_it_again_tells_nothing_new(post: Post) -> None:
    await post.happens(1, 2)
    await post.happens(1, 2)
    await post.settle()
    await post.happens(1, 2)
    await post.settle()
    assert post.told() == [1, 2]


async def test_what_is_not_recorded_is_not_told(post: Post) -> None:
    await post.happens(1)
    other = a_change(an_event(1, to="returned"), an_event(2, to="approving"))
    with pytest.raises(EventsDiverged):
        await post.register.record(other)
    assert await post.unaddressed() == [1]


async def test_events_for_the_record_alone_are_not_told(post: Post) -> None:
    await post.register.record(a_change(an_event(1, EventKind.ISOLATED), an_event(2, to="approving")))
    assert await post.unaddressed() == [2]


async def test_an_event_that_cannot_be_addressed_holds_up_its_own_case_only(post: Post) -> None:
    post.audience.breaks_on = 2
    await post.happens(1, 2, 3)
    await post.happens(1, case=OTHER)
    await post.settle()
    assert (post.told(), post.told(OTHER)) == ([1], [1])
    post.audience.breaks_on = None
    post.clock.move(AGAIN_AFTER)
    await post.settle()
    assert post.told() == [1, 2, 3]


# --------------------------------------------------------------------------- arriving


async def test_a_receiver_that_was_away_for_a_day_hears_everything_in_order_and_once(post: Post) -> None:
    is_down = True
    post.channel.refuses = lambda _: Undelivered("connection refused") if is_down else None
    await post.happens(*range(1, 11))
    await post.happens(*range(1, 6), case=OTHER)
    await post.pass_time(DAY)
    await post.happens(11)
    assert post.channel.taken == []
    assert {parcel.seq for parcel in post.channel.tried} == {1}, "nothing overtakes"
    is_down = False
    await post.pass_time(LONGEST_DELAY * 2)
    assert post.told() == list(range(1, 12))
    assert post.told(OTHER) == list(range(1, 6))
    ids = [parcel.id for parcel in post.channel.taken]
    assert len(set(ids)) == len(ids) == 16
    assert {parcel.id for parcel in post.channel.tried} == set(ids), "an id stays the same at each attempt"


async def test_one_receiver_that_is_away_holds_up_no_other(post: Post) -> None:
    post.audience.receivers = ("person:li", "person:han")
    post.channel.refuses = lambda p: Undelivered("away") if p.receiver == "person:li" else None
    await post.happens(1, 2, 3)
    await post.settle()
    assert post.told() == [1, 2, 3]


async def test_after_three_days_it_is_a_dead_letter_and_the_next_has_its_turn(post: Post) -> None:
    post.channel.refuses = lambda parcel: Undelivered("away") if parcel.seq == 1 else None
    await post.happens(1, 2)
    await post.pass_time(GIVE_UP_AFTER - LONGEST_DELAY * 2)
    assert await post.states() == {1: "waiting", 2: "waiting"}
    await post.pass_time(LONGEST_DELAY * 4)
    assert await post.states() == {1: "dead", 2: "delivered"}


async def test_what_no_patience_can_mend_is_given_up_at_once(post: Post) -> None:
    post.channel.refuses = lambda _: Undelivered("the key is wrong", is_final=True)
    await post.happens(1)
    await post.settle()
    [dead] = (await post.sent.page(DeliveryFilter(), Slice(50))).items
    found = await post.sent.find(dead.id)
    assert (dead.state, dead.attempts, found.note) == (DeliveryState.DEAD, 1, "the key is wrong")


async def test_an_operator_sends_a_dead_letter_again_under_the_same_id(post: Post) -> None:
    post.channel.refuses = lambda _: Undelivered("the key is wrong", is_final=True)
    await post.happens(1)
    await post.settle()
    post.channel.refuses = lambda _: None
    dead = post.channel.tried[0].id
    await post.sent.replay(dead, OPERATOR)
    assert (await post.sent.find(dead)).head.state == DeliveryState.NEW
    await post.settle()
    assert [parcel.id for parcel in post.channel.taken] == [dead]
    with pytest.raises(DeliveryDone):
        await post.sent.replay(dead, OPERATOR)
    with pytest.raises(UnknownDelivery):
        await post.sent.replay("0" * 32, OPERATOR)


async def test_a_channel_that_breaks_is_tried_again(post: Post) -> None:
    broken = True

    def breaks(_: Parcel) -> Undelivered | None:
        if broken:
            raise KeyError("a fault in a channel")
        return None

    post.channel.refuses = breaks
    await post.happens(1)
    await post.settle()
    broken = False
    await post.pass_time(timedelta(seconds=10))
    assert post.told() == [1]


async def test_a_channel_that_is_not_configured_makes_a_dead_letter(post: Post) -> None:
    post.audience.channel = "pigeon"
    await post.happens(1)
    await post.settle()
    assert await post.states() == {1: "dead"}


async def test_a_receiver_says_how_long_it_does_not_want_to_be_bothered(post: Post) -> None:
    refusal = Undelivered("too fast", retry_after=timedelta(minutes=10))
    post.channel.refuses = lambda parcel: refusal if parcel.attempt == 1 else None
    await post.happens(1)
    await post.settle()
    await post.pass_time(timedelta(minutes=9), step=timedelta(minutes=1))
    assert post.told() == []
    await post.pass_time(timedelta(minutes=2), step=timedelta(minutes=1))
    assert post.told() == [1]


async def test_a_channel_with_a_limit_is_not_asked_more_often(post: Post) -> None:
    post.channel.per_minute = 3
    post.audience.receivers = tuple(f"person:{n}" for n in range(8))
    post.dispatcher = post.another()
    await post.happens(1)
    await post.settle()
    assert len(post.channel.taken) == 3
    await post.pass_time(timedelta(seconds=122), step=timedelta(seconds=61))
    assert len(post.channel.taken) == 8


# --------------------------------------------------------------------------- who is asleep

NIGHT = QuietHours("22:00", "07:00", "Asia/Shanghai")


async def test_quiet_hours_are_waited_for(post: Post) -> None:
    post.clock.at = datetime(2025, 6, 3, 15, 0, tzinfo=UTC)  # 23:00 in Shanghai
    post.audience.quiet = NIGHT
    await post.happens(1)
    await post.settle()
    assert post.told() == []
    await post.pass_time(timedelta(hours=8))
    assert post.told() == [1]


async def test_urgent_news_go_out_at_night_with_all_that_waited_before_them(post: Post) -> None:
    post.clock.at = datetime(2025, 6, 3, 15, 0, tzinfo=UTC)
    post.audience.quiet = NIGHT
    post.audience.is_urgent = lambda news: news.event.seq == 2
    await post.happens(1)
    await post.settle()
    await post.happens(2)
    await post.settle()
    assert post.told() == [1, 2]


# --------------------------------------------------------------------------- several processes, and deaths


async def test_a_process_that_dies_while_sending_leaves_it_to_another(post: Post) -> None:
    post.channel.pause = asyncio.Event()
    await post.happens(1, 2)
    dying = asyncio.create_task(post.dispatcher.turn())
    while not post.channel.tried:
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
    dying.cancel()
    post.channel.pause = None
    await post.settle()
    assert post.told() == [], "the dead process may still be at work, for all that is known"
    post.clock.move(LEASE)
    await post.settle()
    assert post.told() == [1, 2]


@pytest.fixture
async def on_postgres(postgres: Server) -> AsyncIterator[str]:
    with postgres.database() as name:
        url = postgres.url(name, "postgresql+asyncpg")
        await asyncio.to_thread(upgrade, url)
        yield url


async def race(post: Post) -> None:
    """Four processes send what two cases tell meanwhile."""
    post.audience.receivers = ("person:li", "subscription:1")
    dispatchers = [post.another() for _ in range(4)]

    async def tell() -> None:
        for n in range(1, 13):
            await asyncio.gather(post.happens(n), post.happens(n, case=OTHER))

    async def send(dispatcher: Dispatcher) -> None:
        for _ in range(200):
            done = await dispatcher.turn()
            if not done and len(post.channel.taken) >= 48:
                return

    await asyncio.gather(tell(), *(send(dispatcher) for dispatcher in dispatchers))
    await post.settle()
    for case in (CASE, OTHER):
        for receiver in post.audience.receivers:
            told = [p.seq for p in post.channel.taken if (p.case, p.receiver) == (case, receiver)]
            assert told == list(range(1, 13))


async def test_several_processes_tell_everything_in_order_and_once(post: Post) -> None:
    await race(post)


async def test_several_processes_tell_everything_in_order_and_once_on_postgresql(on_postgres: str) -> None:
    async with an_open_post(on_postgres) as post:
        await race(post)
        page = await post.sent.page(DeliveryFilter((DeliveryState.DONE,), "fake"), Slice(40))
        rest = await post.sent.page(DeliveryFilter(), Slice(40, page.next))
        ids = [head.id for head in (*page.items, *rest.items)]
        assert len(set(ids)) == len(ids) == 48
