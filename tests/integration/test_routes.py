"""The HTTP contract with a real register, a ledger in memory and cases that are told what to answer."""

import asyncio
import hashlib
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, select, update

from service.app import create_app
from service.database import Database, open_database
from service.ledger_book import LedgerBook
from service.register import SqlRegister
from service.runbooks import shipped
from service.settings import DevelopmentSecret, Settings
from service.tables import intake
from tests.fake_world import FakeLedger
from tests.fakes import FakeGateway
from workflows.desks import CorrectionDesk
from workflows.domain import errors as e
from workflows.domain.approval import Group
from workflows.domain.canonical import Place, Rows
from workflows.domain.case import (
    Act,
    CaseChange,
    CaseEvent,
    EventKind,
    Extension,
    Task,
    TaskAction,
    TaskKind,
)
from workflows.domain.corrections import FieldChange
from workflows.domain.difference import (
    Artefact,
    Difference,
    DocumentAction,
    DocumentDifference,
    Entry,
    Net,
)
from workflows.domain.digest import Json, to_json
from workflows.domain.findings import EvidenceRow, Finding, FindingCode
from workflows.domain.ledger import Module, StepMode, Verb
from workflows.domain.location import Fact, Located, PlaceDifference, RowChange, RowDifference
from workflows.domain.period import FiscalCalendar, Period
from workflows.domain.plan import PlanStep, Why
from workflows.domain.request import CaseState, UncloseRequest
from workflows.domain.runbook import runbook_for
from workflows.extension_desk import ExtensionDesk, Prolonging
from workflows.ledger_steps import Instructions

LEDGERS = """
[ledgers.demo]
name = "演示账套"
connector = "demo"
options = { path = "demo.sqlite" }
modules = ["inventory", "cost", "gl"]
closes_before = [["inventory", "cost"], ["cost", "gl"]]
max_window_hours = 48
"""

WISH: dict[str, Any] = {
    "ledger": "demo",
    "target_period": "2025-03",
    "modules": ["inventory"],
    "reason_code": "stocktake_omission",
    "reason": "三月盘点遗漏 B 仓两个货位",
    "scope": [{"document": "IN-2025-03-0007", "intent": "correct", "note": "数量少录 20"}],
    "correctors": ["clerk"],
    "window_hours": 24,
    "expedited": False,
    "vendor_ticket": None,
    "acknowledgement": None,
    "external_ref": None,
}

NOW = datetime.now(UTC)
DIGEST = "d" * 64
ZH = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}
CASE = f"UC-{datetime.now(ZoneInfo('Asia/Shanghai')).year}-000001"


@dataclass
class World:
    """The API and everything around it."""

    http: httpx.AsyncClient
    app: FastAPI
    gateway: FakeGateway
    ledger: FakeLedger
    register: SqlRegister
    database: Database

    async def ask(self, **changes: object) -> httpx.Response:
        headers = changes.pop("headers", {})
        assert isinstance(headers, dict)
        return await self.http.post("/api/v1/requests", json={**WISH, **changes}, headers=headers)

    async def as_(self, person: str, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer demo-{person}", **more.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **more)

    async def approving(self) -> str:
        """A case that waits for the warehouse; the answer is its task."""
        await self.ask()
        task = Task(
            f"{CASE}-approval-1-1",
            TaskKind.APPROVAL,
            "warehouse",
            (Group.WAREHOUSE,),
            ("warehouse",),
            (TaskAction.APPROVE, TaskAction.REJECT),
            DIGEST,
            NOW,
        )
        change = CaseChange(
            CASE,
            CaseState.APPROVING,
            (an_event(1), an_event(2)),
            waiting_for=("warehouse",),
            opened=(task,),
            parts={"digest": DIGEST, "risk": "low", "plan": PLAN, "findings": [FINDING], "chain": [LEVEL]},
        )
        await self.register.record(change)
        return task.id

    async def ended(self, state: CaseState = CaseState.COMPLETED) -> None:
        event = an_event(3, EventKind.WINDOW_CLOSED, because="the window ended")
        await self.register.record(CaseChange(CASE, state, (event,)))


STEP: dict[str, Json] = {
    "n": 1,
    "verb": "unclose",
    "module": "gl",
    "period": "2025-05",
    "mode": "automatic",
    "why": "closes_after",
}
PLAN: dict[str, Json] = {"target": "2025-03", "modules": ["inventory"], "steps": [STEP]}
FINDING: dict[str, Json] = {
    "code": "blast_radius",
    "count": 1,
    "rows": [{"what": "documents", "facts": [["count", "42"]]}],
    "module": None,
    "period": None,
    "bound": True,
}
_MARCH = Place(Rows.BALANCES, Module.INVENTORY, Period(2025, 3))
_ROW = RowDifference(
    _MARCH,
    RowChange.CHANGED,
    (("warehouse", "B"), ("item", "M-1102")),
    (Fact("close_qty", "80.00", "100.00"),),
)
DIFFERENCE = Difference(
    documents=(
        DocumentDifference(
            "IN-2025-03-0007",
            "document",
            DocumentAction.CHANGED,
            Module.INVENTORY,
            Period(2025, 3),
            (FieldChange("0001", "qty", "80.00", "100.00"),),
            entries=(Entry("clerk", NOW.isoformat(), "少录 20"),),
        ),
    ),
    actions={DocumentAction.ADDED: 0, DocumentAction.CHANGED: 3, DocumentAction.DELETED: 0},
    balances=Located((PlaceDifference(_MARCH, changed=1),), (_ROW,)),
    net=(Net(Module.INVENTORY, Period(2025, 3), "close_qty", Decimal("20.00")),),
    artefact=Artefact("evidence/all.jsonl", hashlib.sha256(b"{}").hexdigest(), 4),
)
_DEMAND: dict[str, Json] = {"group": "warehouse", "persons": ["warehouse"], "need": 1}
LEVEL: dict[str, Json] = {
    "n": 1,
    "name": "warehouse",
    "mode": "any",
    "ways": [[_DEMAND]],
    "why": "always",
    "deadline_hours": 8,
    "on_deadline": "remind",
    "escalation": None,
    "expires_hours": 24,
    "cc": ["auditor"],
    "open_to": ["warehouse"],
}
LEVEL_OUT: dict[str, Json] = {
    **{name: value for name, value in LEVEL.items() if name not in ("escalation", "open_to")},
    "groups": ["warehouse"],
    "persons": ["warehouse"],
    "escalates_to": [],
}


def an_event(seq: int, kind: EventKind = EventKind.STATE_CHANGED, **data: Json) -> CaseEvent:
    return CaseEvent(seq, NOW, "unclose", None, kind, data, "")


@asynccontextmanager
async def a_world(folder: Path, empty_register: Path) -> AsyncIterator[World]:
    settings = Settings(dev=True, data_dir=folder)
    shutil.copy(empty_register, folder / "register.sqlite")
    file = folder / "ledgers.toml"
    file.write_text(LEDGERS, encoding="utf-8")
    ledger, gateway = FakeLedger(), FakeGateway()
    app = create_app(settings, gateway, LedgerBook.load(file, connect=lambda _: ledger))
    database = open_database(settings.database_url)
    register = SqlRegister(database)
    gateway.first_step = register.receive
    way = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=way, base_url="http://t") as http,
    ):
        http.headers["Authorization"] = "Bearer demo-clerk"
        yield World(http, app, gateway, ledger, register, database)
    await database.aclose()


