"""Delegations over HTTP: made, refused, revoked, and what the directory answers then."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from service.tables import delegations, idempotency
from tests.people_world import Office, an_office, problem
from workflows.domain.approval import Group

NOW = datetime.now(UTC)


@pytest.fixture
async def office(tmp_path: Path, empty_register: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path, empty_register) as opened:
        yield opened


def a_wish(delegate: str, days: float = 7, **more: Any) -> dict[str, Any]:
    return {"delegate": delegate, "ends": (NOW + timedelta(days=days)).isoformat(), **more}


async def made(office: Office, who: str, delegate: str, **more: Any) -> dict[str, Any]:
    answer = await office.as_(who, "POST", "/delegations", json=a_wish(delegate, **more))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_delegate_may_act_from_now_on_for_everyone_in_the_line(office: Office) -> None:
    await made(office, "finance", "it", reason="出差")
    await made(office, "it", "warehouse")
    assert await office.directory.principals_of("warehouse", "demo") == ("it", "finance")
    assert await office.directory.principals_of("it", "demo") == ("finance",)


async def test_a_delegation_to_come_or_for_another_ledger_gives_nothing_yet(office: Office) -> None:
    await made(office, "finance", "it", starts=(NOW + timedelta(days=1)).isoformat())
    await made(office, "warehouse", "it", ledger="demo")
    assert await office.directory.principals_of("it", "demo") == ("warehouse",)
    assert await office.directory.principals_of("it", "shop") == ()


async def test_a_delegation_is_not_dated_back(office: Office) -> None:
    one = await made(office, "finance", "it", starts=(NOW - timedelta(days=30)).isoformat())
    assert datetime.fromisoformat(one["starts"]) >= NOW


async def test_a_revoked_delegation_ends_at_once_and_stays_on_record(office: Office) -> None:
    one = await made(office, "finance", "it")
    ended = await office.as_("finance", "DELETE", f"/delegations/{one['id']}")
    assert (ended.status_code, ended.json()["revoked_by"]) == (200, "finance")
    assert await office.directory.principals_of("it", "demo") == ()
    again = await office.as_("finance", "DELETE", f"/delegations/{one['id']}")
    assert again.json() == ended.json()
    [kept] = (await office.as_("finance", "GET", "/delegations")).json()["items"]
    assert kept == ended.json()
    await made(office, "finance", "warehouse")


async def test_who_has_left_stands_in_for_nobody_and_breaks_the_line(office: Office) -> None:
    await made(office, "finance", "it")
    await made(office, "it", "warehouse")
    await office.hire("it", Group.IT, active=False)
    assert await office.directory.principals_of("warehouse", "demo") == ()


async def test_me_tells_for_whom_i_stand_in_and_what_i_have_delegated(office: Office) -> None:
    one = await made(office, "finance", "it", ledger="demo")
    await made(office, "warehouse", "it")
    seen = (await office.as_("it", "GET", "/me")).json()
    assert seen["stands_in_for"] == [
        {"person": "warehouse", "ledger": None},
        {"person": "finance", "ledger": "demo"},
    ]
    assert seen["delegations"] == []
    assert (await office.as_("finance", "GET", "/me")).json()["delegations"] == [one]


# --------------------------------------------------------------------------- refusals


async def test_a_principal_has_one_delegate_at_a_time(office: Office) -> None:
    one = await made(office, "finance", "it")
    second = await office.as_("finance", "POST", "/delegations", json=a_wish("warehouse"))
    assert problem(second, 409, "delegation-overlaps")["delegation"] == one["id"]


async def test_a_circle_is_refused(office: Office) -> None:
    await made(office, "finance", "it")
    await made(office, "it", "warehouse")
    closing = await office.as_("warehouse", "POST", "/delegations", json=a_wish("finance"))
    assert problem(closing, 409, "delegation-cycle")["circle"] == "warehouse, finance, it, warehouse"


@pytest.mark.parametrize(
    ("wish", "name", "pointer"),
    [
        (a_wish("finance"), "delegation-to-self", "/delegate"),
        (a_wish("ghost"), "unknown-user", "/delegate"),
        (a_wish("portal"), "unknown-user", "/delegate"),
        (a_wish("gone"), "unknown-user", "/delegate"),
        (a_wish("it", days=-1), "delegation-ends-too-soon", "/ends"),
        (a_wish("it", starts=(NOW + timedelta(days=9)).isoformat()), "delegation-ends-too-soon", "/ends"),
        ({"delegate": "it", "ends": "2030-01-01T00:00:00"}, "invalid-request", "/ends"),
        ({"delegate": "it"}, "invalid-request", "/ends"),
    ],
)
async def test_a_delegation_that_cannot_be_read_names_the_field(
    office: Office, wish: dict[str, Any], name: str, pointer: str
) -> None:
    await office.a_service()
    await office.hire("gone", active=False)
    refused = problem(await office.as_("finance", "POST", "/delegations", json=wish), 422, name)
    assert refused["errors"][0]["pointer"] == pointer


async def test_a_delegation_on_a_ledger_that_is_not_there_is_refused(office: Office) -> None:
    refused = await office.as_("finance", "POST", "/delegations", json=a_wish("it", ledger="nowhere"))
    problem(refused, 404, "unknown-ledger")


async def test_an_administrator_delegates_for_the_absent_and_is_on_record(office: Office) -> None:
    wish = a_wish("it", principal="finance")
    problem(await office.as_("warehouse", "POST", "/delegations", json=wish), 403, "not-an-administrator")
    one = (await office.as_("admin", "POST", "/delegations", json=wish)).json()
    assert (one["principal"], one["created_by"]) == ("finance", "admin")
    assert (await office.admin_events())[-1] == ("admin", "delegation_made", one["id"])
    unknown = a_wish("it", principal="ghost")
    refused = problem(await office.as_("admin", "POST", "/delegations", json=unknown), 422, "unknown-user")
    assert refused["errors"][0]["pointer"] == "/principal"


async def test_an_administrator_never_becomes_the_stand_in_by_their_own_hand(office: Office) -> None:
    direct = a_wish("admin", principal="finance")
    problem(await office.as_("admin", "POST", "/delegations", json=direct), 403, "self-appointed")
    await made(office, "it", "admin")
    through = a_wish("it", principal="finance")
    problem(await office.as_("admin", "POST", "/delegations", json=through), 403, "self-appointed")
    assert await office.directory.principals_of("admin", "demo") == ("it",)


async def test_the_delegation_of_another_is_not_mine_to_revoke_or_to_see(office: Office) -> None:
    one = await made(office, "finance", "it")
    for person in ("it", "clerk"):
        refused = await office.as_(person, "DELETE", f"/delegations/{one['id']}")
        problem(refused, 404, "unknown-delegation")
    problem(await office.as_("clerk", "DELETE", "/delegations/4711"), 404, "unknown-delegation")
    assert (await office.as_("clerk", "GET", "/delegations")).json()["items"] == []
    refused = await office.as_("clerk", "GET", "/delegations?person=finance")
    problem(refused, 403, "not-an-administrator")
    seen = (await office.as_("admin", "GET", "/delegations?person=finance")).json()["items"]
    assert [item["id"] for item in seen] == [one["id"]]
    ended = await office.as_("admin", "DELETE", f"/delegations/{one['id']}")
    assert ended.json()["revoked_by"] == "admin"


async def test_the_same_call_makes_one_delegation(office: Office) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await office.as_("finance", "POST", "/delegations", json=a_wish("it"), headers=headers)
    second = await office.as_("finance", "POST", "/delegations", json=a_wish("it"), headers=headers)
    assert first.json() == second.json()
    other = await office.as_("finance", "POST", "/delegations", json=a_wish("clerk"), headers=headers)
    problem(other, 409, "key-reused")


async def test_a_call_cut_off_before_its_answer_was_kept_makes_no_second_delegation(office: Office) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await office.as_("finance", "POST", "/delegations", json=a_wish("it"), headers=headers)
    forget = update(idempotency).values(status=None)
    await office.database.write(lambda connection: connection.execute(forget))
    second = await office.as_("finance", "POST", "/delegations", json=a_wish("it"), headers=headers)
    assert first.json() == second.json()
    count = select(func.count()).select_from(delegations)
    assert await office.database.read(lambda connection: connection.scalar(count)) == 1
