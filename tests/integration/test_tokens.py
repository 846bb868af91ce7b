"""API tokens, scopes and service accounts, over HTTP and with a real register."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from service.tokens import PREFIX
from service.user import EVERY_SCOPE, TokenScope
from tests.people_world import INSTALLER, Office, an_office, problem
from workflows.domain.approval import Group

WISH: dict[str, Any] = {
    "ledger": "demo",
    "target_period": "2025-03",
    "modules": ["inventory"],
    "reason_code": "stocktake_omission",
    "reason": "三月盘点遗漏",
}


@pytest.fixture
async def office(tmp_path: Path, empty_register: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path, empty_register) as opened:
        yield opened


async def status(office: Office, token: str) -> int:
    return (await office.with_token(token, "GET", "/me")).status_code


# --------------------------------------------------------------------------- tokens


async def test_a_token_says_who_is_asking(office: Office) -> None:
    seen = (await office.as_("finance", "GET", "/me")).json()
    assert (seen["person"], seen["groups"], seen["kind"]) == ("finance", ["finance"], "person")


async def test_outside_dev_a_development_token_is_nobodys(office: Office) -> None:
    problem(await office.with_token("demo-admin", "GET", "/me"), 401, "unidentified")


async def test_a_token_is_shown_once_and_kept_by_nobody(office: Office, tmp_path: Path) -> None:
    made = await office.as_("finance", "POST", "/tokens", json={"scopes": ["read"], "days": 7})
    assert made.status_code == 201
    token = made.json()["token"]
    assert token.startswith(PREFIX)
    assert len(token) >= len(PREFIX) + 43  # 256 bits in base64
    assert await status(office, token) == 200
    listed = (await office.as_("finance", "GET", "/tokens")).text
    assert made.json()["id"] in listed
    secret = token[len(PREFIX) + len(made.json()["id"]) :]
    assert secret not in listed
    files = b"".join((tmp_path / name).read_bytes() for name in ("register.sqlite", "register.sqlite-wal"))
    assert made.json()["id"].encode() in files
    assert secret.encode() not in files


async def test_a_revoked_token_stops_at_once(office: Office) -> None:
    made = await office.hand_out("clerk")
    assert await status(office, made.secret) == 200
    ended = await office.as_("admin", "DELETE", f"/tokens/{made.token.id}")
    assert (ended.status_code, ended.json()["revoked_by"]) == (200, "admin")
    assert await status(office, made.secret) == 401
    again = await office.as_("admin", "DELETE", f"/tokens/{made.token.id}")
    assert again.json()["revoked_at"] == ended.json()["revoked_at"]


async def test_an_expired_token_is_nobodys(office: Office) -> None:
    made = await office.hand_out("clerk")
    await office.change_token(made.token.id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert await status(office, made.secret) == 401


async def test_the_token_of_somebody_who_has_left_stops_at_once(office: Office) -> None:
    await office.hire("finance", Group.FINANCE, active=False)
    problem(await office.as_("finance", "GET", "/me"), 401, "unidentified")


async def test_a_token_changed_in_one_place_is_nobodys(office: Office) -> None:
    token = office.secrets["clerk"]
    for place in (0, len(PREFIX), len(PREFIX) + 16, len(token) - 1):
        other = "a" if token[place] != "a" else "b"
        assert await status(office, token[:place] + other + token[place + 1 :]) == 401
    for wrong in (token[:-1], token + "a", PREFIX, "Bearer", "a.b.c"):
        assert await status(office, wrong) == 401


@pytest.mark.parametrize(
    ("field", "value"),
    [("days", 0), ("days", 366), ("days", None), ("scopes", []), ("scopes", ["all"]), ("user", "group:it")],
)
async def test_a_token_wished_for_wrongly_is_refused(office: Office, field: str, value: object) -> None:
    body = {"scopes": ["read"], "days": 7, field: value}
    refused = problem(await office.as_("clerk", "POST", "/tokens", json=body), 422, "invalid-request")
    assert refused["errors"][0]["pointer"].startswith(f"/{field}")


async def test_the_last_use_is_kept_to_the_hour(office: Office) -> None:
    made = await office.hand_out("clerk")

    async def last_use() -> Any:
        listed = (await office.as_("admin", "GET", "/tokens?user=clerk")).json()["items"]
        return next(token["last_used_at"] or "" for token in listed if token["id"] == made.token.id)

    assert await last_use() == ""
    await status(office, made.secret)
    first = await last_use()
    assert first
    await status(office, made.secret)
    assert await last_use() == first
    await office.change_token(made.token.id, last_used_at=datetime.now(UTC) - timedelta(hours=2))
    await status(office, made.secret)
    assert await last_use() >= first


async def test_everyone_sees_their_own_tokens_and_administrators_those_of_others(office: Office) -> None:
    own = (await office.as_("clerk", "GET", "/tokens")).json()["items"]
    assert {token["user"] for token in own} == {"clerk"}
    problem(await office.as_("clerk", "GET", "/tokens?user=it"), 403, "not-an-administrator")
    seen = (await office.as_("admin", "GET", "/tokens?user=it")).json()["items"]
    assert {token["user"] for token in seen} == {"it"}
    foreign = await office.as_("clerk", "DELETE", f"/tokens/{seen[0]['id']}")
    problem(foreign, 404, "unknown-token")
    assert (await office.as_("it", "GET", "/me")).status_code == 200


async def test_the_pages_of_a_list_hold_each_token_once_newest_first(office: Office) -> None:
    made = [(await office.hand_out("clerk")).token.id for _ in range(4)]
    seen: list[str] = []
    path = "/tokens?limit=2"
    while path:
        page = (await office.as_("clerk", "GET", path)).json()
        seen += [token["id"] for token in page["items"]]
        path = f"/tokens?limit=2&cursor={page['next']}" if page["next"] else ""
    assert len(seen) == len(set(seen)) == len(made) + 1
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("cursor", ["%C3%A9", "x", "AA==", "eA=", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"])
async def test_a_cursor_that_was_never_given_out_is_refused(office: Office, cursor: str) -> None:
    refused = await office.as_("clerk", "GET", f"/delegations?cursor={cursor}")
    problem(refused, 422, "cursor-unreadable")


# --------------------------------------------------------------------------- what a token gives


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/requests", TokenScope.READ),
        ("POST", "/plans", TokenScope.READ),
        ("POST", "/requests", TokenScope.REQUEST),
        ("POST", "/requests/UC-2025-000001/withdraw", TokenScope.ACT),
        ("POST", "/tasks/t/actions", TokenScope.ACT),
        ("POST", "/delegations", TokenScope.ACT),
        ("DELETE", "/delegations/1", TokenScope.ACT),
        ("GET", "/users", TokenScope.ADMIN),
        ("PUT", "/users/x", TokenScope.ADMIN),
        ("POST", "/tokens", TokenScope.ADMIN),
        ("DELETE", "/tokens/x", TokenScope.ADMIN),
    ],
)
async def test_an_operation_needs_its_scope(
    office: Office, method: str, path: str, scope: TokenScope
) -> None:
    others = tuple(other for other in TokenScope if other != scope)
    narrow = (await office.hand_out("admin", others)).secret
    refused = problem(await office.with_token(narrow, method, path), 403, "scope-missing")
    assert refused["scope"] == scope
    enough = (await office.hand_out("admin", (scope,))).secret
    assert "scope-missing" not in (await office.with_token(enough, method, path)).text


async def test_a_scope_gives_no_right_that_the_groups_do_not(office: Office) -> None:
    problem(await office.as_("finance", "GET", "/users"), 403, "not-an-administrator")


async def test_a_token_makes_none_that_may_do_more(office: Office) -> None:
    narrow = (await office.hand_out("clerk", (TokenScope.READ, TokenScope.ADMIN))).secret
    body = {"scopes": ["read", "act"], "days": 7}
    refused = problem(await office.with_token(narrow, "POST", "/tokens", json=body), 403, "scope-missing")
    assert refused["scope"] == "act"


async def test_nobody_gets_a_token_that_acts_as_another_person(office: Office) -> None:
    body = {"user": "finance", "scopes": ["read", "act"], "days": 7}
    problem(await office.as_("clerk", "POST", "/tokens", json=body), 403, "not-an-administrator")
    problem(await office.as_("admin", "POST", "/tokens", json=body), 403, "token-for-another")
    reading = await office.as_("admin", "POST", "/tokens", json={**body, "scopes": ["read"]})
    assert (reading.json()["user"], reading.json()["created_by"]) == ("finance", "admin")


async def test_an_administrator_makes_tokens_for_service_accounts(office: Office) -> None:
    await office.a_service()
    body = {"user": "portal", "scopes": ["request"], "days": 365}
    made = await office.as_("admin", "POST", "/tokens", json=body)
    assert (made.status_code, made.json()["user"]) == (201, "portal")


async def test_a_token_for_nobody_names_the_field(office: Office) -> None:
    body = {"user": "ghost", "scopes": ["read"], "days": 7}
    refused = problem(await office.as_("admin", "POST", "/tokens", json=body), 422, "unknown-user")
    assert refused["errors"][0]["pointer"] == "/user"


async def test_the_same_call_makes_one_token_and_shows_it_once(office: Office) -> None:
    key = {"Idempotency-Key": "k1"}
    body = {"scopes": ["read"], "days": 7}
    made = await office.as_("clerk", "POST", "/tokens", json=body, headers=key)
    again = problem(
        await office.as_("clerk", "POST", "/tokens", json=body, headers=key), 409, "secret-shown-once"
    )
    assert again["token"] == made.json()["id"]
    other = await office.as_("clerk", "POST", "/tokens", json={**body, "days": 8}, headers=key)
    problem(other, 409, "key-reused")
    assert len((await office.as_("clerk", "GET", "/tokens")).json()["items"]) == 2


async def test_making_and_revoking_a_token_is_on_record(office: Office) -> None:
    made = await office.as_("clerk", "POST", "/tokens", json={"scopes": ["read"], "days": 7})
    token = made.json()["id"]
    await office.as_("admin", "DELETE", f"/tokens/{token}")
    assert (await office.admin_events())[-2:] == [
        ("clerk", "token_made", token),
        ("admin", "token_revoked", token),
    ]


# --------------------------------------------------------------------------- service accounts


async def test_a_service_account_asks_for_a_person_and_both_are_on_record(office: Office) -> None:
    portal = await office.a_service()
    headers = {"X-On-Behalf-Of": "clerk"}
    taken = await office.with_token(portal, "POST", "/requests", json=WISH, headers=headers)
    assert taken.status_code == 202, taken.text
    [request] = office.gateway.started.values()
    assert (request.applicant, request.on_behalf_of) == ("portal", "clerk")


async def test_a_name_outside_ascii_is_percent_encoded(office: Office) -> None:
    await office.hire("李雷", Group.APPLICANT)
    portal = await office.a_service()
    headers = {"X-On-Behalf-Of": quote("李雷")}
    seen = (await office.with_token(portal, "GET", "/me", headers=headers)).json()
    assert (seen["person"], seen["on_behalf_of"], seen["kind"]) == ("portal", "李雷", "service")


async def test_a_service_account_gains_nothing_by_the_person_behind_it(office: Office) -> None:
    portal = await office.a_service()
    for person in ("finance", "admin"):
        headers = {"X-On-Behalf-Of": person}
        assert (await office.with_token(portal, "GET", "/me", headers=headers)).json()["groups"] == []
        problem(await office.with_token(portal, "GET", "/users", headers=headers), 403, "person-needed")


async def test_a_person_speaks_for_nobody_else(office: Office) -> None:
    for person in ("clerk", "admin"):
        headers = {"X-On-Behalf-Of": "finance"}
        problem(await office.as_(person, "GET", "/me", headers=headers), 403, "speaks-for-others")


@pytest.mark.parametrize("person", ["ghost", "gone", "portal", "%00"])
async def test_who_stands_behind_a_request_is_an_active_person(office: Office, person: str) -> None:
    await office.hire("gone", active=False)
    portal = await office.a_service()
    headers = {"X-On-Behalf-Of": person}
    refused = problem(
        await office.with_token(portal, "POST", "/requests", json=WISH, headers=headers),
        422,
        "unknown-behalf",
    )
    field = refused["errors"][0]
    assert (field["in"], field["pointer"]) == ("header", "/X-On-Behalf-Of")
    assert not office.gateway.started


async def test_a_key_used_for_one_person_is_not_the_same_call_for_another(office: Office) -> None:
    portal = await office.a_service()
    for person, expected in (("clerk", 202), ("clerk", 202), ("it", 409)):
        headers = {"X-On-Behalf-Of": person, "Idempotency-Key": "form-1"}
        answer = await office.with_token(portal, "POST", "/requests", json=WISH, headers=headers)
        assert answer.status_code == expected
    assert len(office.gateway.started) == 1


async def test_a_service_account_makes_no_tokens_and_no_delegations(office: Office) -> None:
    portal = await office.a_service()
    token = {"scopes": ["read"], "days": 7}
    problem(await office.with_token(portal, "POST", "/tokens", json=token), 403, "person-needed")
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    wish = {"delegate": "it", "ends": later}
    problem(await office.with_token(portal, "POST", "/delegations", json=wish), 403, "person-needed")


@pytest.mark.parametrize("group", [group for group in Group if group not in (Group.APPLICANT, Group.AUDITOR)])
async def test_a_service_account_is_in_no_group_that_decides(office: Office, group: Group) -> None:
    body = {"groups": [group], "kind": "service"}
    refused = problem(await office.as_("admin", "PUT", "/users/robot", json=body), 422, "consenting-service")
    assert refused["errors"][0]["pointer"] == "/groups"
    assert await office.users.find("robot") is None


async def test_every_scope_has_a_use() -> None:
    assert set(EVERY_SCOPE) == set(TokenScope)
    assert INSTALLER.groups == ()
