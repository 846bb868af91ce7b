"""Receivers that are slow or away: each is waited for on its own, and nobody else with it."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from service.sending import dispatcher
from service.sending.addressing import Addressing
from service.sending.deliveries import Deliveries, Limits
from service.sending.dispatcher import AT_ONCE_TO_RECEIVER, LONGEST_ATTEMPT
from service.sending.patience import FIRST_DELAY, GIVE_UP_AFTER
from service.sending.ports import Parcel, Undelivered
from service.sending.rests import LONGEST_REST
from tests.fake_receivers import FakeChannel
from tests.hooks_world import until
from tests.integration.test_outbox import OTHER, Post, an_open_post, on_postgres, post  # noqa: F401
from tests.integration.test_register import CASE, a_request

LI, HAN = "subscription:li", "subscription:han"
THIRD = "UC-2025-000003"


async def address(post: Post) -> None:  # noqa: F811
    await Addressing(post.database, [post.audience], post.clock).turn()


@dataclass
class HangingChannel(FakeChannel):
    """Some receivers take the connection and never answer."""

    hang: frozenset[str] = frozenset()
    waiting: Counter[str] = field(default_factory=Counter)

    async def send(self, parcel: Parcel) -> None:
        if parcel.receiver in self.hang:
            self.waiting[parcel.receiver] += 1
            await asyncio.Event().wait()
        await super().send(parcel)


async def test_receivers_that_never_answer_hold_up_no_other(post: Post) -> None:  # noqa: F811
    slow = tuple(f"subscription:slow-{n}" for n in range(8))
    channel = post.channel = HangingChannel(hang=frozenset(slow))
    post.audience.receivers = (*slow, HAN)
    post.dispatcher = post.another()
    await post.register.receive(a_request(THIRD))
    for case in (CASE, OTHER, THIRD):
        await post.happens(*range(1, 6), case=case)

    async def is_told() -> bool:
        return len(channel.taken) == 15

    running = asyncio.create_task(post.dispatcher.run())
    await until(is_told)
    running.cancel()
    await asyncio.wait([running])
    assert [post.told(case) for case in (CASE, OTHER, THIRD)] == [[1, 2, 3, 4, 5]] * 3
    assert channel.waiting == dict.fromkeys(slow, AT_ONCE_TO_RECEIVER), "and few wait for each of the slow"


async def require_fair(post: Post) -> None:  # noqa: F811
    post.audience.receivers = (LI,)
    await post.happens(1)
    await post.happens(1, case=OTHER)
    await address(post)
    post.audience.receivers = (HAN,)
    await post.happens(2)
    await address(post)
    deliveries = Deliveries(post.database)
    first = await deliveries.claim(post.clock.at, Limits(2))
    assert {one.parcel.receiver for one in first} == {LI, HAN}
    second = await deliveries.claim(post.clock.at, Limits(2, held=(LI,)))
    assert second == ()
    [third] = await deliveries.claim(post.clock.at, Limits(2))
    assert third.parcel.receiver == LI


async def test_what_waits_long_for_one_receiver_leaves_room_for_another(post: Post) -> None:  # noqa: F811
    await require_fair(post)


async def test_it_does_so_on_postgresql(on_postgres: str) -> None:  # noqa: F811
    async with an_open_post(on_postgres) as opened:
        await require_fair(opened)


async def test_a_receiver_that_does_not_answer_is_left_alone_as_a_whole(post: Post) -> None:  # noqa: F811
    is_away = True
    post.audience.receivers = (LI, HAN)
    post.channel.refuses = lambda p: (
        Undelivered("no answer", is_away=True) if p.receiver == LI and is_away else None
    )
    await post.happens(1)
    await post.settle()
    await post.happens(1, case=OTHER)
    await post.settle()
    assert Counter(parcel.receiver for parcel in post.channel.tried) == {LI: 1, HAN: 2}
    post.clock.move(FIRST_DELAY)
    await post.settle()
    assert len([p for p in post.channel.tried if p.receiver == LI]) == 2, "asked again with one, not with all"
    is_away = False
    await post.pass_time(2 * LONGEST_REST, step=timedelta(seconds=5))
    assert {p.case for p in post.channel.taken if p.receiver == LI} == {CASE, OTHER}


async def test_an_attempt_as_a_whole_has_a_deadline(
    post: Post,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert timedelta(seconds=30) >= LONGEST_ATTEMPT
    monkeypatch.setattr(dispatcher, "LONGEST_ATTEMPT", timedelta(0))
    post.audience.receivers = (LI,)
    channel = post.channel = HangingChannel(hang=frozenset({LI}))
    post.dispatcher = post.another()
    await post.happens(1)
    await post.happens(1, case=OTHER)
    await post.settle()
    assert (await post.states(), channel.waiting[LI]) == ({1: "waiting"}, 1)


async def test_what_is_given_up_makes_room_for_what_has_waited_as_long(post: Post) -> None:  # noqa: F811
    post.audience.receivers = (LI,)
    post.channel.refuses = lambda _: Undelivered("no answer", is_away=True)
    for case in (CASE, OTHER):
        await post.happens(1, 2, case=case)
    await address(post)
    post.clock.move(GIVE_UP_AFTER)
    await post.settle()
    assert await post.states() == {1: "dead", 2: "dead"}
