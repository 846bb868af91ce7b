"""Consent over HTTP, on real parts: it is bound to what was seen, and gone with it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from tests.e2e.back_door import back_door
from tests.e2e.people import API, EXAMPLE, People
from tests.e2e.tree import Tree

BILL = "IN-2025-03-0008"


def decisions(people: People, case: str) -> list[tuple[str, bool]]:
    return [(d["person"], d["void"]) for d in people.case(case)["decisions"]]


def set_frozen(tree: Tree, frozen: bool) -> str:
    """A bill of a closed period is frozen in the ERP, or made good again; its status before."""
    with back_door(tree.data_dir, "document") as db:
        before = str(db.execute("SELECT status FROM document WHERE number = ?", (BILL,)).fetchone()[0])
        db.execute(
            "UPDATE document SET status = ? WHERE number = ?", ("frozen" if frozen else "audited", BILL)
        )
    return before


def test_a_bill_changed_after_approval_makes_every_consent_void_and_shows_what_changed(
    people: People, tree: Tree
) -> None:
    case = people.request()
    people.approve_all(case)
    people.task("erp-admin", case, "authorisation")
    agreed = people.case(case)["digest"]
    assert [void for _, void in decisions(people, case)] == [False] * 4

    assert set_frozen(tree, True) == "audited"
    try:
        people.authorise(case)
        people.wait_for(case, "returned")
    finally:
        set_frozen(tree, False)

    told = next(e for e in people.timeline(case) if e["kind"] == "decisions_void")["data"]
    assert told["signed"] == ["warehouse", "finance", "it", "finance-head"]
    voided = told["difference"]
    assert [finding["code"] for finding in voided["findings"]["come"]] == ["document_frozen"]
    assert voided["digest"]["before"] == agreed != voided["digest"]["after"]
    approvals = decisions(people, case)[:4]
    assert approvals == [(who, True) for who in ("warehouse", "finance", "it", "finance-head")]

    # The applicant has the bill unfrozen and asks again: everyone is asked anew, and sees why.
    assert people.post("clerk", f"{API}/requests/{case}/resubmit", {"comment": "已解冻"}).status_code == 200
    people.wait_for(case, "approving")
    task = people.task("warehouse", case, "approval")
    assert task["summary"]["drift"]["findings"]["gone"][0]["code"] == "document_frozen"
    assert task["summary"]["blast_radius"]["periods"] == ["2025-03", "2025-04", "2025-05"]
    assert people.post("clerk", f"{API}/requests/{case}/withdraw", {}).status_code == 200


def test_a_level_returned_to_the_applicant_comes_back_with_the_difference(people: People) -> None:
    case = people.request()
    people.act("warehouse", case, "approval", "approve")
    task = people.task("finance", case, "approval")
    path = f"{API}/tasks/{task['id']}/actions"
    nowhere = people.post("finance", path, {"action": "return", "to": "it", "comment": "?"})
    assert (nowhere.status_code, nowhere.json()["errors"][0]["pointer"]) == (422, "/to")
    said = {"action": "return", "to": "applicant", "comment": "请说明盘点人"}
    assert people.post("finance", path, said).status_code == 200
    people.wait_for(case, "returned")

    more = {"reason": "三月盘点遗漏 B 仓两个货位，盘点人李雷", "comment": "已补充"}
    assert people.post("clerk", f"{API}/requests/{case}/resubmit", more).status_code == 200
    task = people.task("warehouse", case, "approval")
    assert task["summary"]["drift"]["request"]["reason"]["after"] == more["reason"]
    assert people.case(case)["reason"] == more["reason"]
    assert all(void for _, void in decisions(people, case))
    assert people.post("clerk", f"{API}/requests/{case}/withdraw", {}).status_code == 200


def test_a_policy_put_meanwhile_asks_everyone_again(people: People) -> None:
    policy = '[[levels]]\nname = "it"\ngroups = "it"\n'
    default = people.get("clerk", f"{API}/policies/demo")["text"]
    case = people.request()
    people.approve_all(case)
    people.task("erp-admin", case, "authorisation")
    put = people.http.put(
        f"{API}/policies/demo", json={"text": policy}, headers={"Authorization": "Bearer demo-admin"}
    )
    assert put.status_code == 200, put.text
    try:
        people.authorise(case)
        people.wait_for(case, "approving")
        people.act("it", case, "approval", "approve")
        people.wait_for(case, "authorising")
        plan = people.get("clerk", f"{API}/requests/{case}/plan")
        assert (plan["policy_version"], [level["name"] for level in plan["chain"]]) == ("demo-1", ["it"])
    finally:
        people.http.put(
            f"{API}/policies/demo", json={"text": default}, headers={"Authorization": "Bearer demo-admin"}
        )
    assert people.post("clerk", f"{API}/requests/{case}/withdraw", {}).status_code == 200


def test_a_plan_tells_who_will_be_asked_and_why(people: People) -> None:
    asked = {name: EXAMPLE[name] for name in ("ledger", "target_period", "modules", "scope")}
    seen = people.http.post(f"{API}/plans", json=asked, headers={"Authorization": "Bearer demo-clerk"}).json()
    assert [(level["name"], level["why"]) for level in seen["chain"]][-1] == (
        "finance_head",
        "several_periods, posted_vouchers",
    )
    assert seen["blast_radius"]["documents"] > 0


def test_of_ten_acts_on_one_task_at_the_same_moment_exactly_one_is_taken(people: People) -> None:
    case = people.request()
    task = people.task("warehouse", case, "approval")
    digest = task["digest"]
    bodies = [
        {"action": "approve", "digest": digest},
        {"action": "reject", "digest": digest, "comment": "不同意"},
        {"action": "return", "to": "applicant", "comment": "请补充"},
        {"action": "add_sign", "persons": ["operator"], "position": "before"},
        {"action": "add_sign", "persons": ["operator"], "position": "after", "digest": digest},
    ] * 2
    path = f"{API}/tasks/{task['id']}/actions"
    with ThreadPoolExecutor(len(bodies)) as crowd:
        answers = list(crowd.map(lambda body: people.post("warehouse", path, body), bodies))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, *[409] * 9], [answer.text for answer in answers]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert all(problem["type"] == "/problems/task-closed" and problem["state"] for problem in refused)
    events = people.timeline(case)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


def test_a_stand_in_signs_for_who_is_away_and_both_names_stay_on_record(people: People) -> None:
    now = datetime.now(UTC)
    away = {"starts": (now - timedelta(hours=1)).isoformat(), "ends": (now + timedelta(days=2)).isoformat()}
    made = people.post("warehouse", f"{API}/delegations", {"delegate": "operator", "reason": "休假", **away})
    assert made.is_success, made.text
    case = people.request()
    try:
        task = people.task("operator", case, "approval")
        assert task["acting_for"] == ["warehouse"]
        people.act("operator", case, "approval", "approve")
        decision = people.case(case)["decisions"][0]
        assert (decision["person"], decision["on_behalf_of"]) == ("operator", "warehouse")
        path = f"{API}/tasks/{people.task('finance', case, 'approval')['id']}/actions"
        again = people.post("operator", path, {"action": "approve", "digest": task["digest"]})
        assert (again.status_code, again.json()["type"]) == (409, "/problems/already-decided")
    finally:
        ended = people.http.delete(
            f"{API}/delegations/{made.json()['id']}", headers={"Authorization": "Bearer demo-warehouse"}
        )
        assert ended.is_success, ended.text
    assert people.post("clerk", f"{API}/requests/{case}/withdraw", {}).status_code == 200
