"""Clear refusals over HTTP: each names the field or the state and the remedy, and changes nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.e2e.people import API, EXAMPLE, Json, People

REQUESTS = f"{API}/requests"

WISHES: list[tuple[str, Json, int, str, str]] = [
    ("an unknown ledger", {"ledger": "nowhere"}, 404, "unknown-ledger", "/ledger"),
    ("a malformed period", {"target_period": "March"}, 422, "malformed-period", "/target_period"),
    ("period 13 of twelve", {"target_period": "2025-13"}, 422, "period-outside-calendar", "/target_period"),
    ("a period in the future", {"target_period": "2031-01"}, 409, "period-in-future", "/target_period"),
    ("a period that is open", {"target_period": "2025-06"}, 409, "period-not-closed", "/target_period"),
    ("before the start", {"target_period": "2023-12"}, 409, "before-start-period", "/target_period"),
    ("a locked period", {"target_period": "2024-05"}, 409, "period-locked", "/target_period"),
    ("another year, no ticket", {"target_period": "2024-12"}, 409, "crosses-fiscal-year", "/vendor_ticket"),
    ("an unknown field", {"superuser": True}, 422, "invalid-request", "/superuser"),
]


def is_a_clear_problem(answer: httpx.Response, status: int, kind: str) -> Json:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = dict(answer.json())
    assert problem["type"] == f"/problems/{kind}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["remedy"]
    assert problem["status"] == status
    assert problem["instance"]
    return problem


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def in_chinese(people: People, who: str, path: str, body: Json) -> Json:
    headers = {"Authorization": f"Bearer demo-{who}", "Accept-Language": "zh-CN,zh;q=0.9"}
    return dict(people.http.post(path, json=body, headers=headers).json())


@pytest.fixture
def nothing_taken(people: People) -> Iterator[None]:
    """No case more and no pointer elsewhere after the refusal than before it."""
    before = people.get("clerk", REQUESTS)["items"], people.pointers()
    yield
    assert (people.get("clerk", REQUESTS)["items"], people.pointers()) == before


@pytest.mark.usefixtures("nothing_taken")
@pytest.mark.parametrize(
    ("changes", "status", "kind", "pointer"), [w[1:] for w in WISHES], ids=lambda w: None
)
def test_a_wish_that_cannot_be_is_refused_at_once(
    people: People, changes: Json, status: int, kind: str, pointer: str
) -> None:
    problem = is_a_clear_problem(people.post("clerk", REQUESTS, EXAMPLE | changes), status, kind)
    assert pointer in [error["pointer"] for error in problem["errors"]]
    chinese = in_chinese(people, "clerk", REQUESTS, EXAMPLE | changes)
    assert chinese["status"] == status
    assert all(is_chinese(chinese[name]) for name in ("title", "detail", "remedy"))


@pytest.mark.usefixtures("nothing_taken")
def test_an_acknowledgement_of_another_day_is_refused(people: People) -> None:
    wish = EXAMPLE | {"target_period": "2024-12", "vendor_ticket": "KD-1", "acknowledgement": "2020-01-01"}
    is_a_clear_problem(people.post("clerk", REQUESTS, wish), 422, "acknowledgement-not-of-today")


@pytest.mark.usefixtures("nothing_taken")
def test_a_body_too_large_is_refused(people: People) -> None:
    is_a_clear_problem(
        people.post("clerk", REQUESTS, EXAMPLE | {"reason": "长" * 1_000_000}), 413, "body-too-large"
    )


@pytest.mark.usefixtures("nothing_taken")
def test_a_wrong_token_is_refused(people: People) -> None:
    is_a_clear_problem(people.post("nobody", REQUESTS, EXAMPLE), 401, "unidentified")


def decide(people: People, who: str, task: Json, action: str, digest: str | None = None) -> httpx.Response:
    body = {"action": action, "digest": digest or task["digest"]}
    return people.post(who, f"{API}/tasks/{task['id']}/actions", body)


def test_decisions_that_do_not_count_are_refused_and_the_case_stays_where_it_is(people: People) -> None:
    case = people.request()
    task = people.task("warehouse", case, "approval")
    is_a_clear_problem(decide(people, "clerk", task, "approve"), 403, "self-approval")
    is_a_clear_problem(decide(people, "finance", task, "approve"), 403, "not-an-approver")
    is_a_clear_problem(decide(people, "admin", task, "approve"), 403, "not-an-approver")
    is_a_clear_problem(decide(people, "warehouse", task, "approve", "0" * 64), 409, "stale-digest")
    assert people.case(case)["waiting_for"] == ["warehouse"]
    assert decide(people, "warehouse", task, "approve").status_code == 200
    again = is_a_clear_problem(decide(people, "warehouse", task, "approve"), 409, "task-closed")
    assert again["state"] == "approving"
    is_a_clear_problem(people.post("finance", f"{REQUESTS}/{case}/withdraw", {}), 403, "not-the-applicant")
    is_a_clear_problem(people.post("clerk", f"{REQUESTS}/{case}/corrections/finish", {}), 409, "wrong-state")
    assert people.post("clerk", f"{REQUESTS}/{case}/withdraw", {}).status_code == 200
    people.wait_for(case, "withdrawn")
    is_a_clear_problem(people.post("clerk", f"{REQUESTS}/{case}/withdraw", {}), 409, "wrong-state")


def test_one_person_cannot_authorise_for_two(people: People) -> None:
    case = people.request()
    people.approve_all(case)
    task = people.task("erp-admin", case, "authorisation")
    is_a_clear_problem(decide(people, "clerk", task, "authorise"), 403, "not-authoriser")
    is_a_clear_problem(decide(people, "admin", task, "authorise"), 403, "not-authoriser")
    assert decide(people, "erp-admin", task, "authorise").status_code == 200
    is_a_clear_problem(decide(people, "erp-admin", task, "authorise"), 409, "already-decided")
    assert people.case(case)["waiting_for"] == ["finance_head"]
    people.post("clerk", f"{REQUESTS}/{case}/withdraw", {})
    people.wait_for(case, "withdrawn")


def test_crossing_a_year_with_ticket_and_acknowledgement_is_checked_like_any_other(people: People) -> None:
    # The ledger's day may be another than this machine's, so the acknowledgement names both.
    hours = (timedelta(hours=-12), timedelta(), timedelta(hours=14))
    days = " ".join(sorted({(datetime.now(UTC) + more).date().isoformat() for more in hours}))
    wish = {"target_period": "2024-12", "vendor_ticket": "KD-1", "acknowledgement": days, "scope": []}
    answer = people.post("clerk", REQUESTS, EXAMPLE | wish)
    assert answer.status_code == 202, answer.text
    case = answer.json()["id"]
    # Traps lie in the periods on the way: the checks find them and say what is to be put right.
    assert people.wait_for(case, "checks_failed") == "checks_failed"
    findings = people.get("clerk", f"{REQUESTS}/{case}/plan")["findings"]
    assert {"count_not_adjusted", "audit_in_flight"} <= {finding["code"] for finding in findings}
