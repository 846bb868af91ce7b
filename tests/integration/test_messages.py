"""Who is told what, once, in their language, by the channel they prefer; and the links they get."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select

from service.database import Database, open_database
from service.dev_people import PEOPLE
from service.directory import RegisterDirectory
from service.outbox_tables import outgoing
from service.refusals import LinkExpired, LinkOfAnother, LinkUsed, UnknownLink
from service.register import SqlRegister
from service.sending.channel_book import ChannelBook, ChannelsUnreadable
from service.sending.dispatcher import Dispatcher
from service.sending.letters import Letter, LetterChannel
from service.sending.links import GOOD_FOR, DecisionLinks
from service.sending.mail import MailCourier, MailServer
from service.sending.messages import Messages, Style
from service.sending.people import Recipients
from service.sending.ports import News, QuietHours, Undelivered
from service.sending.preferences import Preference, Preferences, Way
from service.texts import Language
from tests.fake_receivers import FakeClock
from tests.integration.test_register import CASE, NOON, a_request, an_event
from tests.people_world import Office, an_office, problem
from workflows.domain.approval import Group
from workflows.domain.case import CaseChange, CaseEvent, EventKind, Task, TaskAction, TaskClosing, TaskKind
from workflows.domain.digest import Json
from workflows.domain.request import CaseState

CHANNELS = """
[channels.mail]
kind = "email"
host = "127.0.0.1"
sender = "unclose@example.com"
domains = ["example.com"]

