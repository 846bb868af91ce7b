"""Users and groups in the register: who may change them, what is on record, what the directory answers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.people_world import STAFF, Office, an_office, problem
from workflows.domain.approval import Group


@pytest.fixture
async def office(tmp_path: Path, empty_register: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path, empty_register) as opened:
        yield opened


async def test_an_administrator_adds_and_changes_people_and_it_is_on_record(office: Office) -> None:
    wish = {"groups": ["warehouse", "finance"], "display_name": "韩梅梅"}
    added = await office.as_("admin", "PUT", "/users/hanmeimei", json=wish)
    assert added.json() == {
        "name": "hanmeimei",
        "display_name": "韩梅梅",
        "kind": "person",
        "groups": ["warehouse", "finance"],
        "source": "register",
        "active": True,
        "is_bound": False,
    }
    changed = await office.as_("admin", "PUT", "/users/hanmeimei", json={"groups": ["it"]})
    assert (changed.json()["display_name"], changed.json()["groups"]) == ("韩梅梅", ["it"])
    assert (await office.admin_events())[-2:] == [
        ("admin", "user_added", "hanmeimei"),
        ("admin", "user_changed", "hanmeimei"),
    ]


async def test_putting_what_is_there_already_records_nothing(office: Office) -> None:
    before = await office.admin_events()
    await office.as_("admin", "PUT", "/users/clerk", json={"groups": ["applicant"]})
    assert await office.admin_events() == before


async def test_only_administrators_see_and_change_users(office: Office) -> None:
    for person in sorted(set(STAFF) - {"admin"}):
        problem(await office.as_(person, "GET", "/users"), 403, "not-an-administrator")
        wish = {"groups": ["admin"]}
        problem(await office.as_(person, "PUT", "/users/x", json=wish), 403, "not-an-administrator")
    assert await office.users.find("x") is None


async def test_nobody_changes_their_own_entry(office: Office) -> None:
    wish = {"groups": ["admin", "finance"]}
    problem(await office.as_("admin", "PUT", "/users/admin", json=wish), 403, "own-entry")
    assert await office.directory.groups_of("admin") == (Group.ADMIN,)


async def test_a_person_never_becomes_a_service_account(office: Office) -> None:
    wish = {"groups": [], "kind": "service"}
    problem(await office.as_("admin", "PUT", "/users/clerk", json=wish), 409, "user-kind-fixed")


@pytest.mark.parametrize("name", ["unclose", "UnClose", "group:finance", "cli:me", "%09", "a%00b"])
async def test_a_name_that_means_something_else_is_refused(office: Office, name: str) -> None:
    refused = await office.as_("admin", "PUT", f"/users/{name}", json={"groups": []})
    problem(refused, 422, "invalid-request")


async def test_the_list_of_users_comes_in_pages_by_name(office: Office) -> None:
    seen: list[str] = []
    path = "/users?limit=4"
    while path:
        page = (await office.as_("admin", "GET", path)).json()
        seen += [user["name"] for user in page["items"]]
        path = f"/users?limit=4&cursor={page['next']}" if page["next"] else ""
    assert seen == sorted(STAFF)


async def test_the_directory_answers_from_the_register_and_forgets_who_has_left(office: Office) -> None:
    await office.hire("deputy", Group.FINANCE, Group.IT)
    groups = (Group.FINANCE, Group.IT, Group.FINANCE_HEAD)
    assert await office.directory.people(groups) == {
        Group.FINANCE: ("deputy", "finance"),
        Group.IT: ("deputy", "it"),
        Group.FINANCE_HEAD: (),
    }
    assert await office.directory.groups_of("deputy") == (Group.FINANCE, Group.IT)
    await office.hire("deputy", Group.FINANCE, Group.IT, active=False)
    assert (await office.directory.people(groups))[Group.FINANCE] == ("finance",)
    assert await office.directory.groups_of("deputy") is None
    assert await office.directory.groups_of("ghost") is None


async def test_service_accounts_are_in_the_group_of_nobody_who_is_asked(office: Office) -> None:
    await office.a_service("portal", Group.AUDITOR)
    assert (await office.directory.people((Group.AUDITOR,)))[Group.AUDITOR] == ("auditor",)
    assert await office.directory.groups_of("portal") is None


async def test_in_dev_the_development_identities_are_there_and_stay_as_they_are(
    tmp_path: Path, empty_register: Path
) -> None:
    async with an_office(tmp_path, empty_register, dev=True) as dev:
        assert (await dev.with_token("demo-finance", "GET", "/me")).json()["groups"] == ["finance"]
        wish = {"groups": ["finance"]}
        fixed = await dev.with_token("demo-admin", "PUT", "/users/clerk", json=wish)
        problem(fixed, 409, "development-identity")
