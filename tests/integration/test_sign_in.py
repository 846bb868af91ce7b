"""Coming in with a token of an OpenID Connect provider: a real one, and who is let in under which name."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from service.user import UserKind, UserSource
from service.users import SignIn, UserEntry
from tests.people_world import INSTALLER, Office, an_office, problem
from workflows.domain.approval import Group

LILEI = SignIn("s" * 64, "lilei", "李雷", (Group.FINANCE,))


@pytest.fixture
async def office(tmp_path: Path, empty_register: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path, empty_register) as opened:
        yield opened


async def test_who_signs_in_first_is_known_from_then_on(office: Office) -> None:
    assert await office.users.signed_in(LILEI)
    assert await office.directory.people((Group.FINANCE,)) == {Group.FINANCE: ("finance", "lilei")}
    assert (await office.admin_events())[-1][:2] == ("lilei", "user_changed")


async def test_groups_are_brought_up_to_date_at_each_sign_in(office: Office) -> None:
    await office.users.signed_in(LILEI)
    before = await office.admin_events()
    await office.users.signed_in(LILEI)
    assert await office.admin_events() == before
    await office.users.signed_in(replace(LILEI, groups=()))
    assert await office.directory.groups_of("lilei") == ()


async def test_groups_that_administrators_keep_are_not_changed_by_a_sign_in(office: Office) -> None:
    await office.hire("lilei", Group.IT)
    user = await office.users.signed_in(LILEI)
    assert user is not None
    assert (user.groups, user.is_bound) == ((Group.IT,), True)
    kept = UserEntry((Group.IT,), source=UserSource.OIDC)
    await office.users.put("lilei", kept, INSTALLER)
    await office.users.signed_in(LILEI)
    assert await office.directory.groups_of("lilei") == (Group.FINANCE,)


async def test_a_name_given_out_again_is_not_the_same_person(office: Office) -> None:
    await office.users.signed_in(LILEI)
    newcomer = replace(LILEI, subject="n" * 64)
    assert await office.users.signed_in(newcomer) is None
    await office.users.put("lilei", UserEntry((), unbind=True), INSTALLER)
    assert await office.users.signed_in(newcomer)
    assert await office.users.signed_in(LILEI) is None


async def test_one_person_under_two_names_stays_one(office: Office) -> None:
    await office.users.signed_in(LILEI)
    user = await office.users.signed_in(replace(LILEI, name="li.lei"))
    assert user is not None
    assert user.name == "lilei"
    assert await office.users.find("li.lei") is None


async def test_who_was_made_inactive_and_service_accounts_do_not_sign_in(office: Office) -> None:
    await office.users.signed_in(LILEI)
    await office.hire("lilei", active=False)
    assert await office.users.signed_in(LILEI) is None
    await office.hire("portal", kind=UserKind.SERVICE)
    assert await office.users.signed_in(SignIn("p" * 64, "portal", "", ())) is None


# --------------------------------------------------------------------------- a real provider


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The address of a provider in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--host", "127.0.0.1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


async def discovered(provider: str) -> str:
    """The issuer as the provider names itself, once it is up."""
    async with httpx.AsyncClient(base_url=provider) as http:
        for _ in range(1500):
            try:
                found = await http.get("/.well-known/openid-configuration")
                return str(found.json()["issuer"])
            except httpx.TransportError:
                await asyncio.sleep(0.02)
    raise AssertionError("the provider does not come up")


async def signed_in(provider: str, person: str, client: str = "unclose") -> str:
    """The token that a person gets by signing in for a client."""
    place = "http://localhost/callback"
    async with httpx.AsyncClient(base_url=provider) as http:
        await http.put(f"/users/{person}", json={"preferred_username": person, "groups": ["finance"]})
        asked = {
            "client_id": client,
            "redirect_uri": place,
            "response_type": "code",
            "scope": "openid profile",
        }
        answer = await http.post("/oauth2/authorize", params=asked, data={"sub": person})
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        wish = {"grant_type": "authorization_code", "code": code, "redirect_uri": place}
        tokens = await http.post("/oauth2/token", data=wish, auth=(client, "any secret"))
        return str(tokens.json()["id_token"])


async def test_a_person_comes_in_with_a_token_of_a_real_provider(
    provider: str, tmp_path: Path, empty_register: Path
) -> None:
    configured = {"dev": True, "oidc_issuer": await discovered(provider), "oidc_audience": "unclose"}
    async with an_office(tmp_path, empty_register, **configured) as office:
        token = await signed_in(provider, "hanmeimei")
        seen = await office.with_token(token, "GET", "/me")
        assert seen.status_code == 200, seen.text
        assert (seen.json()["person"], seen.json()["kind"]) == ("hanmeimei", "person")
        assert await office.directory.groups_of("hanmeimei") is not None
        other = await signed_in(provider, "hanmeimei", client="payroll")
        problem(await office.with_token(other, "GET", "/me"), 401, "unidentified")
        head, claims, seal = token.split(".")
        forged = f"{head}.{claims}.{seal[:-8]}AAAAAAAA"
        problem(await office.with_token(forged, "GET", "/me"), 401, "unidentified")


async def test_a_provider_that_is_away_is_told_and_everyone_else_comes_in(
    tmp_path: Path, empty_register: Path, provider: str
) -> None:
    token = await signed_in(await discovered(provider), "hanmeimei")
    away = {"dev": True, "oidc_issuer": "http://127.0.0.1:9", "oidc_audience": "unclose"}
    async with an_office(tmp_path, empty_register, **away) as office:
        refused = await office.with_token(token, "GET", "/me")
        problem(refused, 503, "sign-in-unavailable")
        assert "retry-after" in refused.headers
        assert (await office.with_token("demo-clerk", "GET", "/me")).status_code == 200