@pytest.fixture
async def world(tmp_path: Path, empty_register: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, empty_register) as made:
        yield made


def problem(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem document, checked for what every one must be."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    body: dict[str, Any] = response.json()
    assert (body["type"], body["status"]) == (f"/problems/{name}", status)
    assert body["title"]
    assert body["detail"]
    assert body["remedy"]
    assert body["instance"] == response.request.url.path
    return body


async def nothing_was_taken(world: World) -> bool:
    listed = await world.http.get("/api/v1/requests")
    return not listed.json()["items"] and not world.gateway.started


# --------------------------------------------------------------------------- asking


async def test_a_request_is_taken_under_the_next_number(world: World) -> None:
    response = await world.ask()

    body = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/api/v1/requests/{CASE}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)", body.pop("created_at"))
    del body["updated_at"]
    assert body == {
        "id": CASE,
        "state": "checking",
        "ledger": "demo",
        "target_period": "2025-03",
        "applicant": "clerk",
        "digest": None,
        "risk": None,
        "waiting_for": [],
        "clock_a_seconds": None,
        "clock_b_seconds": None,
        "links": {
            "self": f"/api/v1/requests/{CASE}",
            "timeline": f"/api/v1/requests/{CASE}/timeline",
            "tasks": f"/api/v1/tasks?request={CASE}",
        },
    }
    assert list(world.gateway.started) == [CASE]


async def test_the_case_starts_with_what_was_asked_in_the_ledgers_own_time(world: World) -> None:
    await world.ask()

    request = world.gateway.started[CASE]
    assert request.accepted_at.utcoffset() == timedelta(hours=8)
    assert (request.reason, request.modules) == (WISH["reason"], (Module.INVENTORY,))


async def test_numbers_have_no_gaps_even_when_many_ask_at_once(world: World) -> None:
    await asyncio.gather(*(world.ask() for _ in range(12)))

    assert sorted(world.gateway.started) == [f"{CASE[:8]}{n:06d}" for n in range(1, 13)]


async def test_a_request_can_be_read_before_its_case_has_written_its_row(world: World) -> None:
    async def slow(_: UncloseRequest) -> None:
        return None

    world.gateway.first_step = slow
    await world.ask()

    answer = await world.http.get(f"/api/v1/requests/{CASE}")
    assert (answer.status_code, answer.json()["state"]) == (200, "received")
    assert (await world.http.get(f"/api/v1/requests/{CASE}/timeline")).json()["items"] == []


async def test_a_number_whose_call_was_cut_off_is_not_a_case(world: World) -> None:
    await _number_without_a_start(world)

    problem(await world.http.get(f"/api/v1/requests/{CASE}"), 404, "unknown-request")


async def _number_without_a_start(world: World) -> None:
    """As if the API had been killed between the number and the start, a minute ago."""

    async def slow(_: UncloseRequest) -> None:
        return None

    world.gateway.first_step = slow
    await world.ask()
    world.gateway.started.clear()
    await world.database.write(_make_it_old)


