"""The robots of WeCom, DingTalk and Feishu, against the vendors' own words; nobody is called."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.outgoing import Outgoing
from service.sending.letters import Letter
from service.sending.ports import Undelivered
from service.sending.robots import (
    DINGTALK_BYTES,
    FEISHU_BYTES,
    FEISHU_REQUEST_BYTES,
    WECOM_BYTES,
    DingTalkRobot,
    FeishuRobot,
    Robot,
    WeComRobot,
    dingtalk_sign,
    feishu_sign,
    fit,
    within,
)

NOW = datetime(2025, 6, 11, 9, 36, 31, 204000, tzinfo=UTC)
LINK = "查看：https://unclose.example.com/requests/UC-2025-000001"
LETTER = Letter("1", "【反结账】您有新任务", "UC-2025-000001：账套 demo", LINK, "")


class FakeVendor(httpx.AsyncBaseTransport):
    """A vendor's server, as far as httpx can tell; it answers everything alike."""

    def __init__(self, said: object, status: int = 200) -> None:
        self.said, self.status = said, status
        self.heard: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.heard.append(request)
        content = self.said if isinstance(self.said, str) else json.dumps(self.said)
        return httpx.Response(self.status, text=content)

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.heard[-1].content)
        return found


KINDS: list[tuple[type[Robot], str]] = [
    (WeComRobot, "errcode"),
    (DingTalkRobot, "errcode"),
    (FeishuRobot, "code"),
]


async def deliver(kind: type[Robot], vendor: FakeVendor, letter: Letter = LETTER, secret: str = "") -> None:
    outgoing = Outgoing(vendor)
    try:
        await kind(outgoing, "https://robot.example/send?key=k%2B1", secret).deliver(letter, NOW)
    finally:
        await outgoing.aclose()


async def refusal(kind: type[Robot], said: object, status: int = 200) -> Undelivered:
    with pytest.raises(Undelivered) as caught:
        await deliver(kind, FakeVendor(said, status))
    return caught.value


# --------------------------------------------------------------------------- signatures


def test_the_signature_of_dingtalk_equals_the_vector() -> None:
    assert dingtalk_sign("SECtestsecret", 1749636191204) == "OChKp8uFgHckBoTpZd8+N0h0ptxN1P/mSETk69ZjEr4="


def test_the_signature_of_feishu_equals_the_vector() -> None:
    assert feishu_sign("feishu-test-secret", 1749636191) == "ZDYgogwrJsamPwkr02y5dUqSavEgEu0x25IzCEwLnd4="


async def test_dingtalk_gets_its_signature_quoted_once_beside_the_token() -> None:
    vendor = FakeVendor({"errcode": 0})
    await deliver(DingTalkRobot, vendor, secret="SECtestsecret")
    sent = vendor.heard[0].url
    moment = int(NOW.timestamp() * 1000)
    expected = dingtalk_sign("SECtestsecret", moment)
    assert parse_qs(sent.query.decode(), strict_parsing=True) == {
        "key": ["k+1"],
        "timestamp": [str(moment)],
        "sign": [expected],
    }
    assert "%25" not in sent.query.decode()


async def test_feishu_gets_its_signature_in_the_body() -> None:
    vendor = FakeVendor({"code": 0})
    await deliver(FeishuRobot, vendor, secret="feishu-test-secret")
    seconds = int(NOW.timestamp())
    assert vendor.body["timestamp"] == str(seconds)
    assert vendor.body["sign"] == feishu_sign("feishu-test-secret", seconds)


async def test_a_robot_without_a_secret_signs_nothing() -> None:
    for kind, field in KINDS:
        vendor = FakeVendor({field: 0})
        await deliver(kind, vendor)
        assert "sign" not in vendor.body
        assert vendor.heard[0].url.query == b"key=k%2B1"


# --------------------------------------------------------------------------- answers


@pytest.mark.parametrize(("kind", "field"), KINDS)
async def test_an_error_under_http_200_is_a_failure(kind: type[Robot], field: str) -> None:
    await deliver(kind, FakeVendor({field: 0}))
    failure = await refusal(kind, {field: 987654321, "errmsg": "ok", "msg": "success"})
    assert (str(failure), failure.is_final) == (f"{field} 987654321", False)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (WeComRobot, {"errcode": 93000}),
        (DingTalkRobot, {"errcode": 310000}),
        (DingTalkRobot, {"errcode": 300001}),
        (FeishuRobot, {"code": 19021}),
        (FeishuRobot, {"code": 19024}),
    ],
)
async def test_a_wrong_key_signature_or_keyword_is_given_up(kind: type[Robot], said: object) -> None:
    assert (await refusal(kind, said)).is_final


@pytest.mark.parametrize(
    ("kind", "said", "minutes"),
    [
        (WeComRobot, {"errcode": 45009}, 1),
        (DingTalkRobot, {"errcode": 130101}, 10),
        (FeishuRobot, {"code": 11232}, 1),
    ],
)
async def test_who_sends_too_fast_waits_as_long_as_the_vendor_blocks(
    kind: type[Robot], said: object, minutes: int
) -> None:
    failure = await refusal(kind, said)
    assert (failure.is_final, failure.retry_after) == (False, timedelta(minutes=minutes))


