"""What hooks receive: stored as it came and acknowledged, handed on in order, and shown to people."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.inbox.ports import Delivery, DeliveryState, Outcome
from service.inbox.signatures import Fault
from service.inbox.store import Inbox
from tests.fake_receivers import FakeClock
from tests.hooks_world import Senders, an_office_with_hooks, until
from tests.integration.test_routes import WISH
from tests.people_world import problem
from tests.pushes import a_push, signed_push
from workflows.domain.errors import LedgerUnavailable, PeriodLocked

BODY = json.dumps({**WISH, "on_behalf_of": "clerk"}, ensure_ascii=False).encode()


def a_wish(**changes: object) -> bytes:
    return json.dumps({**WISH, "on_behalf_of": "clerk", **changes}, ensure_ascii=False).encode()


@pytest.fixture
async def senders(tmp_path: Path, empty_register: Path) -> AsyncIterator[Senders]:
    async with an_office_with_hooks(tmp_path, empty_register) as made:
        yield made


async def one(senders: Senders, query: str = "") -> dict[str, Any]:
    (only,) = await senders.deliveries(query)
    return await senders.delivery(only["id"])


# --------------------------------------------------------------------------- taking in


async def test_a_push_is_stored_byte_for_byte_and_acknowledged(senders: Senders) -> None:
    body = '{ "op":"data_create",\t"data":{"_id":"1","原因":"盘点"} }\n'.encode()
    answer = await senders.push(body, "d-1", "&task_id=7")
    assert answer.status_code == 202
    kept = await senders.delivery(answer.json()["id"])
    assert (kept["body"].encode(), kept["body_encoding"]) == (body, "utf-8")
    assert kept["query"].endswith("&task_id=7")
    assert kept["headers"]["x-jdy-deliverid"] == kept["sender_id"] == "d-1"
    assert (kept["hook"], kept["kind"], kept["event"]) == ("form", "jiandaoyun", "data_create")


async def test_a_body_that_is_no_text_is_kept_as_it_came(senders: Senders) -> None:
    answer = await senders.push(b"\x00\xff\xfe")
    kept = await senders.delivery(answer.json()["id"])
    assert (kept["body"], kept["body_encoding"]) == ("AP/+", "base64")


async def test_many_identical_deliveries_at_once_are_one(senders: Senders) -> None:
    push = signed_push(a_push())
    answers = await asyncio.gather(*(senders.push(push, "d-1") for _ in range(50)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    await senders.dispatched()
    assert len(senders.handler.handed) == 1


async def test_the_same_bytes_under_another_id_are_a_replay(senders: Senders) -> None:
    push = signed_push(a_push())
    assert (await senders.push(push, "d-1")).status_code == 202
    body = problem(await senders.push(push, "d-2"), 401, "signature-refused")
    assert body["fault"] == "replayed"
    assert len(await senders.deliveries()) == 1


async def test_an_id_that_came_before_with_another_body_is_refused_and_counted(senders: Senders) -> None:
    assert (await senders.post(BODY, "msg_1")).status_code == 202
    problem(await senders.post(a_wish(reason="另一个原因"), "msg_1"), 409, "delivery-id-reused")
    assert (await senders.post(BODY, "msg_1")).status_code == 202
    [kept] = await senders.deliveries()
    assert (await senders.delivery(kept["id"]))["body"].encode() == BODY
    counted = await senders.office.as_("auditor", "GET", "/deliveries/refused?days=1")
    assert [(one["hook"], one["fault"], one["count"]) for one in counted.json()["items"]] == [
        ("portal", Fault.ALTERED, 1)
    ]


async def test_refused_signatures_are_counted_by_hook_and_fault(senders: Senders) -> None:
    stale = signed_push(a_push(), at=datetime.now(UTC) - timedelta(hours=2))
    refused = [
        await senders.push(signed_push(a_push(), "another")),
        await senders.push(signed_push(a_push(), "another")),
        await senders.push(stale),
        await senders.office.http.post("/api/v1/webhooks/jiandaoyun/form", content=a_push()),
        await senders.post(BODY, **{"webhook-signature": "v1,AAAA"}),
    ]
    for answer in refused:
        problem(answer, 401, "signature-refused")
        assert answer.headers["www-authenticate"] == "Signature"
    counted = await senders.office.as_("auditor", "GET", "/deliveries/refused?days=1")
    assert {(one["hook"], one["fault"]): one["count"] for one in counted.json()["items"]} == {
        ("form", Fault.WRONG): 2,
        ("form", Fault.STALE): 1,
        ("form", Fault.MISSING): 1,
        ("portal", Fault.WRONG): 1,
    }
    assert await senders.deliveries() == []


async def test_refusals_of_other_days_are_counted_where_they_are_asked_for(senders: Senders) -> None:
    store = senders.office.app.state.parts.inbox
    for days, fault in ((0, Fault.WRONG), (1, Fault.WRONG), (40, Fault.STALE)):
        moment = datetime.now(UTC) - timedelta(days=days)
        await Inbox(senders.office.database, FakeClock(moment)).count_refusal("form", fault)
    assert [(one.fault, one.count) for one in await store.refusals(1)] == [(Fault.WRONG, 1)]
    assert [(one.fault, one.count) for one in await store.refusals(2)] == [(Fault.WRONG, 2)]
    assert [(one.fault, one.count) for one in await store.refusals(41)] == [
        (Fault.STALE, 1),
        (Fault.WRONG, 2),
    ]
    refused = await senders.office.as_("operator", "GET", "/deliveries/refused?days=0")
    assert [error["pointer"] for error in problem(refused, 422, "invalid-request")["errors"]] == ["/days"]


async def test_whoever_guesses_signatures_is_put_off(senders: Senders) -> None:
    answers = [await senders.push(signed_push(a_push(), "another")) for _ in range(21)]
    assert [answer.status_code for answer in answers[19:]] == [401, 429]
    assert (await senders.push(a_push())).status_code == 202, "who knows the secret goes on"


@pytest.mark.parametrize(
    "where", ["jiandaoyun/nobody", "generic/nobody", "jiandaoyun/portal", "generic/form"]
)
async def test_a_hook_that_is_not_there_is_not_found(senders: Senders, where: str) -> None:
    answer = await senders.office.http.post(f"/api/v1/webhooks/{where}", content=b"{}")
    problem(answer, 404, "unknown-hook")


async def test_a_body_that_is_too_large_is_refused(senders: Senders) -> None:
    problem(await senders.push(b" " * 1_000_001), 413, "body-too-large")


@pytest.mark.parametrize("op", ["flow_finished", "data_test", "", "x" * 500, "a\x00b"])
async def test_an_unknown_op_is_stored_with_2xx(senders: Senders, op: str) -> None:
    assert (await senders.push(a_push(op))).status_code == 202
    await senders.dispatched()
    assert [delivery.body for delivery in senders.handler.handed] == [a_push(op)]


async def test_what_carries_secrets_of_its_own_is_not_kept(senders: Senders) -> None:
    answer = await senders.post(BODY, authorization="Bearer hidden", cookie="session=hidden")
    assert "hidden" not in json.dumps(await senders.delivery(answer.json()["id"]))


# --------------------------------------------------------------------------- generic intake


async def test_a_signed_request_becomes_a_case_of_the_service_account_for_the_named_person(
    senders: Senders,
) -> None:
    answer = await senders.post(BODY)
    await senders.dispatched()
    kept = await senders.delivery(answer.json()["id"])
    assert (kept["state"], kept["problem"]) == ("done", None)
    request = senders.office.gateway.started[kept["case"]]
    assert (request.applicant, request.on_behalf_of) == ("portal", "clerk")
    assert request.reason == WISH["reason"]


async def test_the_same_message_again_is_the_same_case_whatever_was_forgotten(senders: Senders) -> None:
    first = await senders.post(BODY, "msg_1")
    await senders.dispatched()
    again = await senders.post(BODY, "msg_1")
    await senders.dispatched()
    assert (again.status_code, again.text) == (202, first.text)
    assert len(senders.office.gateway.started) == 1


async def test_while_temporal_is_away_deliveries_are_taken_and_later_become_cases(senders: Senders) -> None:
    senders.office.gateway.is_down = True
    answers = [await senders.post(a_wish(external_ref=f"R-{n}")) for n in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3

    async def is_tried() -> bool:
        waiting = await senders.deliveries("?state=new")
        assert len(waiting) == 3
        return "/problems/workflow-unavailable" in {found["problem_type"] for found in waiting}

    await until(is_tried)
    senders.office.gateway.is_down = False

    async def are_done() -> bool:
        return not await senders.deliveries("?state=new")

    await until(are_done)
    cases = {found["case"] for found in await senders.deliveries("?state=done")}
    assert len(cases) == 3
    assert set(senders.office.gateway.started) == cases


@pytest.mark.parametrize(
    ("body", "name", "pointer"),
    [
        (b"not json", "invalid-request", ""),
        (b"[]", "invalid-request", ""),
        (a_wish(window_hour=3), "invalid-request", "/window_hour"),
        (a_wish(ledger="other"), "unknown-ledger", "/ledger"),
        (a_wish(on_behalf_of="nobody"), "unknown-person", "/on_behalf_of"),
        (a_wish(on_behalf_of="portal"), "unknown-person", "/on_behalf_of"),
        (a_wish(target_period="2025-06"), "period-not-closed", None),
    ],
)
async def test_a_body_that_cannot_be_taken_ends_as_failed_with_the_problem_kept(
    senders: Senders, body: bytes, name: str, pointer: str | None
) -> None:
    answer = await senders.post(body)
    assert answer.status_code == 202
    await senders.dispatched()
    number = answer.json()["id"]
    for language in ("en", "zh"):
        kept = await senders.delivery(number, language)
        assert (kept["state"], kept["case"], kept["problem"]["type"]) == ("failed", None, f"/problems/{name}")
        assert kept["problem"]["remedy"]
        assert kept["problem"]["instance"] == f"/api/v1/deliveries/{number}"
        if pointer is not None:
            assert [error["pointer"] for error in kept["problem"]["errors"]] == [pointer]
    assert senders.office.gateway.started == {}


async def test_a_hook_whose_account_is_no_service_account_takes_no_case(senders: Senders) -> None:
    await senders.office.hire("portal", active=False)
    answer = await senders.post(BODY)
    await senders.dispatched()
    kept = await senders.delivery(answer.json()["id"])
    assert (kept["state"], kept["problem_type"]) == ("failed", "/problems/unknown-account")

    await senders.office.hire("portal", active=True)
    again = await senders.office.as_("operator", "POST", f"/deliveries/{kept['id']}/replay", json={})
    assert (again.status_code, again.json()["state"]) == (200, "new")
    await senders.dispatched()
    assert (await senders.delivery(kept["id"]))["state"] == "done"
    assert await senders.office.admin_events() == [
        *(await senders.office.admin_events())[:-1],
        ("operator", "delivery_replayed", kept["id"]),
    ]


# --------------------------------------------------------------------------- handing on


async def test_deliveries_about_one_record_are_handed_on_in_the_order_in_which_they_happened(
    senders: Senders,
) -> None:
    gate = asyncio.Event()

    async def wait_for_all(delivery: Delivery) -> Outcome:
        await gate.wait()
        return Outcome()

    senders.handler.react = wait_for_all
    await senders.push(a_push(at=50))
    await senders.handed(1)
    for at in (30, 40, 20):
        await senders.push(a_push(at=at))
    other = a_push(record="another", at=10)
    await senders.push(other)
    await senders.handed(2)
    assert {delivery.body for delivery in senders.handler.handed} == {a_push(at=50), other}
    gate.set()
    await senders.handed(5)
    await senders.dispatched()
    of_one = [d.body for d in senders.handler.handed if d.body != other]
    assert of_one == [a_push(at=at) for at in (50, 20, 30, 40)], "the first was in hand before the rest came"


async def test_what_is_refused_holds_up_nothing_and_what_waits_holds_up_its_record(senders: Senders) -> None:
    async def react(delivery: Delivery) -> Outcome:
        if delivery.event == "refused":
            raise PeriodLocked("inventory", "2025-03")
        if delivery.event == "unreachable":
            raise LedgerUnavailable("demo", "away")
        return Outcome(DeliveryState.IGNORED, note="nothing to do")

    senders.handler.react = react
    for n, op in enumerate(("refused", "unreachable", "later")):
        await senders.push(a_push(op, at=n))
    await senders.push(a_push("elsewhere", "another"))
    await senders.dispatched()
    found = {head["event"]: (head["state"], head["attempts"] > 0) for head in await senders.deliveries()}
    assert found == {
        "refused": ("failed", True),
        "unreachable": ("new", True),
        "later": ("new", False),
        "elsewhere": ("ignored", True),
    }


# --------------------------------------------------------------------------- for people


async def test_deliveries_are_listed_newest_first_and_filtered(senders: Senders) -> None:
    pushed = (await senders.push(a_push())).json()["id"]
    posted = (await senders.post(BODY)).json()["id"]
    await senders.dispatched()
    assert [head["id"] for head in await senders.deliveries()] == [posted, pushed]
    assert [head["id"] for head in await senders.deliveries("?hook=form")] == [pushed]
    assert [head["id"] for head in await senders.deliveries("?direction=in&state=done")] == [posted, pushed]
    assert await senders.deliveries("?state=failed&state=dead") == []
    assert await senders.deliveries("?direction=out") == []


async def test_pages_neither_repeat_nor_leave_out(senders: Senders) -> None:
    sent = [(await senders.push(a_push(at=n))).json()["id"] for n in range(5)]
    seen, cursor = [], ""
    while True:
        answer = (await senders.office.as_("operator", "GET", f"/deliveries?limit=2{cursor}")).json()
        seen += [head["id"] for head in answer["items"]]
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"
    assert seen == sent[::-1]


@pytest.mark.parametrize(
    ("who", "status"), [("operator", 200), ("auditor", 200), ("admin", 200), ("clerk", 403)]
)
async def test_who_may_look_at_deliveries(senders: Senders, who: str, status: int) -> None:
    number = (await senders.push(a_push())).json()["id"]
    for path in ("/deliveries", "/deliveries/refused", f"/deliveries/{number}"):
        assert (await senders.office.as_(who, "GET", path)).status_code == status


async def test_only_an_operator_has_a_delivery_tried_again_and_only_one_that_is_not_done(
    senders: Senders,
) -> None:
    number = (await senders.push(a_push())).json()["id"]
    await senders.dispatched()
    path = f"/deliveries/{number}/replay"
    problem(await senders.office.as_("auditor", "POST", path, json={}), 403, "not-an-operator")
    problem(await senders.office.as_("operator", "POST", path, json={}), 409, "delivery-done")
    gone = await senders.office.as_("operator", "POST", "/deliveries/in-nothing/replay", json={})
    problem(gone, 404, "unknown-delivery")


async def test_a_replay_under_one_key_happens_once(senders: Senders) -> None:
    senders.handler.react = _ignore
    number = (await senders.push(a_push())).json()["id"]
    await senders.dispatched()
    for _ in range(2):
        answer = await senders.office.as_(
            "operator", "POST", f"/deliveries/{number}/replay", json={}, headers={"Idempotency-Key": "k"}
        )
        assert answer.status_code == 200
        await senders.dispatched()
    assert len(senders.handler.handed) == 2


async def _ignore(delivery: Delivery) -> Outcome:
    return Outcome(DeliveryState.IGNORED)
