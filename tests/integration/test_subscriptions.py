"""Subscriptions over HTTP, and events posted to them: signed, to the address that was judged."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from service.guarded import Guard, GuardedTransport
from service.outbox import NOTABLE
from service.outgoing import Outgoing
from service.refusals import TargetForbidden
from service.register import SqlRegister
from service.sending.catalogue import BY_KIND, CATALOGUE, EventType, example, schema_of
from service.sending.dispatcher import Dispatcher
from service.sending.subscriptions import CHANNEL
from service.sending.webhooks import WebhookChannel
from service.sending.wiring import open_sending
from service.settings import Settings
from tests.fake_receivers import FakeClock
from tests.integration.test_register import CASE, a_change, a_request, an_event
from tests.people_world import Office, an_office, problem
from workflows.domain.approval import Group

PUBLIC = "93.184.215.14"
URL = "https://hooks.example/unclose"
WISH: dict[str, Any] = {"url": URL, "types": ["case.state_changed.v1"], "ledger": "demo", "description": "x"}
DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi/openapi.json").read_text("utf-8"))


@pytest.fixture
async def office(tmp_path: Path, empty_register: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path, empty_register) as opened:
        await opened.hire("operator", Group.OPERATOR)
        await opened.hand_out("operator")
        yield opened


async def subscribe(office: Office, **changes: object) -> dict[str, Any]:
    made = await office.as_("operator", "POST", "/subscriptions", json={**WISH, **changes})
    assert made.status_code == 201, made.text
    body: dict[str, Any] = made.json()
    return body


class FakeReceiver(httpx.AsyncBaseTransport):
    """Somebody's server, as far as httpx can tell: answers as a test wants."""

    def __init__(self) -> None:
        self.answers = 204
        self.headers: dict[str, str] = {}
        self.posted: list[httpx.Request] = []
        self.addresses = [PUBLIC]

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        return self.addresses

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.posted.append(request)
        return httpx.Response(self.answers, headers=self.headers)


@dataclass
class Mail:
    """The dispatcher of an office, with one receiver at the end of every wire."""

    office: Office
    receiver: FakeReceiver
    dispatcher: Dispatcher
    clock: FakeClock

    async def happens(self, *numbers: int) -> None:
        register = SqlRegister(self.office.database)
        await register.receive(a_request())
        told: dict[str, Any] = {"from": "checking", "to": "approving"}
        await register.record(a_change(*(an_event(n, **told) for n in numbers)))
        while await self.dispatcher.turn():
            pass

    async def states(self) -> list[tuple[str, str]]:
        listed = (await self.office.as_("operator", "GET", "/deliveries?direction=out")).json()["items"]
        notes = [
            (await self.office.as_("operator", "GET", f"/deliveries/{one['id']}")).json() for one in listed
        ]
        return [(one["state"], one["note"]) for one in notes]


@asynccontextmanager
async def a_mail(office: Office) -> AsyncIterator[Mail]:
    receiver = FakeReceiver()
    outgoing = Outgoing(GuardedTransport(Guard(resolve=receiver.resolve), receiver))
    subscriptions = office.app.state.parts.sending.subscriptions
    channels = {CHANNEL: WebhookChannel(subscriptions, outgoing)}
    clock = FakeClock(datetime.now(UTC))
    dispatcher = Dispatcher(office.database, channels, [subscriptions], clock, chance=lambda: 0.5)
    yield Mail(office, receiver, dispatcher, clock)
    await outgoing.aclose()


# --------------------------------------------------------------------------- the routes


async def test_a_subscription_is_made_listed_and_ended_and_its_secret_shown_once(office: Office) -> None:
    made = await subscribe(office)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"])
    listed = await office.as_("admin", "GET", "/subscriptions")
    assert made["secret"] not in listed.text
    assert [one["url"] for one in listed.json()["items"]] == [URL]
    ended = await office.as_("admin", "DELETE", f"/subscriptions/{made['id']}")
    again = await office.as_("operator", "DELETE", f"/subscriptions/{made['id']}")
    assert (ended.json()["ended_by"], again.json()) == ("admin", ended.json())
    unknown = await office.as_("admin", "DELETE", "/subscriptions/none")
    problem(unknown, 404, "unknown-subscription")
    assert [event[1:] for event in (await office.admin_events())[-2:]] == [
        ("subscription_made", made["id"]),
        ("subscription_ended", made["id"]),
    ]


