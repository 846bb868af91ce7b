"""Signatures of deliveries: every worked one holds, and none that was tampered with."""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from service.inbox.ports import Hook, HookKind
from service.inbox.signatures import (
    Fault,
    Sealed,
    SignatureFault,
    jiandaoyun_signature,
    verify_jiandaoyun,
    verify_standard,
)
from tests.pushes import (
    FORM_SECRET,
    STANDARD_SECRET,
    SUBMITTED,
    WORKED,
    Push,
    signed_push,
    standard_headers,
)

FORM = Hook("form", HookKind.JIANDAOYUN, (SecretStr(FORM_SECRET),), "jiandaoyun", window=timedelta(hours=1))
PORTAL = Hook(
    "portal", HookKind.GENERIC, (SecretStr(STANDARD_SECRET),), "portal", window=timedelta(minutes=5)
)
BODY = '{"ledger": "demo", "reason": "三月盘点遗漏"}'.encode()
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

FIRST = b'{"op":"data_create","data":{}}'
UPDATE = (
    '{"op":"data_update","data":{"_id":"6849a1f02c8b4e0007d3a5c1","reason":"盘点遗漏","qty":10}}'.encode()
)
VALUES = [
    (FIRST, "1457e6b79d7c7fed8c46aecf197d7436b8943ebc"),
    (b'{"op": "data_create", "data": {}}', "b056a475de10103b36b18b924feb9e2216a6a923"),
    (b'{"data":{},"op":"data_create"}', "f06263180341a625d6f361c4566bf9a8c7cf84e7"),
    (FIRST + b"\n", "a1b23d7e2d5fbca05a6faf5462d3ed13118f5dba"),
    (UPDATE, "7de00c1907a5c65d53fb629841c7f357b3291c48"),
    (json.dumps(json.loads(UPDATE)).encode(), "61f0e1169a602f0269d6cc04509eeedb1ba17393"),
]


def verify(push: Push, hook: Hook = FORM, now: datetime | None = None, delivery: str = "d1") -> Sealed:
    return verify_jiandaoyun(hook, push.headers(delivery), push.query, push.body, now or push.at)


def verify_body(body: bytes, changes: Mapping[str, str] | None = None, hook: Hook = PORTAL) -> Sealed:
    headers = {**standard_headers(BODY, "msg_1", at=NOW), **(changes or {})}
    return verify_standard(hook, headers, body, NOW)


def fault_of(call: Callable[[], Sealed]) -> Fault:
    with pytest.raises(SignatureFault) as refused:
        call()
    return refused.value.fault


# --------------------------------------------------------------------------- Jiandaoyun


@pytest.mark.parametrize(("body", "signature"), VALUES)
def test_every_worked_value_is_what_we_compute(body: bytes, signature: str) -> None:
    assert jiandaoyun_signature("0f5ade", body, "test-secret", "1498586609") == signature


@pytest.mark.parametrize(("body", "signature"), VALUES)
def test_every_worked_value_holds(body: bytes, signature: str) -> None:
    hook = replace(FORM, secrets=(SecretStr("test-secret"),))
    assert verify(Push(body, "1498586609", "0f5ade", signature), hook).delivery_id == "d1"


@pytest.mark.parametrize("push", WORKED, ids=["S1", "S2", "S3", "S4", "S5"])
def test_every_worked_push_holds(push: Push) -> None:
    assert verify(push).delivery_id == "d1"
    assert verify(replace(push, signature=push.signature.upper())).delivery_id == "d1"


@pytest.mark.parametrize("push", WORKED, ids=["S1", "S2", "S3", "S4", "S5"])
@pytest.mark.parametrize(
    "tamper",
    [
        lambda body: json.dumps(json.loads(body)).encode(),
        lambda body: body[:-1],
        lambda body: body[1:],
        lambda body: body + b"\n",
        lambda body: b"",
        lambda body: body.replace(b"68494f", b"68494e", 1),
    ],
    ids=["re-serialised", "truncated", "beheaded", "one byte more", "empty", "one byte changed"],
)
def test_a_push_that_was_changed_does_not_hold(push: Push, tamper: Callable[[bytes], bytes]) -> None:
    changed = replace(push, body=tamper(push.body))
    assert fault_of(lambda: verify(changed)) == Fault.WRONG


def test_a_push_with_another_secret_does_not_hold() -> None:
    assert fault_of(lambda: verify(signed_push(FIRST, "another", NOW))) == Fault.WRONG


@pytest.mark.parametrize("missing", ["x-jdy-signature", "timestamp", "nonce"])
def test_a_push_that_lacks_a_part_of_its_signature_does_not_hold(missing: str) -> None:
    headers = {name: value for name, value in SUBMITTED.headers().items() if name != missing}
    query = [(name, value) for name, value in SUBMITTED.query if name != missing]
    assert (
        fault_of(lambda: verify_jiandaoyun(FORM, headers, query, SUBMITTED.body, SUBMITTED.at))
        == Fault.MISSING
    )


def test_a_parameter_that_is_given_twice_counts_as_missing() -> None:
    query = (*SUBMITTED.query, ("nonce", "000000"))
    headers = SUBMITTED.headers()
    assert (
        fault_of(lambda: verify_jiandaoyun(FORM, headers, query, SUBMITTED.body, SUBMITTED.at))
        == Fault.MISSING
    )


@pytest.mark.parametrize("late", [timedelta(hours=1, seconds=1), -timedelta(hours=1, seconds=1)])
def test_a_push_outside_the_window_does_not_hold(late: timedelta) -> None:
    assert fault_of(lambda: verify(SUBMITTED, now=SUBMITTED.at + late)) == Fault.STALE


