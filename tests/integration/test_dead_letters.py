"""What was given up is told to operators, once for each hook; telling them cannot itself be given up."""

import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from service.database import Database, open_database
from service.inbox.ports import DeliveryState
from service.inbox.store import Settled
from service.outbox_tables import outbox, outgoing
from service.queries import Slice, TaskFilter
from service.sending.ports import Undelivered
from service.standing_tasks import StandingTasks, StandingView
from tests.integration.test_dispatcher import LEASE, Scene
from tests.integration.test_outbox import OPERATOR, OTHER, Post, an_open_post
from tests.integration.test_register import CASE
from tests.integration.test_subscriptions import Mail, a_mail, subscribe
from tests.people_world import Office, an_office
from workflows.domain.approval import Group
from workflows.domain.case import Actor
from workflows.domain.standing import AlarmCode

KEY_IS_WRONG = Undelivered("the key is wrong", is_final=True)


@pytest.fixture
async def post(tmp_path: Path, empty_register: Path) -> AsyncIterator[Post]:
    shutil.copy(empty_register, tmp_path / "register.sqlite")
    async with an_open_post(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}") as made:
        made.channel.refuses = lambda _: KEY_IS_WRONG
        yield made


async def alarms(database: Database, is_open: bool | None = True) -> list[StandingView]:
    """Newest first."""
    page = await StandingTasks(database).page(TaskFilter(is_open=is_open), Slice(50))
    return [task for task in page.items if task.code == AlarmCode.DELIVERY_DEAD]


async def test_a_dead_letter_is_an_alarm_for_operators(post: Post) -> None:
    await post.happens(1)
    await post.settle()
    [alarm] = await alarms(post.database)
    assert (alarm.owner, alarm.is_open) == (Group.OPERATOR, True)
    assert alarm.facts == {
        "direction": "out",
        "hook": "fake",
        "delivery": post.channel.tried[0].id,
        "case": CASE,
        "says": "the key is wrong",
        "dead": 1,
    }


async def test_what_is_only_tried_again_is_no_alarm(post: Post) -> None:
    post.channel.refuses = lambda _: Undelivered("away")
    await post.happens(1)
    await post.pass_time(timedelta(hours=5))
    assert await alarms(post.database) == []


async def test_many_dead_letters_of_one_channel_are_one_alarm_and_nothing_is_sent_because_of_it(
    post: Post,
) -> None:
    await post.happens(*range(1, 6))
    await post.happens(*range(1, 4), case=OTHER)
    await post.settle()
    [alarm] = await alarms(post.database)
    assert alarm.facts["dead"] == 8
    # Every channel refuses everything: were the alarm sent to anybody, it would be a ninth dead letter.
    await post.pass_time(timedelta(days=1))
    assert await _counts(post.database) == (0, 8)
    assert len(await alarms(post.database, None)) == 1


async def test_the_alarm_ends_with_the_last_replay_and_comes_again_with_the_next_death(post: Post) -> None:
    await post.happens(1, 2)
    await post.settle()
    for parcel in post.channel.tried:
        assert len(await alarms(post.database)) == 1
        await post.sent.replay(parcel.id, OPERATOR)
    [closed] = await alarms(post.database, None)
    assert (closed.is_open, closed.closed_by) == (False, OPERATOR.person)
    await post.settle()
    [again] = await alarms(post.database)
    assert again.id != closed.id
    assert again.facts["dead"] == 2


async def test_an_alarm_that_a_person_has_closed_comes_again_with_the_next_death_only(post: Post) -> None:
    await post.happens(1)
    await post.settle()
    [alarm] = await alarms(post.database)
    operator = Actor("operator", groups=(Group.OPERATOR,))
    await StandingTasks(post.database).close(alarm.id, operator, "the receiver is gone for good")
    await post.pass_time(timedelta(days=1))
    assert await alarms(post.database) == []
    await post.happens(2)
    await post.settle()
    assert [task.facts["dead"] for task in await alarms(post.database)] == [2]


async def test_a_dead_delivery_of_a_hook_is_an_alarm_too(tmp_path: Path, empty_register: Path) -> None:
    shutil.copy(empty_register, tmp_path / "register.sqlite")
    scene = Scene(open_database(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}"))
    number = await scene.store("a")
    await scene.claim("slow")
    scene.now += LEASE
    await scene.claim("quick")
    dead = Settled(DeliveryState.DEAD, problem={"en": {"title": "Unexpected"}})
    await scene.inbox.settle(number, "slow", dead)
    assert await alarms(scene.database) == [], "it is not the slow one's to end"
    await scene.inbox.settle(number, "quick", dead)
    [alarm] = await alarms(scene.database)
    assert {name: alarm.facts[name] for name in ("direction", "hook", "delivery", "says", "dead")} == {
        "direction": "in",
        "hook": "form",
        "delivery": number,
        "says": "Unexpected",
        "dead": 1,
    }
    await scene.inbox.replay(number, OPERATOR)
    assert await alarms(scene.database) == []
    await scene.database.aclose()


async def _counts(database: Database) -> tuple[int, int]:
    """Events that are not addressed, and deliveries out."""

    def count(connection: Connection) -> tuple[int, int]:
        unaddressed, out = (
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (outbox, outgoing)
        )
        return unaddressed, out

    return await database.read(count)


# --------------------------------------------------------------------------- as operators see it


@pytest.fixture
async def office(tmp_path: Path, empty_register: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path, empty_register) as opened:
        await opened.hire("operator", Group.OPERATOR)
        await opened.hand_out("operator")
        yield opened


@pytest.mark.parametrize(
    ("language", "title"), [("zh", "有推送或消息已放弃投递"), ("en", "A delivery was given up")]
)
async def test_operators_find_it_among_their_tasks_in_their_language(
    office: Office, language: str, title: str
) -> None:
    made = await subscribe(office)
    async with a_mail(office) as mail:
        await _gone(mail)
    answer = await office.as_(
        "operator", "GET", "/tasks?mine=true&state=open", headers={"Accept-Language": language}
    )
    [task] = answer.json()["items"]
    assert task["title"].startswith(title)
    assert "/replay" in task["standing"]["remedy"]
    assert (task["standing"]["facts"]["hook"], task["standing"]["facts"]["says"]) == (
        made["id"],
        "answered 410",
    )
    for who in ("clerk", "finance"):
        theirs = await office.as_(who, "GET", "/tasks?mine=true&state=open")
        assert theirs.json()["items"] == []


async def _gone(mail: Mail) -> None:
    mail.receiver.answers = 410
    await mail.happens(1)