def _make_it_old(connection: Connection) -> None:
    document = connection.execute(select(intake.c.request)).scalar_one()
    old = {**document, "accepted_at": "2025-06-03T12:00:00+08:00"}
    connection.execute(update(intake).values(request=old))


# --------------------------------------------------------------------------- refused at once

LAST_YEAR: dict[str, Any] = {"target_period": "2024-12", "vendor_ticket": "K-1"}

REFUSALS = [
    ({"ledger": "nowhere"}, 404, "unknown-ledger", "/ledger", "没有账套"),
    ({"target_period": "March"}, 422, "malformed-period", "/target_period", "不是期间"),
    ({"target_period": "2025-13"}, 422, "period-outside-calendar", "/target_period", "不存在"),
    ({"target_period": "2025-09"}, 409, "period-in-future", "/target_period", "库存"),
    ({"target_period": "2025-06"}, 409, "period-not-closed", "/target_period", "尚未结账"),
    ({"target_period": "2023-12"}, 409, "before-start-period", "/target_period", "启用期间"),
    ({"target_period": "2025-02"}, 409, "period-locked", "/target_period", "已锁定"),
    ({"target_period": "2024-12"}, 409, "crosses-fiscal-year", "/vendor_ticket", "跨回"),
    (
        {**LAST_YEAR, "acknowledgement": "I know, 2020-01-01"},
        422,
        "acknowledgement-not-of-today",
        "/acknowledgement",
        "当日日期",
    ),
    ({"modules": ["payroll"]}, 422, "unknown-module", "/modules", "没有模块“工资”"),
    ({"modules": ["stock"]}, 422, "unknown-module", "/modules", "没有模块“stock”"),
    ({"window_hours": 72}, 422, "window-too-long", "/window_hours", "48"),
]


@pytest.mark.parametrize(("changes", "status", "name", "pointer", "words"), REFUSALS)
async def test_what_cannot_be_opened_is_refused_and_nothing_is_taken(
    world: World, changes: dict[str, Any], status: int, name: str, pointer: str, words: str
) -> None:
    if name == "period-locked":
        _lock(world.ledger, Period(2025, 2))
    english = problem(await world.ask(**changes), status, name)
    chinese = problem(await world.ask(**changes, headers=ZH), status, name)

    assert english["errors"] == [{"in": "body", "pointer": pointer, "message": english["detail"]}]
    assert words in chinese["detail"]
    assert english["title"] != chinese["title"]
    assert await nothing_was_taken(world)


def _lock(ledger: FakeLedger, period: Period) -> None:
    modules = tuple(replace(module, locked=(period,)) for module in ledger.state.modules)
    ledger.state = replace(ledger.state, modules=modules)


async def test_a_year_may_be_crossed_with_ticket_and_todays_acknowledgement(world: World) -> None:
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat()

    assert (await world.ask(**LAST_YEAR, acknowledgement=f"已知悉 {today}")).status_code == 202


async def test_a_second_case_is_refused_while_one_executes(world: World) -> None:
    await world.register.take_lease("demo", "UC-2025-000042")

    body = problem(await world.ask(headers=ZH), 409, "ledger-busy")
    assert body["holder"] == "UC-2025-000042"
    assert await nothing_was_taken(world)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"surprise": 1}, "/surprise"),
        ({"scope": [{"document": "X", "intent": "burn"}]}, "/scope/0/intent"),
        ({"scope": [{"document": "X", "intent": "add", "price": 1}]}, "/scope/0/price"),
        ({"modules": []}, "/modules"),
        ({"reason": "   "}, "/reason"),
        ({"reason": "a\x00b"}, "/reason"),
        ({"window_hours": 0}, "/window_hours"),
        ({"reason_code": "whim"}, "/reason_code"),
    ],
)
async def test_a_field_that_cannot_be_read_is_named_and_not_repeated(
    world: World, changes: dict[str, Any], pointer: str
) -> None:
    response = await world.ask(**changes)

    body = problem(response, 422, "invalid-request")
    assert [(error["in"], error["pointer"]) for error in body["errors"]] == [("body", pointer)]
    assert "burn" not in response.text
    assert "whim" not in response.text
    assert await nothing_was_taken(world)


async def test_unreadable_fields_are_explained_in_chinese(world: World) -> None:
    body = problem(await world.ask(surprise=1, headers=ZH), 422, "invalid-request")
    assert body["errors"][0]["message"] == "没有此字段。"