async def test_the_same_call_makes_one_subscription_and_is_answered_alike(office: Office) -> None:
    key = {"Idempotency-Key": "k1"}
    first, second = [
        await office.as_("operator", "POST", "/subscriptions", json=WISH, headers=key) for _ in range(2)
    ]
    assert first.json() == second.json()
    assert (await subscribe(office))["secret"] != first.json()["secret"]
    other = {**WISH, "description": "y"}
    refused = await office.as_("operator", "POST", "/subscriptions", json=other, headers=key)
    problem(refused, 409, "key-reused")


async def test_only_operators_and_administrators_deal_with_subscriptions(office: Office) -> None:
    for who in ("clerk", "finance", "auditor"):
        for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/x")):
            body = WISH if method == "POST" else None
            answer = await office.as_(who, method, f"/subscriptions{path}", json=body)
            problem(answer, 403, "not-an-operator")


# Odd ways to write an address are refused either way: as no address, or as an internal one.
REFUSED = [
    ("http://hooks.example/", "https://"),
    ("ftp://hooks.example/", "https://"),
    ("hooks.example", "cannot be read"),
    ("https://", "cannot be read"),
    ("https://[::1", "cannot be read"),
    ("https://user:secret@hooks.example/", "password"),
    ("https://127.0.0.1/", "internal"),
    ("https://127.1/", "internal"),
    ("https://2130706433/", "internal"),
    ("https://0x7f.0.0.1/", "internal"),
    ("https://0177.0.0.1/", "cannot be read"),
    ("https://127。0。0。1/", "internal"),
    ("https://0.0.0.0/", "internal"),
    ("https://0/", "internal"),
    ("https://[::]/", "internal"),
    ("https://100.64.0.1/", "internal"),
    ("https://127.0.0.1\\@hooks.example/", "password"),
    ("https://[::1]/", "internal"),
    ("https://[::ffff:10.0.0.1]/", "internal"),
    ("https://[::ffff:a9fe:a9fe]/", "internal"),
    ("https://10.11.12.13:8443/x", "internal"),
    ("https://192.168.0.1/", "internal"),
    ("https://169.254.169.254/latest/meta-data", "internal"),
    ("https://localhost/", "internal"),
    ("https://localhost./", "internal"),
    ("https://ip6-localhost/", "internal"),
    ("https://hooks.localhost/", "internal"),
    ("https://hooks.example:99999/", "cannot be read"),
    ("https://hooks.example:0/", "cannot be read"),
    ("https://hooks.example/a b", "cannot be read"),
    (" https://hooks.example/", "cannot be read"),
]


async def test_an_address_inside_is_refused_with_its_reason(office: Office) -> None:
    for url, why in REFUSED:
        body = {**WISH, "url": url}
        said = problem(
            await office.as_("operator", "POST", "/subscriptions", json=body), 422, "target-forbidden"
        )
        assert why in said["detail"], url
        assert said["errors"][0]["pointer"] == "/url"
        zh = {"Accept-Language": "zh"}
        chinese = await office.as_("operator", "POST", "/subscriptions", json=body, headers=zh)
        assert not re.search("internal|read|begin|password", chinese.json()["detail"])


async def test_what_is_allowed_by_setting_may_be_subscribed(tmp_path: Path, empty_register: Path) -> None:
    allowed = {"outgoing_allow": ("10.0.0.0/8", "localhost")}
    async with an_office(tmp_path, empty_register, **allowed) as office:
        for url in ("https://10.1.1.1/", "http://10.1.1.1/", "http://localhost:9000/"):
            answer = await office.as_("admin", "POST", "/subscriptions", json={**WISH, "url": url})
            assert answer.status_code == 201, url
        answer = await office.as_("admin", "POST", "/subscriptions", json={**WISH, "url": "https://127.1/"})
        problem(answer, 422, "target-forbidden")


async def test_plain_http_is_refused_on_a_developers_machine_too(office: Office, tmp_path: Path) -> None:
    sending = open_sending(Settings(dev=True, data_dir=tmp_path), office.database)
    with pytest.raises(TargetForbidden):
        await sending.require_target("http://hooks.example/")


async def test_a_subscription_to_what_is_not_there_is_refused(office: Office) -> None:
    for field, wrong in (("types", ["case.born.v1"]), ("types", []), ("url", ""), ("ledger", "none")):
        answer = await office.as_("operator", "POST", "/subscriptions", json={**WISH, field: wrong})
        assert answer.json()["errors"][0]["pointer"].startswith(f"/{field}")


# --------------------------------------------------------------------------- what is posted