@pytest.mark.parametrize(("kind", "field"), KINDS)
@pytest.mark.parametrize(
    "said",
    [
        "",
        "ok",
        "[]",
        '{"ok": true}',
        '{"errcode": "0", "code": "0"}',
        '{"errcode": false, "code": false}',
        '{"errcode": null, "code": null}',
        "null",
    ],
)
async def test_an_answer_that_does_not_say_yes_is_a_failure(kind: type[Robot], field: str, said: str) -> None:
    assert not (await refusal(kind, said)).is_final


@pytest.mark.parametrize(("kind", "field"), KINDS)
async def test_an_error_of_http_is_a_failure_whatever_the_body_says(kind: type[Robot], field: str) -> None:
    assert not (await refusal(kind, {field: 0}, 502)).is_final
    assert (await refusal(kind, {field: 0}, 404)).is_final


@pytest.mark.parametrize(("kind", "field"), KINDS)
async def test_a_failure_does_not_tell_the_key(kind: type[Robot], field: str) -> None:
    class Away(FakeVendor):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError(f"cannot reach {request.url}")

    with pytest.raises(Undelivered) as caught:
        await deliver(kind, Away({}), secret="SEC")
    assert "k%2B1" not in str(caught.value)
    assert "SEC" not in str(caught.value)


# --------------------------------------------------------------------------- what is said


def said_by(kind: type[Robot], letter: Letter) -> str:
    message = kind(Outgoing(FakeVendor({})), "https://robot.example/", "").message(letter, NOW)
    content: str = message["content"]["text"] if "content" in message else message["text"]["content"]
    return content


LIMITS = [(WeComRobot, WECOM_BYTES), (DingTalkRobot, DINGTALK_BYTES), (FeishuRobot, FEISHU_BYTES)]


@pytest.mark.parametrize(("kind", "most"), LIMITS)
@pytest.mark.parametrize("sign", ["反", "é", "a", "😀"])
def test_a_long_text_is_cut_between_characters_and_keeps_its_link(
    kind: type[Robot], most: int, sign: str
) -> None:
    for address in ("", "13800000000"):
        letter = Letter("1", "【反结账】", sign * most, LINK, address)
        said = said_by(kind, letter)
        assert most - 8 <= len(said.encode()) <= most
        assert LINK in said
        assert f"{sign}…" in said


@pytest.mark.parametrize(("kind", "most"), LIMITS)
@pytest.mark.parametrize("sign", ["反", "é", "😀"])
def test_at_the_border_the_last_character_stays_whole_or_goes(
    kind: type[Robot], most: int, sign: str
) -> None:
    around = len(f"t\n\n{LINK}".encode())
    for over in range(len(sign.encode()) + 2):
        # So many bytes that the last character ends exactly at the limit, or that much behind it.
        text = "a" * (most - around - len(sign.encode()) + over) + sign
        said = said_by(kind, Letter("1", "t", text, LINK, ""))
        assert len(said.encode()) <= most
        assert (f"{sign}\n{LINK}" in said) == (over == 0), (
            "what fits is whole, what does not is cut and marked"
        )
        assert (f"…\n{LINK}" in said) == (over > 0)


@pytest.mark.parametrize("sign", ['"', "\n", "\\", "\x01", "反"])
async def test_a_whole_request_to_feishu_is_no_larger_than_it_may_be(sign: str) -> None:
    vendor = FakeVendor({"code": 0})
    await deliver(FeishuRobot, vendor, Letter("1", "t", sign * 30_000, LINK, "ou_1"), secret="s")
    size = len(vendor.heard[0].content)
    assert FEISHU_REQUEST_BYTES * 0.85 < size <= FEISHU_REQUEST_BYTES
    assert LINK in vendor.body["content"]["text"]


@pytest.mark.parametrize(("kind", "most"), LIMITS)
def test_a_mention_counts_in_bytes_as_well(kind: type[Robot], most: int) -> None:
    letter = Letter("1", "t", "反" * most, LINK, "仓储部张敏")
    assert len(said_by(kind, letter).encode()) <= most


def test_who_is_mentioned_is_mentioned_as_each_vendor_wants_it() -> None:
    def message(kind: type[Robot], address: str) -> dict[str, Any]:
        robot = kind(Outgoing(FakeVendor({})), "https://robot.example/", "")
        return robot.message(Letter("1", "t", "x", LINK, address), NOW)

    assert message(WeComRobot, "li")["text"]["mentioned_list"] == ["li"]
    assert message(WeComRobot, "13800000000")["text"]["mentioned_mobile_list"] == ["13800000000"]
    ding = message(DingTalkRobot, "13800000000")
    assert ding["at"]["atMobiles"] == ["13800000000"]
    assert "@13800000000" in ding["text"]["content"]
    assert '<at user_id="ou_1">' in message(FeishuRobot, "ou_1")["content"]["text"]


@given(st.text(), st.integers(0, 40))
def test_no_text_is_longer_than_it_may_be_nor_broken(text: str, most: int) -> None:
    usable = text.encode(errors="ignore").decode()
    cut = within(usable, most)
    assert len(cut.encode()) <= most
    assert cut == usable or usable.startswith(cut.removesuffix("…"))


def test_what_fits_is_not_touched() -> None:
    assert fit(LETTER, 2048) == f"{LETTER.title}\n{LETTER.text}\n{LINK}"