async def test_a_body_that_is_not_json_is_refused(world: World) -> None:
    response = await world.http.post(
        "/api/v1/requests", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert problem(response, 422, "invalid-request")["errors"][0]["pointer"] == ""


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_too_large_is_refused(world: World, chunked: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    content = pieces() if chunked else b"x" * 2_000_000
    response = await world.http.post(
        "/api/v1/requests", content=content, headers={"Content-Type": "application/json", **ZH}
    )
    problem(response, 413, "body-too-large")
    assert await nothing_was_taken(world)


@pytest.mark.parametrize("token", [None, "Bearer demo-nobody", "Bearer ", "Basic YTpi", "demo-clerk"])
async def test_a_wrong_token_is_refused(world: World, token: str | None) -> None:
    del world.http.headers["Authorization"]
    headers = {} if token is None else {"Authorization": token}

    response = await world.http.post("/api/v1/requests", json=WISH, headers=headers)
    problem(response, 401, "unidentified")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_unknown_paths_and_methods_are_problems_too(world: World) -> None:
    problem(await world.http.get("/api/v1/nowhere"), 404, "unknown-path")
    response = await world.http.delete("/api/v1/requests")
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET, POST"


async def test_a_failure_of_our_own_tells_nothing_of_its_inside(world: World) -> None:
    def broken() -> None:
        raise RuntimeError("secret inside")

    world.ledger.after_read = broken
    world.ledger.read_close_state = broken  # type: ignore[assignment,method-assign]  # what must not happen
    response = await world.ask()
    problem(response, 500, "unexpected")
    assert "secret" not in response.text


# --------------------------------------------------------------------------- when Temporal is away


async def test_without_temporal_nothing_is_taken_and_the_caller_may_come_back(world: World) -> None:
    world.gateway.is_down = True
    response = await world.ask(headers={"Idempotency-Key": "k1"})

    problem(response, 503, "workflow-unavailable")
    assert int(response.headers["retry-after"]) > 0
    problem(await world.http.get(f"/api/v1/requests/{CASE}"), 404, "unknown-request")

    world.gateway.is_down = False
    assert (await world.ask(headers={"Idempotency-Key": "k1"})).json()["id"] == CASE
    assert (await world.ask()).json()["id"].endswith("000002")


# --------------------------------------------------------------------------- once is once


async def test_the_same_key_and_body_get_the_same_answer(world: World) -> None:
    first = await world.ask(headers={"Idempotency-Key": "k1"})
    await world.register.take_lease("demo", CASE)
    again = await world.ask(headers={"Idempotency-Key": "k1"})

    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert world.gateway.starts == 1


async def test_the_same_key_with_another_body_is_refused(world: World) -> None:
    await world.ask(headers={"Idempotency-Key": "k1"})

    problem(await world.ask(reason="something else", headers={"Idempotency-Key": "k1"}), 409, "key-reused")
    assert len(world.gateway.started) == 1


async def test_keys_of_different_people_do_not_meet(world: World) -> None:
    await world.ask(headers={"Idempotency-Key": "k1"})
    other = await world.ask(headers={"Idempotency-Key": "k1", "Authorization": "Bearer demo-finance"})

    assert other.json()["id"].endswith("000002")


async def test_twenty_at_once_under_one_key_are_one_case(world: World) -> None:
    answers = await asyncio.gather(*(world.ask(headers={"Idempotency-Key": "k1"}) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert list(world.gateway.started) == [CASE]


async def test_an_act_under_a_key_is_taken_once(world: World) -> None:
    task = await world.approving()

    async def send(comment: str) -> httpx.Response:
        body = {"action": "approve", "digest": DIGEST, "comment": comment}
        headers = {"Idempotency-Key": "a1"}
        return await world.as_(
            "warehouse", "POST", f"/api/v1/tasks/{task}/actions", json=body, headers=headers
        )

    answers = await asyncio.gather(*(send("同意") for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(world.gateway.heard) == 1
    problem(await send("不同意"), 409, "key-reused")


# --------------------------------------------------------------------------- acting


async def test_an_act_reaches_the_case_with_person_groups_and_digest(world: World) -> None:
    task = await world.approving()
    body = {"action": "approve", "digest": DIGEST, "comment": "同意"}
    answer = await world.as_("warehouse", "POST", f"/api/v1/tasks/{task}/actions", json=body)

    assert answer.json() == {
        "id": CASE,
        "state": "approving",
        "digest": DIGEST,
        "waiting_for": ["finance"],
    }
    act = world.gateway.heard[0]
    assert isinstance(act, Act)
    assert (act.actor.person, act.actor.groups) == ("warehouse", (Group.WAREHOUSE,))
    assert (act.action, act.digest, act.comment) == (TaskAction.APPROVE, DIGEST, "同意")


CASE_REFUSALS: list[tuple[e.UncloseError, int, str, str]] = [
    (e.SelfApproval("clerk"), 403, "self-approval", "不得审批"),
    (e.NotAnApprover("it", "finance", ("finance",)), 403, "not-an-approver", "不是审批级"),
    (e.AlreadyDecided("finance", "t"), 409, "already-decided", "已对"),
    (e.StaleDigest("0" * 64, DIGEST), 409, "stale-digest", "不符"),
    (e.NotAuthoriser("it", ("erp_admin", "finance_head")), 403, "not-authoriser", "ERP 管理员、财务负责人"),
    (e.SecondGroupNeeded("erp_admin", "finance_head"), 403, "second-group-needed", "财务负责人"),
    (e.TaskClosed("t", "approving"), 409, "task-closed", "审批中"),
]


@pytest.mark.parametrize(("refusal", "status", "name", "words"), CASE_REFUSALS)
async def test_what_a_case_refuses_is_told_in_both_languages(
    world: World, refusal: e.UncloseError, status: int, name: str, words: str
) -> None:
    task = await world.approving()
    world.gateway.refuses_with = refusal
    path, body = f"/api/v1/tasks/{task}/actions", {"action": "approve", "digest": DIGEST}

    english = problem(await world.as_("it", "POST", path, json=body), status, name)
    chinese = problem(await world.as_("it", "POST", path, json=body, headers=ZH), status, name)
    assert english["detail"] == str(refusal)
    assert words in chinese["detail"]


async def test_an_act_with_unknown_fields_is_refused(world: World) -> None:
    task = await world.approving()
    body = {"action": "approve", "digest": DIGEST, "force": True}

    problem(
        await world.as_("warehouse", "POST", f"/api/v1/tasks/{task}/actions", json=body),
        422,
        "invalid-request",
    )
    assert not world.gateway.heard


async def test_an_unknown_task_is_hidden(world: World) -> None:
    answer = await world.http.post("/api/v1/tasks/none/actions", json={"action": "approve"})
    problem(answer, 404, "unknown-task")


async def test_a_task_of_a_case_that_has_ended_is_closed(world: World) -> None:
    task = await world.approving()
    await world.ended()
    world.gateway.started.clear()

    answer = await world.as_("warehouse", "POST", f"/api/v1/tasks/{task}/actions", json={"action": "approve"})
    assert problem(answer, 409, "task-closed")["state"] == "completed"


@pytest.mark.parametrize(
    ("act", "name"),
    [("withdraw", "wrong-state"), ("resubmit", "wrong-state"), ("corrections/finish", "window-expired")],
)
async def test_acts_on_a_case_that_has_ended_say_why_not(world: World, act: str, name: str) -> None:
    await world.approving()
    await world.ended()
    world.gateway.started.clear()

    problem(await world.http.post(f"/api/v1/requests/{CASE}/{act}", json={}), 409, name)


@pytest.mark.parametrize("act", ["withdraw", "remind", "corrections/finish"])
async def test_acts_on_a_case_whose_process_was_ended_from_outside_say_so(world: World, act: str) -> None:
    await world.approving()
    world.gateway.started.clear()

    body = problem(await world.http.post(f"/api/v1/requests/{CASE}/{act}", json={}), 409, "case-stands-still")
    assert body["state"] == "approving"


async def test_acts_on_a_case_that_never_was_are_hidden(world: World) -> None:
    problem(
        await world.http.post("/api/v1/requests/UC-2025-777777/withdraw", json={}), 404, "unknown-request"
    )


# --------------------------------------------------------------------------- reading


async def test_a_case_tells_what_was_asked_for(world: World) -> None:
    await world.approving()

    body = (await world.http.get(f"/api/v1/requests/{CASE}")).json()
    assert {name: body[name] for name in WISH} == WISH
    assert (body["state"], body["waiting_for"], body["digest"]) == ("approving", ["warehouse"], DIGEST)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 1),
        ("state=approving", 1),
        ("state=approving&state=completed", 1),
        ("state=completed", 0),
        ("ledger=demo&applicant=clerk", 1),
        ("applicant=finance", 0),
        ("waiting_for=warehouse", 1),
        ("waiting_for=it", 0),
        ("q=B 仓", 1),
        ("q=nothing", 0),
    ],
)
async def test_cases_are_filtered(world: World, query: str, found: int) -> None:
    await world.approving()

    body = (await world.http.get(f"/api/v1/requests?{query}")).json()
    assert (len(body["items"]), body["next"]) == (found, None)


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "state=odd", "q=%00", "ledger=%00"])
async def test_a_query_that_cannot_be_read_is_refused(world: World, query: str) -> None:
    answer = await world.http.get(f"/api/v1/requests?{query}")
    assert problem(answer, 422, "invalid-request")["errors"][0]["in"] == "query"


async def test_a_cursor_from_elsewhere_is_refused(world: World) -> None:
    problem(await world.http.get("/api/v1/requests?cursor=eHh4"), 422, "cursor-unreadable")


async def test_a_plan_reads_in_the_language_asked_for(world: World) -> None:
    await world.approving()
    body = (await world.http.get(f"/api/v1/requests/{CASE}/plan", headers=ZH)).json()

    assert body["steps"] == [{**STEP, "why": "结账顺序在所申请模块之后"}]
    assert body["findings"][0]["title"] == "反结账的影响范围"
    assert body["findings"][0]["rows"] == [{"what": "documents", "facts": {"count": "42"}}]
    assert body["chain"] == [LEVEL_OUT]


async def test_a_plan_that_is_not_made_yet_is_not_there(world: World) -> None:
    await world.ask()
    problem(await world.http.get(f"/api/v1/requests/{CASE}/plan"), 404, "not-here")


async def test_the_sealed_evidence_is_served_as_it_was_sealed(world: World, tmp_path: Path) -> None:
    await world.approving()
    problem(await world.http.get(f"/api/v1/requests/{CASE}/evidence.json"), 404, "not-here")
    (tmp_path / "evidence").mkdir()
    it, body = tmp_path / "evidence" / "it.json", b'{"sealed": true}'
    it.write_bytes(body)
    sealed: dict[str, Json] = {"path": "evidence/it.json", "sha256": hashlib.sha256(body).hexdigest()}
    told = an_event(3, EventKind.SEALED, **sealed)
    await world.register.record(CaseChange(CASE, CaseState.ARCHIVING, (told,), parts={"evidence": sealed}))

    answer = await world.http.get(f"/api/v1/requests/{CASE}/evidence.json")
    assert answer.content == body
    it.write_bytes(body.replace(b"true", b"fals"))
    problem(await world.http.get(f"/api/v1/requests/{CASE}/evidence.json"), 409, "evidence-damaged")
    it.unlink()
    problem(await world.http.get(f"/api/v1/requests/{CASE}/evidence.json"), 409, "evidence-damaged")


async def test_the_difference_tells_documents_and_balances_and_leads_to_the_whole(
    world: World, tmp_path: Path
) -> None:
    here = f"/api/v1/requests/{CASE}/difference"
    await world.ask()
    problem(await world.http.get(here), 404, "not-here")
    await world.approving()
    problem(await world.http.get(here), 404, "not-here")
    told = an_event(3, EventKind.COMPARED, **DIFFERENCE.record())
    parts = {"difference": to_json(DIFFERENCE)}
    await world.register.record(CaseChange(CASE, CaseState.ARCHIVING, (told,), parts=parts))

    body = (await world.http.get(here)).json()
    (document,) = body["documents"]["items"]
    assert (document["document"], document["action"], document["period"]) == (
        "IN-2025-03-0007",
        "changed",
        "2025-03",
    )
    assert document["fields"] == [{"line": "0001", "name": "qty", "before": "80.00", "after": "100.00"}]
    assert [body["documents"][name] for name in ("added", "changed", "deleted", "more")] == [0, 3, 0, 2]
    (row,) = body["balances"]["items"]
    assert row["key"] == {"warehouse": "B", "item": "M-1102"}
    assert row["values"] == [{"name": "close_qty", "before": "80.00", "after": "100.00"}]
    assert body["net"] == [
        {"module": "inventory", "period": "2025-03", "measure": "close_qty", "amount": "20.00"}
    ]

    whole = body["whole"]["href"]
    problem(await world.http.get(whole), 409, "evidence-damaged")
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "all.jsonl").write_bytes(b"{}")
    assert (await world.http.get(whole)).content == b"{}"
    (tmp_path / "evidence" / "all.jsonl").write_bytes(b"[]")
    problem(await world.http.get(whole), 409, "evidence-damaged")