async def test_an_event_is_posted_signed_under_a_stable_id(office: Office) -> None:
    made = await subscribe(office)
    async with a_mail(office) as mail:
        await mail.happens(1, 2)
        first, second = mail.receiver.posted
        verified = Webhook(made["secret"]).verify(first.content, dict(first.headers))
        assert verified["type"] == "case.state_changed.v1"
        assert (verified["data"]["from"], verified["data"]["to"]) == ("checking", "approving")
        assert first.headers["webhook-id"] == verified["id"] == f"evt_{CASE}_1"
        assert second.headers["webhook-id"] == f"evt_{CASE}_2"
        assert (str(first.url), first.headers["host"]) == (f"https://{PUBLIC}/unclose", "hooks.example")
        with pytest.raises(WebhookVerificationError):
            Webhook(made["secret"]).verify(first.content + b" ", dict(first.headers))


async def test_only_what_was_subscribed_is_posted(office: Office) -> None:
    await subscribe(office, types=["task.opened.v1"])
    async with a_mail(office) as mail:
        await mail.happens(1)
        assert mail.receiver.posted == []


async def test_nothing_is_posted_after_a_subscription_has_ended(office: Office) -> None:
    made = await subscribe(office)
    async with a_mail(office) as mail:
        mail.receiver.answers = 503
        await mail.happens(1)
        await office.as_("admin", "DELETE", f"/subscriptions/{made['id']}")
        await mail.happens(2)
        assert await mail.states() == [("ignored", "the subscription has ended")]


@pytest.mark.parametrize(("status", "state"), [(307, "new"), (404, "new"), (410, "dead")])
async def test_whatever_is_not_2xx_is_not_taken(office: Office, status: int, state: str) -> None:
    await subscribe(office)
    async with a_mail(office) as mail:
        mail.receiver.answers = status
        mail.receiver.headers = {"Location": "http://169.254.169.254/"}
        await mail.happens(1)
        assert await mail.states() == [(state, f"answered {status}")]
        assert len(mail.receiver.posted) == 1, "a redirect is not followed"


async def test_an_operator_looks_at_an_event_that_was_posted_and_has_it_posted_again(office: Office) -> None:
    made = await subscribe(office)
    async with a_mail(office) as mail:
        mail.receiver.answers = 410
        await mail.happens(1)
        [dead] = (await office.as_("operator", "GET", f"/deliveries?hook={made['id']}")).json()["items"]
        assert (dead["direction"], dead["event"], dead["case"]) == ("out", "case.state_changed.v1", CASE)
        assert dead["sender_id"] == f"evt_{CASE}_1"
        mail.receiver.answers = 204
        replayed = await office.as_("operator", "POST", f"/deliveries/{dead['id']}/replay", json={})
        assert (replayed.status_code, replayed.json()["state"]) == (200, "new")
        mail.clock.at = datetime.now(UTC)
        await mail.happens(1)
        first, second = mail.receiver.posted
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.content == second.content
        replay, closing = (await office.admin_events())[-2:]
        assert replay == ("operator", "delivery_replayed", dead["id"])
        assert closing[:2] == ("operator", "standing_task_closed")


async def test_a_name_that_leads_inside_by_now_is_not_called(office: Office) -> None:
    await subscribe(office)
    async with a_mail(office) as mail:
        mail.receiver.addresses = ["169.254.169.254"]
        await mail.happens(1)
        assert mail.receiver.posted == []
        assert await mail.states() == [("dead", "hooks.example is not a public address")]


async def test_a_real_connection_goes_to_the_address_that_was_judged() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    outgoing = Outgoing(GuardedTransport(Guard(("127.0.0.0/8",), resolve)))
    reply = await outgoing.post(f"http://nowhere.invalid:{port}/in", b"", {})
    await outgoing.aclose()
    server.close()
    await server.wait_closed()
    assert reply.status == 204
    assert f"host: nowhere.invalid:{port}".encode() in heard[0].lower()


# --------------------------------------------------------------------------- the catalogue


def test_every_event_that_is_told_is_in_the_catalogue() -> None:
    assert set(BY_KIND) == NOTABLE
    assert {entry.name for entry in CATALOGUE} == set(EventType)


@pytest.mark.parametrize("name", list(EventType))
def test_the_committed_document_describes_an_event_with_an_example_that_fits(name: EventType) -> None:
    body = DOCUMENT["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = DOCUMENT["components"]["schemas"][body["$ref"].rsplit("/", 1)[1]]
    [shown] = schema["examples"]
    [made] = [example(entry) for entry in CATALOGUE if entry.name == name]
    assert shown == made
    assert schema["properties"]["type"]["const"] == name
    [entry] = [entry for entry in CATALOGUE if entry.name == name]
    schema_of(entry).model_validate(made)
    assert None not in made["data"].values(), "an example shows every field"
