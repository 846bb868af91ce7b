"""Pushes as the inbox hands them on: what each leads to, and what stands in the way of it."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from service.inbox.ports import Delivery, DeliveryState, Hook, HookKind, Outcome, TryLater
from service.inbox.pushes import place_of_push
from service.refusals import FormFieldsMissing, JiandaoyunSaysNo
from tests.fake_jiandaoyun.company import FakeRefusal
from tests.fakes import FakeGateway
from tests.form_stage import APP, ENTRY, MESSAGE, FormStage, a_form_stage
from workflows.domain.case import Withdrawal

HOOK = Hook("form", HookKind.JIANDAOYUN, (SecretStr("s"),), "jiandaoyun", timedelta(hours=1))


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
async def stage(tmp_path: Path, empty_register: Path, gateway: FakeGateway) -> AsyncIterator[FormStage]:
    async with a_form_stage(tmp_path, empty_register, gateway) as made:
        gateway.first_step = made.register.receive
        yield made


async def _handed(stage: FormStage, op: str, **data: Any) -> Outcome:
    body = json.dumps({"op": op, "data": {"appId": APP, "entryId": ENTRY, **data}}).encode()
    now = datetime.now(UTC)
    delivery = Delivery("in-1", "form", HookKind.JIANDAOYUN, "d-1", None, op, {}, "", body, now, 1)
    return await stage.parts.pushes.handle(delivery, HOOK)


@pytest.mark.parametrize("op", ["data_create", "data_update", "data_recover"])
async def test_a_push_about_a_record_leads_to_its_case(
    stage: FormStage, gateway: FakeGateway, op: str
) -> None:
    record = stage.submit()
    outcome = await _handed(stage, op, _id=record)
    assert (outcome.state, [outcome.case]) == (DeliveryState.DONE, list(gateway.started))


async def test_what_a_push_says_is_not_relied_on(stage: FormStage, gateway: FakeGateway) -> None:
    record = stage.submit()
    await _handed(stage, "data_create", _id=record, _widget_1006=1, _widget_1004=["总账"])
    (request,) = gateway.started.values()
    assert (str(request.target_period), request.modules) == ("2025-05", ("inventory",))


async def test_a_removal_withdraws_only_what_is_really_gone(stage: FormStage, gateway: FakeGateway) -> None:
    record = stage.submit()
    await _handed(stage, "data_create", _id=record)
    await _handed(stage, "data_remove", _id=record)
    assert gateway.heard == []
    stage.company.remove(stage.fake_form, record, "zhangmin")
    await _handed(stage, "data_remove", _id=record)
    assert [type(said) for said in gateway.heard] == [Withdrawal]


async def test_what_a_record_is_told_is_told_with_the_delivery(stage: FormStage) -> None:
    record = stage.submit(_widget_1004=["往来"])
    outcome = await _handed(stage, "data_create", _id=record)
    assert (outcome.case, "应收或应付" in outcome.note) == (None, True)


@pytest.mark.parametrize(
    ("op", "data"),
    [
        ("data_test", {}),
        ("data_create", {"entryId": "another", "_id": "x"}),
        ("data_create", {}),
        ("data_update", {"_id": 5}),
        ("flow_message", {"_id": "x"}),
    ],
)
async def test_what_asks_for_nothing_is_ignored(stage: FormStage, op: str, data: dict[str, Any]) -> None:
    assert (await _handed(stage, op, **data)).state == DeliveryState.IGNORED
    assert stage.api.calls == []


async def test_what_is_ignored_says_why(stage: FormStage) -> None:
    assert "未在 jiandaoyun.toml 中配置" in (await _handed(stage, "data_create", entryId="another")).note
    now = datetime.now(UTC)
    delivery = Delivery("in-1", "form", HookKind.JIANDAOYUN, "d", None, "", {}, "", b"op=x", now, 1)
    assert "不是 JSON" in (await stage.parts.pushes.handle(delivery, HOOK)).note


@pytest.mark.parametrize("body", [b"", b"[]", b'{"op": 5, "data": []}', b"[" * 100_000, b"\xff"])
async def test_what_is_no_push_is_ignored(stage: FormStage, body: bytes) -> None:
    delivery = Delivery(
        "in-1", "form", HookKind.JIANDAOYUN, "d", None, "", {}, "", body, datetime.now(UTC), 1
    )
    assert place_of_push(body).record is None
    assert (await stage.parts.pushes.handle(delivery, HOOK)).state == DeliveryState.IGNORED


async def test_a_form_that_was_rebuilt_is_held_against_its_map(stage: FormStage) -> None:
    assert (await _handed(stage, "form_update")).state == DeliveryState.DONE
    stage.fake_form.widgets = {
        name: kind for name, kind in stage.fake_form.widgets.items() if name != MESSAGE
    }
    with pytest.raises(FormFieldsMissing, match=MESSAGE):
        await _handed(stage, "form_update")


async def test_a_key_that_opens_nothing_is_told_and_not_tried_again(stage: FormStage) -> None:
    record = stage.submit()
    stage.api.faults.append(FakeRefusal(8301, "api_key check failed"))
    with pytest.raises(JiandaoyunSaysNo, match="8301"):
        await _handed(stage, "data_create", _id=record)


async def test_a_record_that_cannot_be_read_now_is_read_later(stage: FormStage) -> None:
    record = stage.submit()
    stage.api.faults.extend([FakeRefusal(8303)] * 4)
    with pytest.raises(TryLater):
        await _handed(stage, "data_create", _id=record)
    assert (await _handed(stage, "data_create", _id=record)).case is not None