async def test_a_guided_step_shows_its_instruction_in_the_language_asked_for(world: World) -> None:
    await world.approving()
    task = Task(
        f"{CASE}-guided-1",
        TaskKind.GUIDED_STEP,
        "unclose gl 2025-05",
        (Group.ERP_ADMIN,),
        (),
        (TaskAction.DONE, TaskAction.COMMENT),
        None,
        NOW,
    )
    step = PlanStep(1, Verb.UNCLOSE, Module.GL, Period(2025, 5), StepMode.GUIDED, Why.REQUESTED)
    runbook, calendar = shipped("demo"), FiscalCalendar()
    zh, en = (runbook_for(runbook, step, language, calendar) for language in ("zh", "en"))
    told: dict[str, Json] = {"guided-1": to_json(Instructions(zh, en))}
    opening = CaseChange(CASE, CaseState.UNCLOSING, (an_event(3),), opened=(task,), parts=told)
    await world.register.record(opening)

    here = f"/api/v1/tasks/{task.id}"
    seen = (await world.as_("erp-admin", "GET", here)).json()
    assert seen["actions"] == ["done", "comment"]
    assert seen["summary"]["instruction"]["do"] == list(en.text.do)
    assert seen["summary"]["instruction"]["sha256"] == runbook.sha256
    chinese = (await world.as_("erp-admin", "GET", here, headers=ZH)).json()
    assert chinese["summary"]["instruction"]["menu"] == list(zh.text.menu)
    assert (await world.as_("clerk", "GET", here)).json()["actions"] == ["comment"]