@pytest.mark.parametrize("late", [timedelta(minutes=59), -timedelta(minutes=59)])
def test_a_push_inside_the_window_holds(late: timedelta) -> None:
    assert verify(SUBMITTED, now=SUBMITTED.at + late).delivery_id == "d1"


def test_the_border_between_nonce_and_body_cannot_be_moved() -> None:
    head, tail = SUBMITTED.body.split(b":", 1)
    moved = replace(SUBMITTED, nonce=f"{SUBMITTED.nonce}:{head.decode()}", body=tail)
    signed = jiandaoyun_signature(moved.nonce, moved.body, FORM_SECRET, moved.timestamp)
    assert signed == SUBMITTED.signature, "the signature itself does not tell"
    assert fault_of(lambda: verify(moved)) == Fault.WRONG


@pytest.mark.parametrize("timestamp", ["", "-1", "1749636191.0", "１７４９", "now", "9" * 13])
def test_a_time_that_is_no_number_of_seconds_does_not_hold(timestamp: str) -> None:
    signature = jiandaoyun_signature("7c1e9a", FIRST, FORM_SECRET, timestamp)
    push = Push(FIRST, timestamp, "7c1e9a", signature)
    assert fault_of(lambda: verify(push, now=NOW)) in (Fault.WRONG, Fault.MISSING)


@pytest.mark.parametrize("signature", ["é" * 40, "0" * 40, "sha1=" + SUBMITTED.signature])
def test_a_signature_of_another_form_does_not_hold(signature: str) -> None:
    assert fault_of(lambda: verify(replace(SUBMITTED, signature=signature))) == Fault.WRONG


def test_the_same_bytes_have_one_seal_under_every_id() -> None:
    assert verify(SUBMITTED).seal == verify(SUBMITTED, delivery="d2").seal
    assert verify(SUBMITTED).seal != verify(signed_push(SUBMITTED.body, at=NOW)).seal


def test_a_push_without_an_id_is_known_by_its_signature() -> None:
    headers = {"x-jdy-signature": SUBMITTED.signature}
    sealed = verify_jiandaoyun(FORM, headers, SUBMITTED.query, SUBMITTED.body, SUBMITTED.at)
    assert sealed.delivery_id == f"signature:{SUBMITTED.signature}"


# --------------------------------------------------------------------------- Standard Webhooks


def test_a_signed_body_holds() -> None:
    assert verify_body(BODY) == Sealed("msg_1", "msg_1")


@pytest.mark.parametrize(
    "body", [json.dumps(json.loads(BODY)).encode(), BODY[:-1], BODY + b"\n", b"", b"\xff\xfe"]
)
def test_a_body_that_was_changed_does_not_hold(body: bytes) -> None:
    assert fault_of(lambda: verify_body(body)) == Fault.WRONG


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_body_that_lacks_a_part_of_its_signature_does_not_hold(missing: str) -> None:
    assert fault_of(lambda: verify_body(BODY, {missing: ""})) == Fault.MISSING


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"webhook-id": "msg_2"}, Fault.WRONG),
        ({"webhook-id": "msg.1"}, Fault.WRONG),
        ({"webhook-signature": "v1,AAAA"}, Fault.WRONG),
        ({"webhook-signature": "v1"}, Fault.WRONG),
        ({"webhook-signature": "v1,é"}, Fault.WRONG),
        ({"webhook-timestamp": "soon"}, Fault.WRONG),
        ({"webhook-timestamp": str(int(NOW.timestamp()) - 301)}, Fault.STALE),
        ({"webhook-timestamp": str(int(NOW.timestamp()) + 301)}, Fault.STALE),
        ({"webhook-timestamp": str(int(NOW.timestamp()) - 1)}, Fault.WRONG),
    ],
)
def test_headers_that_were_changed_do_not_hold(changes: dict[str, str], fault: Fault) -> None:
    assert fault_of(lambda: verify_body(BODY, changes)) == fault


def test_an_old_body_does_not_hold_however_well_it_is_signed() -> None:
    headers = standard_headers(BODY, "msg_1", at=NOW - timedelta(minutes=6))
    assert fault_of(lambda: verify_standard(PORTAL, headers, BODY, NOW)) == Fault.STALE


def test_the_window_is_the_one_of_the_hook() -> None:
    headers = standard_headers(BODY, "msg_1", at=NOW - timedelta(minutes=6))
    patient = replace(PORTAL, window=timedelta(minutes=10))
    assert verify_standard(patient, headers, BODY, NOW).seal == "msg_1"


# --------------------------------------------------------------------------- secrets


def test_either_secret_holds_while_they_are_changed() -> None:
    new = SecretStr("new-secret")
    both = replace(FORM, secrets=(new, *FORM.secrets))
    assert verify(SUBMITTED, both).delivery_id == "d1"
    assert verify(signed_push(FIRST, "new-secret", NOW), both).delivery_id == "d1"
    assert fault_of(lambda: verify(SUBMITTED, replace(FORM, secrets=(new,)))) == Fault.WRONG


def test_either_secret_of_a_standard_hook_holds() -> None:
    other = SecretStr("whsec_" + "QUJD" * 8)
    assert verify_body(BODY, hook=replace(PORTAL, secrets=(other, *PORTAL.secrets))).seal == "msg_1"
    assert fault_of(lambda: verify_body(BODY, hook=replace(PORTAL, secrets=(other,)))) == Fault.WRONG


def test_signatures_are_compared_in_constant_time_and_by_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = []

    def never(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr(hmac, "compare_digest", never)
    assert fault_of(lambda: verify(SUBMITTED)) == Fault.WRONG
    assert fault_of(lambda: verify_body(BODY)) == Fault.WRONG
    assert [one == other for one, other in compared] == [True, True]
