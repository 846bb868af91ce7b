"""Dispatchers side by side on one inbox: who dies is replaced, what fails too often is dead, order holds."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, event, select

from service.database import Database, open_database
from service.deliveries import DeliveryFilter, DeliveryHead
from service.inbox.dispatcher import CROWD, MOST_FAULTS, PACE, WITHIN, Dispatcher, back_off
from service.inbox.hooks import HookBook
from service.inbox.ports import Delivery, DeliveryState, Hook, HookKind, Outcome, Place, TryLater
from service.inbox.signatures import Fault, Sealed, SignatureFault
from service.inbox.store import Arrival, Inbox, Settled
from service.inbox_tables import inbox
from service.migrate import upgrade
from service.queries import Slice
from tests.hooks_world import OFTEN, FakeHandler, until
from tests.postgres import Server
from workflows.domain.errors import WorkflowUnavailable

HOOK = Hook("form", HookKind.JIANDAOYUN, (SecretStr("s"),), "portal", timedelta(hours=1))
LEASE = timedelta(seconds=6)


@dataclass
class Scene:
    """An inbox with a clock of its own."""

    database: Database
    now: datetime = field(default_factory=lambda: datetime(2025, 6, 3, 8, tzinfo=UTC))

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.database, self.clock)
        self.handler = FakeHandler()

    def clock(self) -> datetime:
        return self.now

    def dispatcher(self, handler: FakeHandler | None = None) -> Dispatcher:
        handlers = {HookKind.JIANDAOYUN: handler or self.handler}
        return Dispatcher(self.inbox, HookBook((HOOK,)), handlers, self.clock, look_every=OFTEN)

    async def store(self, name: str, record: str | None = None, moment: int = 0) -> str:
        arrival = Arrival({}, "", name.encode(), "192.0.2.1", self.now)
        return await self.inbox.store(HOOK, Sealed(name, name), Place("op", record, moment), arrival)

    async def page(self) -> tuple[DeliveryHead, ...]:
        return tuple((await self.inbox.page(DeliveryFilter(), Slice(100))).items)

    async def claim(self, who: str, most: int = 8) -> list[bytes]:
        return [delivery.body for delivery in await self.inbox.claim(who, most, LEASE)]

    async def row(self, name: str) -> tuple[str, int, datetime]:
        wanted = select(inbox.c.state, inbox.c.attempts, inbox.c.due_at).where(inbox.c.delivery_id == name)
        state, attempts, due = await self.database.read(lambda db: db.execute(wanted).one())
        return state, attempts, due

    async def tried(self, name: str, times: int) -> None:
        async def is_tried() -> bool:
            state, attempts, due = await self.row(name)
            return attempts >= times and (state != "new" or due > self.now)

        await until(is_tried)


@pytest.fixture
async def scene(tmp_path: Path, empty_register: Path) -> AsyncIterator[Scene]:
    copy(empty_register, tmp_path / "register.sqlite")
    made = Scene(open_database(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}"))
    yield made
    await made.database.aclose()


async def fails(delivery: Delivery) -> Outcome:
    raise ValueError("nobody has thought of this")


def test_back_off_doubles_up_to_half_a_minute() -> None:
    assert [back_off(n).total_seconds() for n in (1, 2, 3, 5, 6, 1000)] == [1, 2, 4, 16, 30, 30]


# --------------------------------------------------------------------------- claims


async def test_what_one_has_in_hand_no_other_gets_until_the_lease_has_run_out(scene: Scene) -> None:
    await scene.store("a")
    assert await scene.claim("one") == [b"a"]
    assert await scene.claim("two") == []
    scene.now += LEASE
    assert await scene.claim("two") == [b"a"]


async def test_whoever_renews_keeps_it(scene: Scene) -> None:
    await scene.store("a")
    await scene.claim("one")
    scene.now += LEASE / 2
    await scene.inbox.renew("one", LEASE)
    scene.now += LEASE / 2
    assert await scene.claim("two") == []


async def test_who_was_too_slow_does_not_overwrite_what_another_has_done(scene: Scene) -> None:
    number = await scene.store("a")
    await scene.claim("slow")
    scene.now += LEASE
    await scene.claim("quick")
    assert await scene.inbox.settle(number, "quick", Settled(DeliveryState.DONE, "UC-2025-000001"))
    assert not await scene.inbox.settle(number, "slow", Settled(DeliveryState.FAILED))
    assert (await scene.inbox.find(number)).head.case == "UC-2025-000001"


async def test_of_one_record_the_oldest_comes_first_and_alone(scene: Scene) -> None:
    for name, record, moment in (("b", "r", 2), ("a", "r", 1), ("c", "s", 9), ("d", None, 9), ("e", None, 9)):
        await scene.store(name, record, moment)
    assert sorted(await scene.claim("one")) == [b"a", b"c", b"d", b"e"]
    await scene.store("z", "r", 0)
    assert await scene.claim("two") == [], "an older one that comes later waits for the one in hand"
    await scene.inbox.settle((await scene.inbox.find(await scene.store("a"))).head.id, "one", DONE)
    assert await scene.claim("two") == [b"z"]


DONE = Settled(DeliveryState.DONE)


async def test_what_is_due_is_found_by_the_indexes_over_new_deliveries(scene: Scene) -> None:
    """Without them each claim reads every open delivery once for each other one, and holds up all writers."""
    asked: list[tuple[str, Any]] = []  # Any: the driver's

    def keep(_connection: object, _cursor: object, statement: str, given: Any, *_: object) -> None:
        if "EXISTS" in statement:
            asked.append((statement, given))

    def watch(connection: Connection) -> None:
        event.listen(connection.engine, "before_cursor_execute", keep)

    await scene.database.read(watch)
    await scene.claim("one")
    statement, given = asked[0]
    plan = await scene.database.read(
        lambda db: db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).scalars(3).all()
    )
    assert [step for step in plan if "SEARCH" in step] == [
        "SEARCH inbox USING INDEX ix_inbox_due (state=? AND due_at<?)",
        "SEARCH other USING INDEX ix_inbox_record (state=? AND hook=? AND record=?)",
    ]


# --------------------------------------------------------------------------- attempts


async def test_what_fails_in_an_unknown_way_is_tried_a_few_times_and_then_dead(scene: Scene) -> None:
    scene.handler.react = fails
    number = await scene.store("a")
    async with scene.dispatcher().running():
        for n in range(1, MOST_FAULTS + 1):
            await scene.tried("a", n)
            scene.now += timedelta(minutes=1)
    found = await scene.inbox.find(number)
    assert (found.head.state, found.head.attempts) == (DeliveryState.DEAD, MOST_FAULTS)
    assert found.head.problem_type == "/problems/unexpected"


async def test_a_delivery_that_kills_whoever_touches_it_is_dead_in_the_end(scene: Scene) -> None:
    number = await scene.store("a")
    for n in range(MOST_FAULTS):
        assert await scene.claim(f"killed-{n}") == [b"a"]
        scene.now += LEASE
    async with scene.dispatcher().running():
        await scene.tried("a", MOST_FAULTS + 1)
    assert (await scene.inbox.find(number)).head.state == DeliveryState.DEAD
    assert scene.handler.handed == []


@pytest.mark.parametrize(
    "reason", [WorkflowUnavailable("unavailable"), TryLater("not on record yet", timedelta(seconds=5))]
)
async def test_what_nobody_is_to_blame_for_is_tried_for_ever(scene: Scene, reason: Exception) -> None:
    async def react(delivery: Delivery) -> Outcome:
        if delivery.attempts <= MOST_FAULTS + 2:
            raise reason
        return Outcome(case="UC-2025-000001")

    scene.handler.react = react
    number = await scene.store("a")
    async with scene.dispatcher().running():
        for n in range(1, MOST_FAULTS + 4):
            await scene.tried("a", n)
            scene.now += timedelta(minutes=1)
    found = await scene.inbox.find(number)
    assert (found.head.state, found.head.case) == (DeliveryState.DONE, "UC-2025-000001")


async def test_a_dispatcher_that_ends_lets_its_work_end_and_the_next_one_takes_the_rest(scene: Scene) -> None:
    gate = asyncio.Event()

    async def wait(delivery: Delivery) -> Outcome:
        await gate.wait()
        return Outcome()

    scene.handler.react = wait
    await scene.store("a", "r", 1)
    await scene.store("b", "r", 2)
    async with scene.dispatcher().running():

        async def is_handed() -> bool:
            return bool(scene.handler.handed)

        await until(is_handed)
        gate.set()
    assert (await scene.row("a"))[0] == "done"
    async with scene.dispatcher().running():
        await scene.tried("b", 1)


async def test_while_a_crowd_comes_in_few_are_handed_on_and_then_all(scene: Scene) -> None:
    for n in range(CROWD):
        await scene.store(str(n))

    async def are_done(many: int) -> bool:
        return len([head for head in await scene.page() if head.state == DeliveryState.DONE]) >= many

    async with scene.dispatcher().running():
        for n in range(1, int(WITHIN / PACE) + 1):
            await until(partial(are_done, n))
            assert len(scene.handler.handed) == n
            scene.now += PACE
        await until(partial(are_done, CROWD))


# --------------------------------------------------------------------------- side by side


async def require_once_and_in_order(scene: Scene, deliveries: int = 40, records: int = 5) -> None:
    """Three dispatchers at once: each delivery is handed on once, and each record in its order."""
    handed: dict[str | None, list[bytes]] = {}
    at_work: set[str | None] = set()

    async def react(delivery: Delivery) -> Outcome:
        assert delivery.record not in at_work, "two of one record at once"
        at_work.add(delivery.record)
        await asyncio.sleep(0)
        at_work.remove(delivery.record)
        handed.setdefault(delivery.record, []).append(delivery.body)
        return Outcome()

    async def are_all_done() -> bool:
        still_new = select(inbox.c.id).where(inbox.c.state == "new").limit(1)
        return await scene.database.read(lambda db: db.execute(still_new).first() is None)

    scene.handler.react = react
    for n in range(deliveries):
        await scene.store(f"{n:03d}", f"record-{n % records}", n)
    scene.now += WITHIN
    one, two, three = (scene.dispatcher() for _ in range(3))
    async with one.running(), two.running(), three.running():
        await until(are_all_done)
    assert handed == {
        f"record-{r}": [f"{n:03d}".encode() for n in range(r, deliveries, records)] for r in range(records)
    }


async def test_dispatchers_side_by_side_hand_each_delivery_on_once_and_in_order(scene: Scene) -> None:
    await require_once_and_in_order(scene)


async def test_they_do_so_on_postgresql(postgres: Server) -> None:
    with postgres.database() as name:
        url = postgres.url(name, "postgresql+asyncpg")
        await asyncio.to_thread(upgrade, url)
        scene = Scene(open_database(url))
        try:
            await require_once_and_in_order(scene)
            await store_again_and_replay(scene)
        finally:
            await scene.database.aclose()


async def store_again_and_replay(scene: Scene) -> None:
    """What else is said otherwise on a server: the same delivery again, refusals counted, a page read."""
    number = await scene.store("000", "record-0", 0)
    await scene.inbox.count_refusal("form", Fault.WRONG)
    await scene.inbox.count_refusal("form", Fault.WRONG)
    [refused] = await scene.inbox.refusals(1)
    assert (refused.hook, refused.fault, refused.count) == ("form", Fault.WRONG, 2)
    page = await scene.inbox.page(DeliveryFilter((DeliveryState.DONE,), "form"), Slice(100))
    assert number in {head.id for head in page.items}
    again = Arrival({}, "", b"", "", scene.now)
    with pytest.raises(SignatureFault):
        await scene.inbox.store(HOOK, Sealed("another id", "000"), Place(), again)