async def test_an_inbox_shows_what_one_may_do_and_must_see(world: World) -> None:
    task = await world.approving()
    mine = "/api/v1/tasks?mine=true&state=open"

    seen = (await world.as_("warehouse", "GET", mine)).json()["items"]
    assert [(t["id"], t["actions"], t["digest"]) for t in seen] == [(task, ["approve", "reject"], DIGEST)]
    assert seen[0]["summary"]["reason"] == WISH["reason"]
    assert seen[0]["summary"]["steps"][0]["module"] == "gl"
    assert (await world.as_("finance", "GET", mine)).json()["items"] == []
    assert (await world.as_("finance", "GET", f"/api/v1/tasks/{task}")).json()["actions"] == []


# --------------------------------------------------------------------------- events as they happen


async def _events(world: World, last: int | None = None) -> list[tuple[str, str]]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    text = (await world.http.get(f"/api/v1/requests/{CASE}/events", headers=headers)).text
    blocks = [
        dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n") if block
    ]
    return [(block["event"], block.get("id", "")) for block in blocks if "event" in block]


async def test_a_stream_tells_everything_and_ends_with_the_case(world: World) -> None:
    await world.approving()

    async def end_soon() -> None:
        await asyncio.sleep(0.25)
        await world.ended()

    seen, _ = await asyncio.gather(_events(world), end_soon())
    assert seen == [("state_changed", "1"), ("state_changed", "2"), ("window_closed", "3"), ("end", "")]


