"""The client against the fake: versions, wrapping, paging, limits, and what each refusal leads to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest
from pydantic import SecretStr

from service.jiandaoyun.answers import JiandaoyunRefused, JiandaoyunUnreachable, Verdict
from service.jiandaoyun.client import FormId, JiandaoyunClient
from service.jiandaoyun.limits import Pace
from tests.fake_jiandaoyun.api import API_KEY, FakeApi
from tests.fake_jiandaoyun.company import FakeCompany, FakeForm, FakeRefusal
from tests.form_stage import APP, BASE, ENTRY

FORM = FormId(APP, ENTRY)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Both:
    """The client and the fake that it talks to."""

    client: JiandaoyunClient
    api: FakeApi
    form: FakeForm
    time: Time


@asynccontextmanager
async def _both(key: str = API_KEY) -> AsyncIterator[Both]:
    form, time = FakeForm(APP, ENTRY, "申请", {"reason": "text"}), Time()
    api = FakeApi(FakeCompany([form]), time.read)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api.app())) as http:
        pace = Pace(clock=time.read, sleep=time.sleep)
        client = JiandaoyunClient(http, f"{BASE}/api/", SecretStr(key), pace, time.sleep)
        yield Both(client, api, form, time)


async def test_a_record_is_read_and_written_in_the_shapes_of_the_api() -> None:
    async with _both() as both:
        key = both.api.company.submit(both.form, "zhangmin", {"reason": "漏录"})
        await both.client.update(FORM, key, {"reason": "盘点遗漏"})
        record = await both.client.record(FORM, key)
    assert record is not None
    assert record["reason"] == "盘点遗漏"


async def test_a_record_that_is_gone_is_none() -> None:
    async with _both() as both:
        assert await both.client.record(FORM, "6849a1f02c8b4e0007d3a5c1") is None


async def test_a_form_that_is_gone_is_no_missing_record() -> None:
    async with _both() as both:
        with pytest.raises(JiandaoyunRefused) as refused:
            await both.client.record(FormId(APP, "other"), "6849a1f02c8b4e0007d3a5c1")
    assert (refused.value.code, refused.value.verdict) == (3000, Verdict.GONE)


async def test_all_pages_are_read() -> None:
    async with _both() as both:
        keys = [both.api.company.submit(both.form, "zhangmin", {}) for _ in range(205)]
        found = [record["_id"] async for record in both.client.records(FORM, LONG_AGO)]
    assert found == sorted(keys)
    assert both.api.calls == ["data/list"] * 3


async def test_a_form_tells_its_fields_and_its_newest_change() -> None:
    async with _both() as both:
        before = (await both.client.form(FORM)).changed_at
        both.api.company.submit(both.form, "zhangmin", {})
        now = await both.client.form(FORM)
    assert now.widgets == {"reason"}
    assert before is not None
    assert now.changed_at is not None
    assert now.changed_at > before


@pytest.mark.parametrize(
    "fault",
    [FakeRefusal(8303), FakeRefusal(8304), FakeRefusal(9007), FakeRefusal(0, status=502), FakeRefusal(4012)],
)
async def test_what_passes_by_itself_is_asked_again_after_a_second_at_least(fault: FakeRefusal) -> None:
    async with _both() as both:
        key = both.api.company.submit(both.form, "zhangmin", {})
        both.api.faults.append(fault)
        assert await both.client.record(FORM, key) is not None
    assert both.time.slept[0] >= 1


async def test_patience_has_an_end() -> None:
    async with _both() as both:
        both.api.faults.extend([FakeRefusal(8303)] * 4)
        with pytest.raises(JiandaoyunUnreachable):
            await both.client.record(FORM, "x")
        assert not both.api.faults


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (8301, Verdict.ALERT),
        (17052, Verdict.ALERT),
        (7212, Verdict.QUOTA),
        (17017, Verdict.WRONG),
        (4009, Verdict.FORBIDDEN),
        (5004, Verdict.INCOMPLETE),
        (99999, Verdict.WRONG),
    ],
)
async def test_what_only_a_person_can_change_is_asked_once(code: int, verdict: Verdict) -> None:
    async with _both() as both:
        both.api.faults.append(FakeRefusal(code))
        with pytest.raises(JiandaoyunRefused) as refused:
            await both.client.record(FORM, "x")
    assert refused.value.verdict == verdict
    assert (len(both.api.calls), both.time.slept) == (1, [])


@pytest.mark.parametrize("code", [4008, 5025, 50051, 50009, 5058])
async def test_what_is_done_already_is_done(code: int) -> None:
    async with _both() as both:
        both.api.faults.append(FakeRefusal(code))
        await both.client.update(FORM, "x", {"reason": "again"})


async def test_a_wrong_key_needs_a_person() -> None:
    async with _both("another") as both:
        with pytest.raises(JiandaoyunRefused) as refused:
            await both.client.form(FORM)
    assert refused.value.verdict == Verdict.ALERT
    assert "another" not in str(refused.value)


async def test_the_client_never_asks_faster_than_is_allowed() -> None:
    async with _both() as both:
        key = both.api.company.submit(both.form, "zhangmin", {})
        for _ in range(60):
            await both.client.update(FORM, key, {"reason": "again"})
            await both.client.record(FORM, key)
    assert both.api.calls.count("data/update") == 60  # none was refused: the fake counts, too
    assert both.time.now - 1000 >= 60 / 20 - 0.1