[channels.chat]
kind = "wecom"
url = "env:UNCLOSE_TEST_ROBOT"
groups = ["warehouse", "finance", "it", "operator", "erp_admin", "finance_head", "auditor"]
"""


@pytest.fixture
def channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNCLOSE_TEST_ROBOT", "https://robot.example/send?key=k")
    file = tmp_path / "channels.toml"
    file.write_text(CHANNELS, encoding="utf-8")
    return file


@dataclass
class FakeCourier:
    """Takes every letter."""

    per_minute: int | None = None
    taken: list[Letter] = field(default_factory=list)

    async def deliver(self, letter: Letter, at: datetime) -> None:
        self.taken.append(letter)


@dataclass
class Mailroom:
    """A register with the development people, and couriers that take every letter."""

    database: Database
    book: ChannelBook
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON))
    seq: int = 0

    def __post_init__(self) -> None:
        self.register = SqlRegister(self.database)
        self.preferences = Preferences(self.database, self.clock)
        self.links = DecisionLinks(self.database, b"key", self.clock)
        directory = RegisterDirectory(self.database, PEOPLE, self.clock)
        self.couriers = {name: FakeCourier() for name in self.book.entries}
        doors = {
            name: LetterChannel(courier, self.links, "https://unclose.example.com/")
            for name, courier in self.couriers.items()
        }
        self.recipients = Recipients(self.database, directory, self.clock)
        messages = Messages(self.book, self.recipients, self.preferences, Style())
        self.dispatcher = Dispatcher(self.database, doors, [messages], self.clock, chance=lambda: 0.5)

    async def happens(self, kind: EventKind, *, actor: str = "unclose", **more: Any) -> None:
        """One event, with what the change carries beside it."""
        change = {name: more.pop(name) for name in ("opened", "closed", "parts") if name in more}
        self.seq += 1
        event = CaseEvent(self.seq, NOON, actor, None, kind, more)
        await self.register.record(CaseChange(CASE, CaseState.APPROVING, (event,), **change))
        while await self.dispatcher.turn():
            pass

    async def moves(self, to: CaseState, **more: Any) -> None:
        await self.happens(EventKind.STATE_CHANGED, **{"from": "checking", "to": str(to)}, **more)

    async def prefers(self, person: str, **wishes: Any) -> None:
        """By mail, if nothing else is said."""
        ways = (Way("mail", f"{person}@example.com"),)
        await self.preferences.put(person, Preference(**{"channels": ways, **wishes}))

    def take(self, channel: str) -> list[Letter]:
        """What has come since it was looked at last."""
        found, self.couriers[channel].taken = self.couriers[channel].taken, []
        return found

    async def told(self) -> dict[str, tuple[str, str]]:
        """Receiver → kind and channel of everything since the last look."""
        rows = await self.database.read(
            lambda c: c.execute(select(outgoing).where(outgoing.c.seq == self.seq)).all()
        )
        return {row.receiver: (row.type, row.channel) for row in rows}


@pytest.fixture
async def room(tmp_path: Path, empty_register: Path, channels: Path) -> AsyncIterator[Mailroom]:
    shutil.copy(empty_register, tmp_path / "register.sqlite")
    database = open_database(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}")
    opened = Mailroom(database, ChannelBook.load(channels))
    await opened.register.receive(a_request(correctors=("clerk",)))
    for person in ("clerk", "warehouse", "finance", "operator", "erp-admin", "finance-head"):
        await opened.prefers(person)
    yield opened
    await database.aclose()


def a_task(name: str = "warehouse", kind: TaskKind = TaskKind.APPROVAL, **facts: Any) -> Task:
    known: dict[str, Any] = {
        "groups": (Group.WAREHOUSE,),
        "persons": ("warehouse",),
        "due": NOON + timedelta(hours=8),
        **facts,
    }
    return Task(
        f"{CASE}-{name}", kind, name, actions=(TaskAction.APPROVE,), digest=None, opened_at=NOON, **known
    )


async def ask(room: Mailroom, task: Task) -> None:
    await room.happens(EventKind.ASKED, task=task.id, persons=list(task.persons), opened=(task,))


# --------------------------------------------------------------------------- who is told


async def test_whoever_holds_a_task_is_told_once_with_a_link_and_who_is_informed_without(
    room: Mailroom,
) -> None:
    await ask(room, a_task(cc=("finance",)))
    holder, informed = sorted(room.take("mail"), key=lambda letter: letter.address, reverse=True)
    assert (holder.address, informed.address) == ("warehouse@example.com", "finance@example.com")
    assert holder.title == "【反结账】您有新任务：审批（仓储部）"
    assert "UC-2025-000001：账套 demo，期间 2025-03，申请人 clerk" in holder.text
    assert "2025-06-03 20:00" in holder.text, "deadlines are told by the clock of the place"
    assert "/go/" in holder.link
    assert "/go/" not in informed.link
    assert informed.title.startswith("【反结账】抄送")


async def test_people_read_for_whom_a_service_account_has_asked(room: Mailroom) -> None:
    asked = a_request("UC-2025-000002", applicant="portal", on_behalf_of="clerk")
    await room.register.receive(asked)
    audience = Messages(room.book, room.recipients, room.preferences, Style())
    event = an_event(1, to=str(CaseState.RETURNED))
    [told] = await audience.addressed(News(asked, event, CaseState.RETURNED))
    assert "申请人 clerk。" in str(told.body["text"])
    assert "portal" not in str(told.body["text"])


async def test_a_task_of_whole_groups_is_told_to_their_members_and_not_to_the_applicant(
    room: Mailroom,
) -> None:
    groups = (Group.ERP_ADMIN, Group.FINANCE_HEAD, Group.APPLICANT)
    task = a_task("authorisation", TaskKind.AUTHORISATION, groups=groups, persons=())
    await ask(room, task)
    assert await room.told() == {
        "person:erp-admin": ("authorise", "mail"),
        "person:finance-head": ("authorise", "mail"),
    }


async def test_whoever_has_no_wish_of_their_own_is_told_in_the_chat_of_their_group(room: Mailroom) -> None:
    await ask(room, a_task("it", groups=(Group.IT,), persons=("it", "auditor")))
    assert await room.told() == {"channel:chat": ("task", "chat")}
    [letter] = room.take("chat")
    assert letter.text.startswith("致：it、auditor\n")
    assert "/requests/UC-2025-000001" in letter.link, "a chat gets no link that decides"


async def test_whoever_cannot_be_reached_is_a_dead_letter_that_operators_see(room: Mailroom) -> None:
    await ask(room, a_task(persons=("admin",)))
    [row] = await room.database.read(lambda c: c.execute(select(outgoing)).all())
    assert (row.receiver, row.channel, row.state) == ("person:admin", "unreachable", "dead")


async def test_without_channels_nobody_is_told_and_nothing_is_left_over(room: Mailroom) -> None:
    room.book = ChannelBook({})
    room.__post_init__()
    await ask(room, a_task())
    assert await room.told() == {}


async def test_who_has_left_is_told_nothing(room: Mailroom) -> None:
    await ask(room, a_task(persons=("ghost", "warehouse")))
    assert set(await room.told()) == {"person:warehouse"}


async def test_a_reminder_goes_to_those_who_have_not_answered(room: Mailroom) -> None:
    task = a_task(persons=("warehouse", "finance"))
    await ask(room, task)
    decided: dict[str, Json] = {"task": task.id, "group": "warehouse", "answer": "approve", "digest": "d"}
    await room.happens(EventKind.DECIDED, actor="warehouse", **decided)
    await room.happens(EventKind.REMINDED, actor="clerk", because="the applicant asks", comment="请尽快")
    assert await room.told() == {"person:finance": ("reminder", "mail")}
    assert "clerk 的意见：请尽快" in room.take("mail")[-1].text


async def test_an_escalation_is_told_to_the_new_ones_and_reminds_the_old(room: Mailroom) -> None:
    await ask(room, a_task())
    await room.happens(EventKind.ESCALATED, level=1, name="warehouse", to=["finance-head"])
    assert await room.told() == {
        "person:finance-head": ("escalated", "mail"),
        "person:warehouse": ("reminder", "mail"),
    }


async def test_failed_checks_are_told_with_what_to_do_about_them(room: Mailroom) -> None:
    finding: Json = {"code": "document_frozen", "count": 1, "rows": []}
    info: Json = {"code": "blast_radius", "count": 1, "rows": []}
    await room.prefers("clerk", language=Language.EN)
    await room.moves(CaseState.CHECKS_FAILED, parts={"findings": [finding, info]})
    [letter] = room.take("mail")
    assert letter.title == "[Unclose] The checks have failed"
    assert "- Bills are frozen: Unfreeze the listed bills." in letter.text
    assert "opening touches" not in letter.text


async def test_the_window_is_told_to_correctors_when_it_opens_is_about_to_close_and_closes(
    room: Mailroom,
) -> None:
    until = (NOON + timedelta(hours=24)).isoformat()
    correction = a_task("correction", TaskKind.CORRECTION, groups=(), persons=("clerk",))
    await room.happens(EventKind.WINDOW_OPENED, persons=["clerk"], until=until)
    assert await room.told() == {"person:clerk": ("window_opened", "mail")}
    await ask(room, correction)
    assert await room.told() == {}, "the window's own news has told it"
    await room.happens(EventKind.REMINDED, because="the window ends", until=until, waiting_for=["clerk"])
    assert await room.told() == {"person:clerk": ("window_closing", "mail")}
    closing = TaskClosing(correction.id, "finish", "clerk", NOON)
    await room.happens(EventKind.WINDOW_CLOSED, because="finished", closed=(closing,))
    assert await room.told() == {"person:clerk": ("window_closed", "mail")}
    assert [letter.title for letter in room.take("mail")] == [
        "【反结账】更正窗口已打开",
        "【反结账】更正窗口即将关闭",
        "【反结账】更正窗口已关闭",
    ]


async def test_attention_is_told_with_the_failure_in_words(room: Mailroom) -> None:
    failure: Json = {"error": "SessionsRemain", "says": "x", "facts": {"ledger": "demo", "users": "王五"}}
    await room.happens(EventKind.ATTENTION_NEEDED, came_from="isolating", failure=failure)
    assert await room.told() == {
        f"person:{who}": ("attention", "mail") for who in ("operator", "erp-admin", "clerk")
    }
    assert "原因：" in room.take("mail")[0].text


@pytest.mark.parametrize(
    "end",
    ["completed", "rejected", "expired", "withdrawn", "rolled_back"],
)
async def test_at_the_end_everyone_with_a_part_in_it_is_told_once(room: Mailroom, end: str) -> None:
    task = a_task(cc=("finance",))
    await ask(room, task)
    for person in ("warehouse", "erp-admin"):
        said: dict[str, Json] = {"task": task.id, "group": "warehouse", "answer": "approve", "digest": "d"}
        await room.happens(EventKind.DECIDED, actor=person, **said)
    await room.moves(CaseState(end))
    assert await room.told() == {
        f"person:{who}": (end, "mail") for who in ("clerk", "warehouse", "erp-admin", "finance")
    }


async def test_a_returned_case_is_told_to_its_applicant_with_what_was_said(room: Mailroom) -> None:
    said: dict[str, Json] = {
        "task": "t",
        "group": "warehouse",
        "answer": "return",
        "digest": "d",
        "comment": "缺少盘点表",
    }
    await room.happens(EventKind.DECIDED, actor="warehouse", **said)
    await room.moves(CaseState.RETURNED)
    assert await room.told() == {"person:clerk": ("returned", "mail")}
    assert "warehouse 的意见：缺少盘点表" in room.take("mail")[0].text


async def test_whose_consent_is_void_is_told(room: Mailroom) -> None:
    await room.happens(EventKind.DECISIONS_VOID, because="x", signed=["warehouse"], difference={})
    assert await room.told() == {"person:warehouse": ("consent_void", "mail")}


async def test_at_night_a_task_waits_and_attention_does_not(room: Mailroom) -> None:
    room.clock.at = datetime(2025, 6, 3, 15, 0, tzinfo=UTC)  # 23:00 in Shanghai
    await room.prefers("operator", quiet=QuietHours("22:00", "07:00", "Asia/Shanghai"))
    await ask(room, a_task(persons=("operator",)))
    assert room.take("mail") == []
    await room.happens(EventKind.ATTENTION_NEEDED, came_from="isolating", failure={})
    titles = [one.title for one in room.take("mail") if one.address.startswith("operator")]
    assert titles == ["【反结账】您有新任务：审批（仓储部）", "【反结账】需要人工处理"]


async def test_an_expedited_case_wakes_people(tmp_path: Path, empty_register: Path, room: Mailroom) -> None:
    await room.register.receive(a_request("UC-2025-000002", expedited=True))
    room.clock.at = datetime(2025, 6, 3, 15, 0, tzinfo=UTC)
    await room.prefers("clerk", quiet=QuietHours("22:00", "07:00", "Asia/Shanghai"))
    event = an_event(1, to="returned")
    await room.register.record(CaseChange("UC-2025-000002", CaseState.RETURNED, (event,)))
    while await room.dispatcher.turn():
        pass
    assert [letter.title for letter in room.take("mail")] == ["【反结账】申请已退回"]


# --------------------------------------------------------------------------- decision links


async def a_link(room: Mailroom) -> str:
    await ask(room, a_task())
    found = re.search(r"https://unclose\.example\.com/go/([\w-]{43})$", room.take("mail")[-1].link)
    assert found is not None
    return found[1]


async def test_a_link_opens_its_task_once_for_the_person_it_was_sent_to(room: Mailroom) -> None:
    token = await a_link(room)
    with pytest.raises(LinkOfAnother):
        await room.links.open(token, "finance")
    assert await room.links.open(token, "warehouse", "call-1") == f"{CASE}-warehouse"
    assert await room.links.open(token, "warehouse", "call-1") == f"{CASE}-warehouse", "the same call"
    for call in (None, "call-2"):
        with pytest.raises(LinkUsed):
            await room.links.open(token, "warehouse", call)
    with pytest.raises(UnknownLink):
        await room.links.open(token[:-1] + ("A" if token[-1] != "A" else "B"), "warehouse")


async def test_a_link_is_good_for_a_short_time(room: Mailroom) -> None:
    token = await a_link(room)
    room.clock.move(GOOD_FOR)
    with pytest.raises(LinkExpired):
        await room.links.open(token, "warehouse")


async def test_a_message_sent_again_carries_the_same_link_and_the_register_does_not_know_it(
    room: Mailroom, tmp_path: Path
) -> None:
    token = await a_link(room)
    [row] = await room.database.read(lambda c: c.execute(select(outgoing)).all())
    again = await room.links.issue(row.id, "warehouse", f"{CASE}-warehouse")
    assert again.token == token
    kept = b"".join((tmp_path / f"register.sqlite{end}").read_bytes() for end in ("", "-wal"))
    assert token.encode() not in kept


# --------------------------------------------------------------------------- over HTTP


@pytest.fixture
async def office(tmp_path: Path, empty_register: Path, channels: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path, empty_register, channels=channels) as opened:
        yield opened


async def test_people_say_how_they_want_to_be_told(office: Office) -> None:
    seen = (await office.as_("clerk", "GET", "/me/preferences")).json()
    assert (seen["language"], seen["channels"], seen["quiet_hours"]) == (None, [], None)
    assert seen["available"] == [
        {"channel": "mail", "kind": "email"},
        {"channel": "chat", "kind": "wecom"},
    ]
    wish = {
        "language": "en",
        "channels": [{"channel": "mail", "address": "clerk@example.com"}],
        "quiet_hours": {"start": "22:00", "end": "07:00", "time_zone": "Asia/Shanghai"},
    }
    put = await office.as_("clerk", "PUT", "/me/preferences", json=wish)
    assert put.status_code == 200, put.text
    again = (await office.as_("clerk", "GET", "/me/preferences")).json()
    assert put.json() == again == {**wish, "available": seen["available"]}
    other = (await office.as_("finance", "GET", "/me/preferences")).json()
    assert other["channels"] == []


async def test_a_way_to_nowhere_or_out_of_the_company_is_refused(office: Office) -> None:
    for channel, address, name, pointer in (
        ("pigeon", "", "unknown-channel", "/channels/0/channel"),
        ("mail", "clerk@elsewhere.example", "address-unsuitable", "/channels/0/address"),
        ("mail", "x@example.com, y@example.com", "address-unsuitable", "/channels/0/address"),
        ("mail", "x@example.com\r\nBcc: y", "address-unsuitable", "/channels/0/address"),
        ("chat", '"></at>', "address-unsuitable", "/channels/0/address"),
    ):
        body = {"channels": [{"channel": channel, "address": address}]}
        refused = problem(await office.as_("clerk", "PUT", "/me/preferences", json=body), 422, name)
        assert refused["errors"][0]["pointer"] == pointer
    for quiet in (
        {"start": "22:00", "end": "22:00"},
        {"start": "24:00", "end": "07:00"},
        {"start": "22:00", "end": "7", "time_zone": "Mars"},
    ):
        answer = await office.as_("clerk", "PUT", "/me/preferences", json={"quiet_hours": quiet})
        problem(answer, 422, "invalid-request")


async def test_a_link_asks_who_one_is_and_is_used_up(office: Office) -> None:
    links: DecisionLinks = office.app.state.parts.sending.links
    token = (await links.issue("d1", "warehouse", "UC-2025-000001-approval-1-1")).token
    path = f"/links/{token}/open"
    assert (await office.http.post(f"/api/v1{path}")).status_code == 401
    problem(await office.as_("finance", "POST", path), 403, "link-of-another")
    key = {"Idempotency-Key": "k"}
    opened = await office.as_("warehouse", "POST", path, headers=key)
    assert opened.json() == {
        "task": "UC-2025-000001-approval-1-1",
        "links": {"task": "/api/v1/tasks/UC-2025-000001-approval-1-1"},
    }
    assert (await office.as_("warehouse", "POST", path, headers=key)).json() == opened.json()
    used = problem(await office.as_("warehouse", "POST", path), 409, "link-used")
    assert used["task"] == "UC-2025-000001-approval-1-1"
    problem(await office.as_("warehouse", "POST", "/links/x/open"), 404, "unknown-link")


# --------------------------------------------------------------------------- the file of channels


def test_a_wrong_file_of_channels_is_refused_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UNCLOSE_NOT_SET", raising=False)
    for text, where in (
        ("[channels.x]\nkind = 'fax'", "channels.x"),
        ("[channels.x]\nkind = 'wecom'\nurl = 'env:A'\nkey = 1", "key"),
        ("[channels.webhook]\nkind = 'wecom'\nurl = 'env:A'", "webhook"),
        ("[channels.x]\nkind = 'wecom'\nurl = 'https://robot.example/'", "channel x"),
        ("[channels.x]\nkind = 'wecom'\nurl = 'env:UNCLOSE_NOT_SET'", "UNCLOSE_NOT_SET"),
        ("channels", "channels.toml"),
    ):
        file = tmp_path / "channels.toml"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ChannelsUnreadable, match=re.escape(where)):
            ChannelBook.load(file).require_secrets()


# --------------------------------------------------------------------------- mail


class FakeMailServer:
    """A mail server that answers as a test wants; the protocol is real."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.says = "250 OK"

    async def handle_RCPT(  # noqa: N802  # named by the library
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self.says.startswith("250"):
            return self.says
        envelope.rcpt_tos.append(address)
        return self.says

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.taken.append(envelope.content)
        return "250 OK"


async def test_a_letter_arrives_by_mail_and_a_refusal_is_told_by_its_code() -> None:
    server = FakeMailServer()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: SMTP(server, loop=loop), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    courier = MailCourier(MailServer("127.0.0.1", port, "unclose@example.com", tls="none"))
    letter = Letter("0a1b", "【反结账】\r\n您有新任务", "账套 demo", "查看：https://x", "li@example.com")
    try:
        await courier.deliver(letter, NOON)
        refusals = []
        for server.says in ("550 no such user", "451 later"):
            with pytest.raises(Undelivered) as caught:
                await courier.deliver(letter, NOON)
            refusals.append(caught.value.is_final)
    finally:
        listening.close()
        await listening.wait_closed()
    mail = message_from_bytes(server.taken[0], policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert (mail["Subject"], mail["To"]) == ("【反结账】 您有新任务", "li@example.com")
    assert mail["Message-ID"] == "<0a1b@example.com>"
    assert mail.get_content().split() == ["账套", "demo", "查看：https://x"]
    assert refusals == [True, False]
    with pytest.raises(Undelivered) as away:
        await courier.deliver(letter, NOON)
    assert not away.value.is_final
