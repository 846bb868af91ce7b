"""Policies, resubmission, reminders and the wider acts on tasks over HTTP, with a real register."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.test_routes import (
    CASE,
    NOW,
    WISH,
    World,
    an_event,
    nothing_was_taken,
    problem,
    world,
)
from workflows.domain import errors as e
from workflows.domain.case import (
    Act,
    CaseChange,
    EventKind,
    Position,
    Reminder,
    Resubmission,
    Resume,
    Task,
    TaskAction,
    TaskKind,
)
from workflows.domain.request import CaseState

__all__ = ["world"]  # fixtures

ONE_LEVEL = '[[levels]]\nname = "it"\ngroups = "it"\n'
SCOPE = {"ledger": "demo", "target_period": "2025-03", "modules": ["inventory"]}


async def put(world: World, text: str, who: str = "admin", **more: object) -> Any:
    return await world.as_(who, "PUT", "/api/v1/policies/demo", json={"text": text, **more})


# --------------------------------------------------------------------------- policies


async def test_a_policy_that_came_with_the_ledger_is_shown_as_the_text_it_would_be(world: World) -> None:
    listed = (await world.http.get("/api/v1/policies")).json()["items"]
    shown = (await world.http.get("/api/v1/policies/demo")).json()

    assert listed == [shown]
    assert (shown["version"], shown["source"], shown["author"]) == ("default-2", "configured", None)
    assert [level["name"] for level in shown["levels"]] == ["warehouse", "finance", "it", "finance_head"]
    assert (await put(world, shown["text"])).json()["levels"] == shown["levels"]


async def test_a_new_version_is_in_force_at_once_and_says_who_put_it(world: World) -> None:
    made = (await put(world, ONE_LEVEL, comment="试行")).json()

    assert (made["version"], made["author"], made["comment"]) == ("demo-1", "admin", "试行")
    plan = (await world.http.post("/api/v1/plans", json=SCOPE)).json()
    assert (plan["policy_version"], [level["name"] for level in plan["chain"]]) == ("demo-1", ["it"])
    ledger = (await world.http.get("/api/v1/ledgers/demo")).json()
    assert ledger["policy_version"] == "demo-1"


async def test_the_same_text_again_is_the_same_version(world: World) -> None:
    assert (await put(world, ONE_LEVEL)).json() == (await put(world, ONE_LEVEL)).json()


async def test_a_version_based_on_one_that_is_gone_is_refused(world: World) -> None:
    await put(world, ONE_LEVEL)

    late = await put(world, ONE_LEVEL.replace('"it"', '"finance"'), based_on="default-2")
    assert problem(late, 409, "policy-moved")["current"] == "demo-1"


@pytest.mark.parametrize("who", ["clerk", "finance-head", "operator", "erp-admin"])
async def test_only_an_administrator_puts_a_policy_in_force(world: World, who: str) -> None:
    problem(await put(world, ONE_LEVEL, who), 403, "not-an-administrator")
    assert (await world.http.get("/api/v1/policies/demo")).json()["version"] == "default-2"


async def test_a_policy_that_cannot_be_read_names_line_and_field_and_changes_nothing(world: World) -> None:
    broken = '[[levels]]\nname = "it"\ngroups = "it"\n\n[[levels]]\nname = "boss"\ngroups = "bosses"\n'

    refused = problem(await put(world, broken), 422, "policy-unreadable")
    assert refused["where"] == "line 7: levels[1].groups"
    assert refused["errors"][0]["pointer"] == "/text"
    assert (await world.http.get("/api/v1/policies/demo")).json()["version"] == "default-2"


async def test_who_put_the_policy_in_force_consents_to_nothing_under_it(world: World) -> None:
    """`admin` could otherwise make itself the only approver (design §5.5)."""
    await put(world, ONE_LEVEL.replace('groups = "it"', 'groups = "admin"'))

    plan = (await world.http.post("/api/v1/plans", json=SCOPE)).json()
    assert plan["blocked"]
    assert "no_approver" in [finding["code"] for finding in plan["findings"]]


async def test_a_preview_tells_who_would_be_asked_under_a_policy_that_is_not_in_force(world: World) -> None:
    text = ONE_LEVEL + '\n[[levels]]\nname = "big"\ngroups = "finance"\nwhen = "plan.periods > 99"\n'
    seen = (await world.http.post("/api/v1/policies/preview", json={**SCOPE, "text": text})).json()

    assert [level["name"] for level in seen["chain"]] == ["it"]
    assert [(level["name"], level["asked"]) for level in seen["levels"]] == [("it", True), ("big", False)]
    assert (await world.http.get("/api/v1/policies/demo")).json()["version"] == "default-2"
    assert await nothing_was_taken(world)


async def test_a_preview_of_the_policy_in_force_is_what_a_plan_shows(world: World) -> None:
    preview = await world.http.post("/api/v1/policies/preview", json=SCOPE)
    assert preview.json() == (await world.http.post("/api/v1/plans", json=SCOPE)).json()


async def test_an_expedited_request_has_shorter_deadlines_and_is_told_to_more_people(world: World) -> None:
    usual = (await world.http.post("/api/v1/plans", json=SCOPE)).json()["chain"]
    hurried = (await world.http.post("/api/v1/plans", json={**SCOPE, "expedited": True})).json()["chain"]

    assert [level["persons"] for level in hurried] == [level["persons"] for level in usual]
    assert all(h["deadline_hours"] < u["deadline_hours"] for h, u in zip(hurried, usual, strict=True))
    assert {"finance-head", "auditor"} <= set(hurried[0]["cc"])


# --------------------------------------------------------------------------- the request


async def test_a_corrector_nobody_knows_is_refused_by_name(world: World) -> None:
    refused = await world.ask(**{**WISH, "correctors": ["clerk", "nobody"]})

    assert problem(refused, 422, "unknown-person")["errors"][0]["pointer"] == "/correctors"
    assert await nothing_was_taken(world)


async def test_a_resubmission_carries_what_is_asked_for_now(world: World) -> None:
    await world.ask()
    body = {"comment": "已补充", "reason": "补充说明", "window_hours": 12}
    assert (await world.http.post(f"/api/v1/requests/{CASE}/resubmit", json=body)).status_code == 200

    said = world.gateway.heard[-1]
    assert isinstance(said, Resubmission)
    assert said.request is not None
    assert (said.request.reason, said.request.window_hours) == ("补充说明", 12)
    assert said.request.scope == world.gateway.started[CASE].scope
    assert said.request.accepted_at == world.gateway.started[CASE].accepted_at
    assert said.request.resubmitted_at is not None


async def test_a_resubmission_without_changes_leaves_the_request_as_it_is(world: World) -> None:
    await world.ask()
    await world.http.post(f"/api/v1/requests/{CASE}/resubmit", json={"comment": "已处理"})

    said = world.gateway.heard[-1]
    assert isinstance(said, Resubmission)
    assert said.request is None
    assert said.actor.origin == "127.0.0.1", "who, when, from where (design §7)"


@pytest.mark.parametrize(
    ("change", "status", "name"),
    [
        ({"modules": ["sales"]}, 422, "unknown-module"),
        ({"target_period": "2025-13"}, 422, "period-outside-calendar"),
        ({"window_hours": 49}, 422, "window-too-long"),
        ({"correctors": ["nobody"]}, 422, "unknown-person"),
        ({"ledger": "other"}, 422, "invalid-request"),
    ],
)
async def test_a_resubmission_that_cannot_be_read_reaches_no_case(
    world: World, change: dict[str, object], status: int, name: str
) -> None:
    await world.ask()
    problem(await world.http.post(f"/api/v1/requests/{CASE}/resubmit", json=change), status, name)
    assert not world.gateway.heard


async def test_a_reminder_reaches_the_case(world: World) -> None:
    await world.ask()
    assert (await world.http.post(f"/api/v1/requests/{CASE}/remind", json={})).status_code == 200
    assert isinstance(world.gateway.heard[-1], Reminder)


async def test_a_reminder_too_soon_says_when_to_come_again(world: World) -> None:
    await world.ask()
    world.gateway.refuses_with = e.RemindedTooSoon(CASE, 1234)

    refused = await world.http.post(f"/api/v1/requests/{CASE}/remind", json={})
    problem(refused, 429, "reminded-too-soon")
    assert refused.headers["retry-after"] == "1234"


# --------------------------------------------------------------------------- acts on tasks


async def with_a_task(world: World, **fields: Any) -> Task:
    await world.ask()
    told: dict[str, Any] = {
        "id": f"{CASE}-approval-1-1",
        "kind": TaskKind.APPROVAL,
        "name": "finance",
        "groups": (),
        "persons": ("finance",),
        "actions": tuple(TaskAction),
        "digest": "d" * 64,
        "opened_at": NOW,
        "due": NOW + timedelta(hours=8),
        "expires": NOW + timedelta(hours=24),
        "cc": ("auditor",),
    }
    task = Task(**{**told, **fields})
    await world.register.record(
        CaseChange(CASE, CaseState.APPROVING, (an_event(1),), waiting_for=("finance",), opened=(task,))
    )
    return task


@pytest.mark.parametrize(
    ("body", "act"),
    [
        (
            {"action": "return", "to": "applicant", "resume": "direct"},
            {"to": "applicant", "resume": Resume.DIRECT},
        ),
        ({"action": "transfer", "to": "it"}, {"to": "it"}),
        (
            {"action": "add_sign", "persons": ["it", "it"], "position": "before"},
            {"persons": ("it",), "position": Position.BEFORE},
        ),
        ({"action": "approve", "acting_for": "finance"}, {"acting_for": "finance"}),
    ],
)
async def test_what_an_act_says_reaches_the_case_whole(
    world: World, body: dict[str, object], act: dict[str, object]
) -> None:
    task = await with_a_task(world)
    await world.as_("finance", "POST", f"/api/v1/tasks/{task.id}/actions", json=body)

    said = world.gateway.heard[-1]
    assert isinstance(said, Act)
    assert {name: getattr(said, name) for name in act} == act


@pytest.mark.parametrize(
    ("refusal", "status", "name", "pointer"),
    [
        (e.ActIncomplete("transfer", "to"), 422, "act-incomplete", "/to"),
        (e.UnknownPerson("nobody", "persons"), 422, "unknown-person", "/persons"),
        (e.UnknownLevel("boss", ("applicant",)), 422, "unknown-level", "/to"),
        (e.NotYourTurn("it", "t", ("finance",)), 409, "not-your-turn", None),
        (e.SeatNeededLater("it", "it"), 409, "seat-needed-later", None),
        (e.PersonNotEligible("it", "is asked already", "to"), 409, "person-not-eligible", "/to"),
        (e.NotStandingIn("it", "finance"), 403, "not-standing-in", "/acting_for"),
    ],
)
async def test_a_refused_act_names_the_field_and_the_remedy(
    world: World, refusal: e.UncloseError, status: int, name: str, pointer: str | None
) -> None:
    task = await with_a_task(world)
    world.gateway.refuses_with = refusal

    path = f"/api/v1/tasks/{task.id}/actions"
    said = problem(await world.as_("finance", "POST", path, json={"action": "transfer"}), status, name)
    assert [error["pointer"] for error in said["errors"]] == ([pointer] if pointer else [])


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("has another part in this case", "其在本案中另有角色"),
        ("belongs to none of finance, it", "其不属于：财务部、信息部"),
        ("is needed for level finance", "其须留待审批级：财务"),
    ],
)
async def test_why_somebody_cannot_be_asked_is_said_in_chinese(world: World, reason: str, said: str) -> None:
    task = await with_a_task(world)
    world.gateway.refuses_with = e.PersonNotEligible("ida", reason, "to")

    answer = await world.as_(
        "finance",
        "POST",
        f"/api/v1/tasks/{task.id}/actions",
        json={"action": "transfer", "to": "ida"},
        headers={"Accept-Language": "zh"},
    )
    assert said in answer.json()["detail"]


async def test_a_task_tells_what_a_decision_needs(world: World) -> None:
    task = await with_a_task(world)
    seen = (await world.as_("finance", "GET", f"/api/v1/tasks/{task.id}")).json()

    assert seen["waiting_for"] == ["finance"]
    assert seen["cc"] == ["auditor"]
    assert set(seen["actions"]) == set(TaskAction)
    assert seen["expires"] > seen["due"] > seen["opened_at"]


async def test_the_applicant_may_comment_on_a_task_and_nothing_else(world: World) -> None:
    task = await with_a_task(world)
    seen = (await world.http.get(f"/api/v1/tasks/{task.id}")).json()
    assert seen["actions"] == ["comment"]


async def test_other_people_asked_are_told_apart_from_those_asked_before(world: World) -> None:
    task = await with_a_task(world)
    handed = Task(**{**vars(task), "persons": ("it",)})
    await world.register.record(
        CaseChange(CASE, CaseState.APPROVING, (an_event(2),), waiting_for=("it",), updated=(handed,))
    )

    path = "/api/v1/tasks?mine=true&state=open"
    assert (await world.as_("finance", "GET", path)).json()["items"] == []
    mine = (await world.as_("it", "GET", path)).json()["items"]
    assert [item["persons"] for item in mine] == [["it"]]


async def test_a_case_asked_for_otherwise_is_found_by_its_new_words(world: World) -> None:
    await world.ask()
    now = replace(world.gateway.started[CASE], reason="仓库漏记调拨")
    await world.register.record(CaseChange(CASE, CaseState.CHECKING, (an_event(1),), request=now))

    async def found(words: str) -> list[str]:
        listed = await world.http.get("/api/v1/requests", params={"q": words})
        return [item["id"] for item in listed.json()["items"]]

    assert await found("漏记调拨") == [CASE]
    assert await found("三月盘点遗漏") == []


async def test_a_stand_in_finds_the_tasks_of_who_is_away(world: World) -> None:
    task = await with_a_task(world)
    today = datetime.now(UTC)
    body = {
        "delegate": "it",
        "starts": (today - timedelta(hours=1)).isoformat(),
        "ends": (today + timedelta(days=3)).isoformat(),
        "reason": "休假",
    }
    made = await world.as_("finance", "POST", "/api/v1/delegations", json=body)
    assert made.status_code in (200, 201), made.text

    mine = (await world.as_("it", "GET", "/api/v1/tasks?mine=true&state=open")).json()["items"]
    assert [(item["id"], item["acting_for"]) for item in mine] == [(task.id, ["finance"])]
    assert "approve" in mine[0]["actions"]
    assert (await world.as_("auditor", "GET", "/api/v1/tasks?mine=true&state=open")).json()["items"] == []


async def test_decisions_stay_visible_when_they_are_void(world: World) -> None:
    await with_a_task(world)
    said: dict[str, Any] = {"task": "t", "level": 1, "name": "finance", "group": "finance"}
    said["answer"] = "approve"
    decided = an_event(2, EventKind.DECIDED, **said, digest="d" * 64, comment="")
    other = an_event(3, EventKind.DECIDED, **{**said, "level": 2}, digest="d" * 64, comment="")
    void = an_event(4, EventKind.DECISIONS_VOID, because="returned", levels=[2])
    await world.register.record(CaseChange(CASE, CaseState.APPROVING, (decided, other, void)))

    seen = (await world.http.get(f"/api/v1/requests/{CASE}")).json()["decisions"]
    assert [(d["level"], d["void"]) for d in seen] == [(1, False), (2, True)]