async def test_a_stream_goes_on_where_it_was_cut(world: World) -> None:
    await world.approving()
    await world.ended()

    assert await _events(world, last=2) == [("window_closed", "3"), ("end", "")]
    assert await _events(world, last=3) == [("end", "")]


async def test_a_stream_of_no_case_is_a_problem(world: World) -> None:
    problem(await world.http.get("/api/v1/requests/UC-2025-777777/events"), 404, "unknown-request")


# --------------------------------------------------------------------------- dry runs, ledgers, operations


async def test_a_dry_run_shows_plan_findings_and_chain_and_writes_nothing(world: World) -> None:
    world.ledger.noticed = (
        Finding(FindingCode.AUDIT_IN_FLIGHT, 2, (EvidenceRow("OUT-1", (("levels", "1 of 2"),)),)),
    )
    scope = {"ledger": "demo", "target_period": "2025-03", "modules": ["inventory"]}
    body = (await world.http.post("/api/v1/plans", json=scope)).json()

    assert [(s["module"], s["period"]) for s in body["steps"]][:3] == [
        ("gl", "2025-05"),
        ("cost", "2025-05"),
        ("inventory", "2025-05"),
    ]
    assert (body["blocked"], body["crosses_fiscal_year"]) == (True, False)
    assert body["blast_radius"] == {
        "periods": ["2025-03", "2025-04", "2025-05"],
        "modules": ["cost", "gl", "inventory"],
        "steps": 9,
        "documents": None,
        "vouchers": None,
        "settlements": None,
    }
    assert [(level["name"], level["why"]) for level in body["chain"]] == [
        ("warehouse", "always"),
        ("finance", "always"),
        ("it", "always"),
        ("finance_head", "several_periods"),
    ]
    assert await nothing_was_taken(world)


async def test_a_dry_run_says_when_nobody_could_sign(world: World) -> None:
    scope = {"ledger": "demo", "target_period": "2025-03", "modules": ["inventory"]}
    body = (await world.as_("warehouse", "POST", "/api/v1/plans", json=scope)).json()

    assert (body["findings"][0]["code"], body["chain"]) == ("no_approver", [])


async def test_a_ledger_tells_its_order_its_state_and_its_sessions(world: World) -> None:
    listed = (await world.http.get("/api/v1/ledgers")).json()["items"]
    assert listed == [(await world.http.get("/api/v1/ledgers/demo")).json()]
    assert listed[0]["closes_before"] == [["inventory", "cost"], ["cost", "gl"]]

    state = (await world.http.get("/api/v1/ledgers/demo/close-state")).json()
    assert state["modules"][0] == {
        "module": "inventory",
        "start": "2024-01",
        "current": "2025-06",
        "locked": [],
    }
    sessions = (await world.http.get("/api/v1/ledgers/demo/sessions")).json()
    assert [session["person"] for session in sessions["items"]] == ["wang"]
    problem(await world.http.get("/api/v1/ledgers/none/close-state"), 404, "unknown-ledger")


async def test_everyone_learns_who_they_are(world: World) -> None:
    assert (await world.as_("finance-head", "GET", "/api/v1/me")).json() == {
        "person": "finance-head",
        "kind": "person",
        "groups": ["finance_head"],
        "scopes": ["read", "request", "act", "admin"],
        "on_behalf_of": None,
        "stands_in_for": [],
        "delegations": [],
    }


async def test_ready_means_that_cases_get_on(world: World) -> None:
    assert (await world.http.get("/healthz")).json() == {"status": "ok"}
    ready = await world.http.get("/readyz")
    assert (ready.status_code, ready.json()["demo_ledgers"]) == (200, ["demo"])

    world.gateway.has_workers = False
    ready = await world.http.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]) == (
        503,
        {"database": True, "temporal": True, "worker": False},
    )


async def test_every_problem_type_can_be_looked_up(world: World) -> None:
    name = problem(await world.ask(ledger="none"), 404, "unknown-ledger")["type"]

    told = await world.http.get(name)
    assert (told.status_code, told.text.splitlines()[0]) == (200, "## unknown-ledger")
    problem(await world.http.get("/problems/none"), 404, "unknown-path")


def test_outside_dev_nothing_starts_with_a_secret_everybody_knows(tmp_path: Path) -> None:
    with pytest.raises(DevelopmentSecret, match="UNCLOSE_SECRET_KEY"):
        create_app(Settings(dev=False, data_dir=tmp_path))


# --------------------------------------------------------------------------- rolling back


async def in_attention(world: World) -> str:
    await world.approving()
    groups = (Group.OPERATOR, Group.ERP_ADMIN)
    actions = (TaskAction.RETRY, TaskAction.ROLL_BACK)
    task = Task(f"{CASE}-attention-1", TaskKind.ATTENTION, "reclosing", groups, (), actions, None, NOW)
    proposal = {"answer": "roll_back", "person": "operator", "groups": ["operator"], "comment": "无法恢复"}
    failure = {"error": "LedgerRefused", "says": "no", "facts": {}}
    part: Json = {"came_from": "reclosing", "failure": failure, "proposal": proposal}
    change = CaseChange(CASE, CaseState.ATTENTION, (an_event(3),), opened=(task,), parts={"attention": part})
    await world.register.record(change)
    return task.id


