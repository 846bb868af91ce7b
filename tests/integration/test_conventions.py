"""What is true of every route: conditional reads, known parameters, fields named, times with their offset."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, select, update

from service.tables import idempotency, intake
from tests.api_document import api_document
from tests.integration.test_routes import (
    CASE,
    DIGEST,
    ZH,
    World,
    a_world,
    an_event,
    nothing_was_taken,
    problem,
)
from workflows.domain import errors as e
from workflows.domain.case import Act, CaseChange, CaseNow
from workflows.domain.request import CaseState, UncloseRequest

Operation = dict[str, Any]  # Any: OpenAPI


@pytest.fixture
async def world(tmp_path: Path, empty_register: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, empty_register) as made:
        yield made


def operations() -> Iterator[tuple[str, str, Operation]]:
    """Method, path and description of everything, the development routes included."""
    for path, found in api_document()["paths"].items():
        for method, operation in found.items():
            yield method, path, operation


# --------------------------------------------------------------------------- what the document promises


def test_every_post_that_does_something_takes_an_idempotency_key() -> None:
    without = [
        f"{method} {path}"
        for method, path, operation in operations()
        if method == "post"
        and not {"x-reads-only", "x-once-by"} & set(operation)
        and "Idempotency-Key" not in {parameter["name"] for parameter in operation.get("parameters", ())}
    ]
    assert without == []


def test_what_is_once_by_another_header_than_ours_says_so() -> None:
    told = {path: operation["x-once-by"] for _, path, operation in operations() if "x-once-by" in operation}
    assert told == {
        "/api/v1/webhooks/jiandaoyun/{hook}": "X-JDY-DeliverId",
        "/api/v1/webhooks/generic/{hook}": "webhook-id",
    }


def test_a_post_that_only_reads_says_so() -> None:
    reading = {path for method, path, operation in operations() if "x-reads-only" in operation}
    assert reading == {"/api/v1/plans", "/api/v1/policies/preview"}


def test_what_cannot_be_undone_says_so() -> None:
    marked = {
        operation["operationId"]: operation["x-irreversible"]
        for _, _, operation in operations()
        if "x-irreversible" in operation
    }
    assert set(marked) == {
        "withdraw",
        "finish_corrections",
        "act_on_task",
        "delete_document",
        "revoke_token",
        "roll_back",
        "release_lease",
    }
    assert all(marked.values())


def test_operations_have_names_that_clients_can_use() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert {"create_request", "list_requests", "list_tasks", "act_on_task"} <= set(names)
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


def test_no_list_gives_more_than_two_hundred() -> None:
    limits = [
        parameter["schema"]
        for _, _, operation in operations()
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "limit"
    ]
    assert limits
    assert all((schema["minimum"], schema["maximum"]) == (1, 200) for schema in limits)


def test_every_problem_of_the_document_has_a_heading() -> None:
    told = str(api_document())
    headings = re.findall(r"^## (\S+)$", Path("openapi/problems.md").read_text("utf-8"), re.MULTILINE)
    named = set(re.findall(r"/problems/([a-z-]+)`", told))
    assert named
    assert named <= set(headings)


# --------------------------------------------------------------------------- keys


async def test_a_call_that_comes_while_the_first_is_worked_on_waits_and_is_answered_alike(
    world: World,
) -> None:
    task, worked_on = await world.approving(), asyncio.Event()
    act = world.gateway.act
    names: list[str] = []

    async def slow(case: str, said: Act, update: str) -> CaseNow:
        names.append(update)
        if len(names) == 2:
            worked_on.set()
        await worked_on.wait()  # the first act is answered only when the second call has come as well
        return await act(case, said, update)

    world.gateway.act = slow  # type: ignore[assignment,method-assign]  # an engine that takes its time
    body, headers = {"action": "approve", "digest": DIGEST}, {"Idempotency-Key": "a1"}
    path = f"/api/v1/tasks/{task}/actions"
    calls = (world.as_("warehouse", "POST", path, json=body, headers=headers) for _ in range(2))
    first, second = await asyncio.gather(*calls)

    assert (first.status_code, first.text) == (second.status_code, second.text)
    assert len(set(names)) == 1, "the case knows both by one name, and takes the act once"
    assert len(world.gateway.heard) == 1


async def test_a_number_told_to_be_void_is_taken_up_again_if_its_case_has_started_after_all(
    world: World,
) -> None:
    begin = world.gateway.start

    async def heard_but_not_answered(request: UncloseRequest) -> None:
        await begin(request)
        raise e.WorkflowUnavailable("deadline exceeded")

    async def slow(_: UncloseRequest) -> None:
        return None

    world.gateway.first_step = slow
    world.gateway.start = heard_but_not_answered  # type: ignore[method-assign]  # a lost answer
    problem(await world.ask(headers={"Idempotency-Key": "k1"}), 503, "workflow-unavailable")
    world.gateway.start = begin  # type: ignore[method-assign]  # and now it is reached again

    taken = await world.ask(headers={"Idempotency-Key": "k1"})
    assert list(world.gateway.started) == [CASE]
    created = datetime.fromisoformat(taken.json()["created_at"])
    assert created == world.gateway.started[CASE].accepted_at


async def _age(world: World, days: int) -> None:
    at = datetime.now(UTC) - timedelta(days=days)

    def make_old(connection: Connection) -> None:
        connection.execute(update(intake).values(accepted_at=at))
        connection.execute(update(idempotency).values(created_at=at))

    await world.database.write(make_old)


async def _keys(world: World) -> set[str]:
    def read(connection: Connection) -> set[str]:
        kept = connection.scalars(select(intake.c.key).where(intake.c.key.is_not(None)))
        return {*kept, *connection.scalars(select(idempotency.c.key))}

    return await world.database.read(read)


@pytest.mark.parametrize(("days", "kept"), [(29, {"k1", "a1", "k2", "a2"}), (31, {"k2", "a2"})])
async def test_keys_are_forgotten_after_thirty_days_by_whoever_writes_the_next(
    world: World, days: int, kept: set[str]
) -> None:
    async def write(n: int) -> None:
        await world.ask(headers={"Idempotency-Key": f"k{n}"})
        path, headers = f"/api/v1/requests/{CASE}/withdraw", {"Idempotency-Key": f"a{n}"}
        assert (await world.http.post(path, json={}, headers=headers)).is_success

    await write(1)
    await _age(world, days)
    await write(2)
    assert await _keys(world) == kept


async def test_a_number_outlives_its_key(world: World) -> None:
    await world.ask(headers={"Idempotency-Key": "k1"})
    await _age(world, 31)
    await world.ask(headers={"Idempotency-Key": "k2"})

    assert (await world.http.get(f"/api/v1/requests/{CASE}")).status_code == 200
    assert (await world.ask(headers={"Idempotency-Key": "k1"})).json()["id"].endswith("000003")


# --------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    "path", ["/api/v1/requests?stat=approving", "/api/v1/tasks?mine=true&stat=open", "/api/v1/ledgers?stat=x"]
)
async def test_a_misspelt_parameter_is_refused_by_name(world: World, path: str) -> None:
    body = problem(await world.http.get(path), 422, "invalid-request")
    assert body["errors"] == [{"in": "query", "pointer": "/stat", "message": "There is no such parameter."}]


async def test_a_misspelt_parameter_keeps_an_act_from_being_taken(world: World) -> None:
    answer = await world.http.post("/api/v1/requests?dry_run=true", json={})
    assert {"in": "query", "pointer": "/dry_run", "message": "There is no such parameter."} in problem(
        answer, 422, "invalid-request"
    )["errors"]
    assert await nothing_was_taken(world)


@pytest.mark.parametrize(
    "query", ["limit=%EF%BC%95", "limit=1_0", "limit=5.0", "limit=+5", "limit=%205", "mine=1", "mine=yes"]
)
async def test_numbers_and_truth_are_written_plainly(world: World, query: str) -> None:
    problem(await world.http.get(f"/api/v1/tasks?{query}"), 422, "invalid-request")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"window_hours": True}, "/window_hours"),
        ({"window_hours": "24"}, "/window_hours"),
        ({"expedited": "true"}, "/expedited"),
        ({"expedited": 1}, "/expedited"),
        ({"vendor_ticket": "\u200b\u2060"}, "/vendor_ticket"),
        ({"reason": "\u200b"}, "/reason"),
    ],
)
async def test_nothing_is_read_as_what_it_is_not(
    world: World, changes: dict[str, object], pointer: str
) -> None:
    body = problem(await world.ask(**changes), 422, "invalid-request")
    assert [(error["in"], error["pointer"]) for error in body["errors"]] == [("body", pointer)]
    assert await nothing_was_taken(world)


# --------------------------------------------------------------------------- refusals name the field


async def test_a_refusal_names_the_field_wherever_it_stands(world: World) -> None:
    def place(answer: httpx.Response) -> tuple[str, str]:
        (error,) = answer.json()["errors"]
        return error["in"], error["pointer"]

    anonymous = {"Authorization": "Bearer nobody"}
    assert place(await world.http.get("/api/v1/me", headers=anonymous)) == ("header", "/Authorization")
    assert place(await world.http.get("/api/v1/requests/UC-2025-999999")) == ("path", "/case")
    assert place(await world.http.get("/api/v1/tasks/none")) == ("path", "/task")
    assert place(await world.http.get("/api/v1/ledgers/none")) == ("path", "/code")
    assert place(await world.ask(ledger="none")) == ("body", "/ledger")
    assert place(await world.http.get("/api/v1/requests?cursor=eHh4")) == ("query", "/cursor")
    assert place(await world.http.post("/api/v1/requests", content=b"x" * 1_000_001)) == ("body", "")
    await world.ask(headers={"Idempotency-Key": "k"})
    reused = await world.ask(reason="other", headers={"Idempotency-Key": "k"})
    assert place(reused) == ("header", "/Idempotency-Key")


CHINESE_WORDS: list[tuple[e.UncloseError, str]] = [
    (e.ActionNotPossible("finish", "t", ("approve", "reject")), "同意、驳回"),
    (e.NotAnApprover("li", "warehouse", ("wang",)), "仓储部"),
    (e.MissingRight("li", "write", "demo"), "录入"),
    (e.PointerMismatch("unclose gl 2025-05", "inventory stands at 2025-04"), "反结账 总账 2025-05"),
    (e.CrossesFiscalYear("2024-12", "2025", "vendor_ticket"), "厂商工单"),
    (e.WrongState("UC", "completed", ("correcting",)), "更正中"),
]


@pytest.mark.parametrize(("refusal", "words"), CHINESE_WORDS, ids=lambda part: type(part).__name__)
async def test_codes_in_a_refusal_are_told_in_chinese(
    world: World, refusal: e.UncloseError, words: str
) -> None:
    task = await world.approving()
    world.gateway.refuses_with = refusal
    body = {"action": "approve", "digest": DIGEST}
    answer = await world.as_("it", "POST", f"/api/v1/tasks/{task}/actions", json=body, headers=ZH)
    assert words in answer.json()["detail"]


# --------------------------------------------------------------------------- conditional reads

CASE_READS = [f"/api/v1/requests/{CASE}{part}" for part in ("", "/plan", "/timeline")]
TASK_READ = f"/api/v1/tasks/{CASE}-approval-1-1"


@pytest.mark.parametrize("path", [*CASE_READS, TASK_READ])
async def test_who_has_seen_a_case_is_not_sent_it_again(world: World, path: str) -> None:
    await world.approving()
    first = await world.http.get(path)
    again = await world.http.get(path, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert first.headers["cache-control"] == again.headers["cache-control"] == "private, no-cache"
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize("path", [*CASE_READS, TASK_READ])
async def test_news_of_a_case_are_sent_at_once(world: World, path: str) -> None:
    await world.approving()
    tag = (await world.http.get(path)).headers["etag"]
    await world.register.record(CaseChange(CASE, CaseState.REJECTED, (an_event(3),), waiting_for=()))

    answer = await world.http.get(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.headers["etag"] == tag) == (200, False)


@pytest.mark.parametrize("path", CASE_READS)
async def test_another_language_is_another_answer(world: World, path: str) -> None:
    await world.approving()
    tag = (await world.http.get(path)).headers["etag"]

    assert not tag.startswith("W/")
    assert (await world.http.get(path, headers={"If-None-Match": tag, **ZH})).status_code == 200


async def test_what_another_person_may_do_is_another_answer(world: World) -> None:
    await world.approving()
    tag = (await world.http.get(TASK_READ)).headers["etag"]

    theirs = await world.as_("warehouse", "GET", TASK_READ, headers={"If-None-Match": tag})
    assert (theirs.status_code, theirs.json()["actions"]) == (200, ["approve", "reject"])


async def test_a_tag_opens_nothing_to_strangers(world: World) -> None:
    await world.approving()
    tag = (await world.http.get(CASE_READS[0])).headers["etag"]
    headers = {"Authorization": "Bearer nobody", "If-None-Match": tag}
    problem(await world.http.get(CASE_READS[0], headers=headers), 401, "unidentified")


# --------------------------------------------------------------------------- times and ends of lists


def times_in(found: object) -> Iterator[str]:
    """Every text that begins like a time, however deep."""
    if isinstance(found, dict):
        for value in found.values():
            yield from times_in(value)
    elif isinstance(found, list):
        for value in found:
            yield from times_in(value)
    elif isinstance(found, str) and re.match(r"\d{4}-\d\d-\d\dT", found):
        yield found


@pytest.mark.parametrize(
    "path",
    ["/api/v1/requests", "/api/v1/tasks", *CASE_READS[::2], "/api/v1/ledgers/demo/close-state"],
)
async def test_every_time_has_its_offset(world: World, path: str) -> None:
    await world.approving()
    found = list(times_in((await world.http.get(path)).json()))

    assert found
    assert all(datetime.fromisoformat(time).utcoffset() is not None for time in found)
    assert all(re.fullmatch(r"[\d-]{10}T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", time) for time in found)


@pytest.mark.parametrize(
    "path",
    ["/api/v1/requests", "/api/v1/tasks", "/api/v1/ledgers", "/api/v1/ledgers/demo/sessions", CASE_READS[2]],
)
async def test_a_list_ends_with_no_next(world: World, path: str) -> None:
    await world.approving()
    body = (await world.http.get(path)).json()
    assert body["items"]
    assert body["next"] is None
