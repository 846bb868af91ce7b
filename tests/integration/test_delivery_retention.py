"""Bodies of deliveries go after their time; that they were there stays, and what may be wanted stays."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from service.archive_tables import legal_holds
from service.database import Database, open_database
from service.delivery_retention import DeliveryRetention
from service.inbox.ports import DeliveryState, Place
from service.inbox.signatures import Sealed, SignatureFault
from service.inbox.store import Arrival, Settled
from service.migrate import upgrade
from service.refusals import DeliveryBodyRemoved
from service.sending.ports import Undelivered
from tests.integration.test_dead_letters import alarms
from tests.integration.test_dispatcher import HOOK, LEASE, Scene
from tests.integration.test_outbox import OPERATOR, OTHER, Post, an_open_post
from tests.integration.test_register import CASE, NOON, a_change, an_event
from tests.postgres import Server
from workflows.domain.digest import Json
from workflows.domain.request import CaseState
from workflows.periodic_steps import JobOrder

KEPT = timedelta(days=90)
RUN = JobOrder(schedule="delivery-bodies", job="delivery-bodies", ledger=None, run="run-1", at=NOON)
S = DeliveryState


@pytest.fixture
async def scene(tmp_path: Path, empty_register: Path) -> AsyncIterator[Scene]:
    shutil.copy(empty_register, tmp_path / "register.sqlite")
    made = Scene(open_database(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}"))
    yield made
    await made.database.aclose()


@pytest.fixture
async def post(tmp_path: Path, empty_register: Path) -> AsyncIterator[Post]:
    shutil.copy(empty_register, tmp_path / "register.sqlite")
    async with an_open_post(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}") as made:
        yield made


async def tidied(database: Database, at: datetime) -> tuple[Json, Json]:
    """How many bodies that came in, and that went out, were removed."""
    facts = (await DeliveryRetention(database, KEPT, lambda: at).tidy(RUN)).facts
    return facts["in"], facts["out"]


async def ends(scene: Scene, name: str, state: DeliveryState, case: str | None = None) -> str:
    number = await scene.store(name)
    await scene.claim("worker", most=100)
    await scene.inbox.settle(number, "worker", Settled(state, case))
    return number


async def test_a_body_that_came_in_goes_after_its_time_and_its_digest_stays(scene: Scene) -> None:
    number = await ends(scene, "a", S.DONE)
    assert await tidied(scene.database, scene.now + KEPT - timedelta(seconds=1)) == (0, 0)
    assert (await scene.inbox.find(number)).body == b"a"
    at = scene.now + KEPT
    assert await tidied(scene.database, at) == (1, 0)
    assert await tidied(scene.database, at) == (0, 0), "twice is once"
    found = await scene.inbox.find(number)
    assert (found.body, found.headers, found.query) == (b"", {}, "")
    assert (found.body_removed_at, found.body_sha256) == (at, hashlib.sha256(b"a").hexdigest())


async def test_the_same_delivery_is_still_once_and_its_replay_still_one(scene: Scene) -> None:
    number = await ends(scene, "a", S.DONE)
    scene.now += KEPT
    await tidied(scene.database, scene.now)
    assert await scene.store("a") == number
    assert await scene.claim("worker") == [], "it is not worked on again"
    replayed = Arrival({}, "", b"a", "", scene.now)
    with pytest.raises(SignatureFault):
        await scene.inbox.store(HOOK, Sealed("another id", "a"), Place("op", None, 0), replayed)


@pytest.mark.parametrize("state", [S.NEW, S.DEAD])
async def test_what_may_still_be_tried_keeps_its_body(scene: Scene, state: DeliveryState) -> None:
    number = await ends(scene, "a", state)
    assert await tidied(scene.database, scene.now + 10 * KEPT) == (0, 0)
    assert (await scene.inbox.find(number)).body == b"a"


@pytest.mark.parametrize("state", [S.FAILED, S.IGNORED])
async def test_what_has_no_body_any_more_cannot_be_tried_again(scene: Scene, state: DeliveryState) -> None:
    number = await ends(scene, "a", state)
    await scene.inbox.replay(number, OPERATOR)
    assert await scene.claim("worker") == [b"a"]
    scene.now += LEASE
    await scene.claim("other")
    await scene.inbox.settle(number, "other", Settled(state))
    scene.now += KEPT
    await tidied(scene.database, scene.now)
    with pytest.raises(DeliveryBodyRemoved) as refused:
        await scene.inbox.replay(number, OPERATOR)
    assert refused.value.removed_at == f"{scene.now:%Y-%m-%d}"


async def test_more_than_one_transaction_takes_are_removed_in_one_run(scene: Scene) -> None:
    for name in "abcde":
        await ends(scene, name, S.DONE)
    retention = DeliveryRetention(scene.database, KEPT, lambda: scene.now + KEPT, at_once=2)
    assert (await retention.tidy(RUN)).facts["in"] == 5


# --------------------------------------------------------------------------- what went out, and cases


async def _finish(post: Post, case: str = CASE) -> None:
    done = a_change(an_event(99, to="completed"), state=CaseState.COMPLETED, case=case)
    await post.register.record(done)
    await post.settle()


async def test_what_went_out_goes_too_once_its_case_has_ended(post: Post) -> None:
    await post.happens(1)
    await post.settle()
    post.clock.move(KEPT)
    assert await tidied(post.database, post.clock.at) == (0, 0), "its case runs"
    await _finish(post)
    assert await tidied(post.database, post.clock.at) == (0, 1)
    removed = await post.sent.find(post.channel.taken[0].id)
    assert (removed.body, removed.body_removed_at) == (b"", post.clock.at)
    assert (await post.sent.find(post.channel.taken[1].id)).body != b""
    await post.happens(1)
    await post.settle()
    assert post.told() == [1, 99], "the same event is not told again"


async def test_dead_letters_and_cases_under_a_legal_hold_keep_all(post: Post) -> None:
    post.channel.refuses = lambda parcel: Undelivered("wrong", is_final=True) if parcel.case == CASE else None
    await _finish(post)
    await _finish(post, OTHER)
    hold = {"case_id": OTHER, "reason": "诉讼", "set_by": "admin", "set_at": post.clock.at}
    await post.database.write(lambda connection: connection.execute(legal_holds.insert().values(hold)))
    assert await tidied(post.database, post.clock.at + 2 * KEPT) == (0, 0)
    lifted = legal_holds.update().values(lifted_at=post.clock.at)
    await post.database.write(lambda connection: connection.execute(lifted))
    assert await tidied(post.database, post.clock.at + 2 * KEPT) == (0, 1)


async def test_a_server_removes_and_tells_alike(postgres: Server) -> None:
    with postgres.database() as name:
        url = postgres.url(name, "postgresql+asyncpg")
        await asyncio.to_thread(upgrade, url)
        async with an_open_post(url) as post:
            post.channel.refuses = lambda p: Undelivered("wrong", is_final=True) if p.case == OTHER else None
            await _finish(post)
            await _finish(post, OTHER)
            scene = Scene(post.database, post.clock.at)
            number = await ends(scene, "a", S.DONE)
            assert await tidied(post.database, post.clock.at + KEPT) == (1, 1)
            assert (await scene.inbox.find(number)).body == b""
            assert [alarm.facts["dead"] for alarm in await alarms(post.database)] == [1]
            [_, dead] = sorted(post.channel.tried, key=lambda parcel: parcel.case)
            await post.sent.replay(dead.id, OPERATOR)
            assert await alarms(post.database) == []