async def test_a_roll_back_is_the_answer_of_the_open_attention_task(world: World) -> None:
    task = await in_attention(world)
    path = f"/api/v1/requests/{CASE}/roll-back"
    answer = await world.as_("operator", "POST", path, json={"comment": "无法恢复结账"})
    assert answer.status_code == 200
    said = world.gateway.heard[-1]
    assert isinstance(said, Act)
    assert (said.task, said.action, said.comment) == (task, TaskAction.ROLL_BACK, "无法恢复结账")


async def test_a_case_that_needs_nobody_is_not_rolled_back(world: World) -> None:
    await world.approving()
    path = f"/api/v1/requests/{CASE}/roll-back"
    problem(await world.as_("operator", "POST", path, json={"comment": "无法恢复"}), 409, "wrong-state")
    problem(await world.as_("operator", "POST", path, json={"comment": " "}), 422, "invalid-request")
    assert not world.gateway.heard


async def test_a_longer_window_is_asked_for_with_hours_and_a_reason(world: World) -> None:
    await world.approving()
    path = f"/api/v1/requests/{CASE}/extend"
    for wrong in ({"hours": 0, "reason": "x"}, {"hours": "12", "reason": "x"}, {"hours": 12}):
        problem(await world.http.post(path, json=wrong), 422, "invalid-request")
    answer = await world.http.post(path, json={"hours": 12, "reason": "供应商明早确认"})
    assert answer.status_code == 200
    said = world.gateway.heard[-1]
    assert isinstance(said, Extension)
    assert (said.actor.person, said.hours, said.reason) == ("clerk", 12, "供应商明早确认")


@pytest.mark.parametrize(
    ("refusal", "name", "words"),
    [
        (e.ExtensionAsked(CASE, 12), "extension-asked", "正在审批"),
        (e.ExtensionTooLong(CASE, 49, 72), "extension-too-long", "72 小时"),
        (e.WrongState(CASE, "approving", ("correcting",)), "wrong-state", "审批"),
    ],
)
async def test_a_window_that_cannot_be_longer_says_why(
    world: World, refusal: e.UncloseError, name: str, words: str
) -> None:
    await world.approving()
    world.gateway.refuses_with = refusal
    body, chinese = {"hours": 12, "reason": "x"}, {"Accept-Language": "zh"}
    answer = await world.http.post(f"/api/v1/requests/{CASE}/extend", json=body, headers=chinese)
    assert words in problem(answer, 409, name)["detail"]


async def test_a_task_about_a_longer_window_shows_what_is_asked_for(world: World) -> None:
    await world.approving()
    ends = datetime(2025, 6, 4, 9, tzinfo=UTC)
    wanted = Prolonging("clerk", 12, "供应商明早确认", ends, ends + timedelta(hours=12))
    desk = ExtensionDesk(world.gateway.started[CASE], 1, wanted, Group.FINANCE_HEAD, ends)
    assert desk.task is not None
    correction = CorrectionDesk(CASE, ("clerk",), ends, ends).task
    assert correction is not None
    parts: dict[str, Json] = {"extension-1": wanted.record()}
    opened, waiting = (correction, desk.task), ("clerk", "finance_head")
    event = an_event(3)
    await world.register.record(
        CaseChange(CASE, CaseState.CORRECTING, (event,), waiting, opened=opened, parts=parts)
    )

    shown = (await world.as_("finance-head", "GET", f"/api/v1/tasks/{desk.task.id}")).json()
    assert (shown["actions"], shown["waiting_for"]) == (["approve", "reject"], ["finance_head"])
    assert (shown["summary"]["extension"]["hours"], shown["summary"]["extension"]["by"]) == (12, "clerk")
    mine = (await world.http.get(f"/api/v1/tasks/{correction.id}")).json()
    assert (mine["waiting_for"], mine["summary"]["extension"]) == (["clerk"], None)


async def test_an_attention_task_shows_who_proposed_what(world: World) -> None:
    task = await in_attention(world)
    shown = (await world.as_("operator", "GET", f"/api/v1/tasks/{task}")).json()
    assert shown["actions"] == ["retry", "roll_back"]
    assert (shown["summary"]["proposal"]["person"], shown["summary"]["failure"]) == (
        "operator",
        "LedgerRefused: no",
    )


async def test_a_case_that_was_rolled_back_says_where_what_it_replaced_is_kept(world: World) -> None:
    await world.approving()
    part: Json = {"backup": f"{CASE}-B", "root": "r", "kept": "replaced-1", "milliseconds": 5}
    await world.register.record(
        CaseChange(CASE, CaseState.ROLLED_BACK, (an_event(3),), parts={"restored": part})
    )
    shown = (await world.as_("clerk", "GET", f"/api/v1/requests/{CASE}")).json()
    assert shown["restored"] == part
