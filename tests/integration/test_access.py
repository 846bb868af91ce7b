"""What holds for every operation of the API: nobody unknown is answered, and nobody too often."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.rate_limits import RateLimits, Rates
from service.refusals import TooManyRequests
from service.scopes import KEY
from service.user import TokenScope
from tests.api_document import api_document
from tests.people_world import Office, an_office, problem

OPEN = {"/healthz", "/readyz", "/problems/{name}"}
"""What anybody may read: whether it runs, and what a problem means."""
SIGNED = {"/api/v1/webhooks/jiandaoyun/{hook}", "/api/v1/webhooks/generic/{hook}"}
"""What takes no token: each delivery is signed with the secret of its hook."""


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in api_document()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def a_path(template: str, operation: dict[str, Any]) -> str:
    for parameter in operation.get("parameters", []):
        value = "1" if parameter["schema"].get("type") == "integer" else "demo"
        template = template.replace(f"{{{parameter['name']}}}", value)
    return template


@pytest.fixture
async def dev(tmp_path: Path, empty_register: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path, empty_register, dev=True) as opened:
        yield opened


@pytest.mark.parametrize("token", [None, "demo-nobody", "uct_0123456789abcdef", "a.b.c", ""])
async def test_no_operation_answers_somebody_unknown(dev: Office, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answered = {}
    for method, path, operation in operations():
        if path not in OPEN | SIGNED:
            body: dict[str, Any] | None = None if method == "GET" else {}
            where = a_path(path, operation)
            response = await dev.http.request(method, where, headers=headers, json=body)
            answered[f"{method} {path}"] = response.status_code
            assert response.headers.get("www-authenticate") == "Bearer", where
    assert len(answered) > 20
    assert set(answered.values()) == {401}, answered


def test_every_operation_tells_the_scope_it_needs() -> None:
    told = {(method, path): operation.get(KEY) for method, path, operation in operations()}
    assert {path for (_, path), scope in told.items() if scope is None} == OPEN | SIGNED
    reads = {scope for (method, path), scope in told.items() if method == "GET" and "/users" not in path}
    assert reads - {None} == {"read"}


def test_what_takes_no_token_says_how_it_is_signed() -> None:
    assert {path for _, path, operation in operations() if "x-signed-by" in operation} == SIGNED


# --------------------------------------------------------------------------- how often

TIGHT = {"rate_limit_reads": 3, "rate_limit_acts": 2, "rate_limit_failures": 2}


async def test_one_identity_may_read_so_often_and_no_more(tmp_path: Path, empty_register: Path) -> None:
    async with an_office(tmp_path, empty_register, **TIGHT) as office:
        for _ in range(3):
            assert (await office.as_("clerk", "GET", "/me")).status_code == 200
        refused = await office.as_("clerk", "GET", "/me")
        said = problem(refused, 429, "too-many-requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert said["retry_after"] == refused.headers["retry-after"]
        assert (await office.as_("finance", "GET", "/me")).status_code == 200
        for expected in (404, 404, 429):
            withdrawn = await office.as_("clerk", "POST", "/requests/UC-2025-000009/withdraw", json={})
            assert withdrawn.status_code == expected


async def test_unknown_tokens_from_one_address_are_put_off_and_known_ones_go_on(
    tmp_path: Path, empty_register: Path
) -> None:
    async with an_office(tmp_path, empty_register, **TIGHT) as office:
        wrong = [await office.with_token(f"uct_{n}", "GET", "/me") for n in range(3)]
        assert [response.status_code for response in wrong] == [401, 401, 429]
        assert "retry-after" in wrong[-1].headers
        assert (await office.as_("clerk", "GET", "/me")).status_code == 200


async def test_limits_can_be_switched_off(tmp_path: Path, empty_register: Path) -> None:
    async with an_office(tmp_path, empty_register, **TIGHT, rate_limits="off") as office:
        for _ in range(5):
            assert (await office.with_token("uct_", "GET", "/me")).status_code == 401
            assert (await office.as_("clerk", "GET", "/me")).status_code == 200


async def test_in_dev_a_hundred_times_as_many_may_come(tmp_path: Path, empty_register: Path) -> None:
    async with an_office(tmp_path, empty_register, dev=True, rate_limit_acts=1) as dev:
        for _ in range(20):
            answer = await dev.with_token("demo-clerk", "POST", "/plans", json={})
            assert answer.status_code == 422


async def test_one_household_of_ipv6_counts_as_one_address() -> None:
    limits = RateLimits(Rates(reads=1, acts=1, failures=1))
    await limits.count_failure("2001:db8::1")
    with pytest.raises(TooManyRequests):
        await limits.count_failure("2001:db8::2")
    await limits.count_failure("2001:db8:0:1::1")
    await limits.count_failure("192.0.2.1")
    await limits.count_failure("192.0.2.2")
    await limits.count_failure("a socket")


async def test_reads_and_acts_are_counted_apart() -> None:
    limits = RateLimits(Rates(reads=1, acts=1, failures=1))
    await limits.count("clerk", TokenScope.READ)
    await limits.count("clerk", TokenScope.ACT)
    with pytest.raises(TooManyRequests):
        await limits.count("clerk", TokenScope.REQUEST)
