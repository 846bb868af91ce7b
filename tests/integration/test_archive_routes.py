"""The archive over HTTP: searching it, and naming why cases were needed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from service.archive_tables import archived_cases
from service.archiving import Archivist
from service.audit_trail import AuditFilter, AuditKind, AuditTrail
from service.ledger_book import LedgerBook
from service.register import SqlRegister
from tests.people_world import LEDGERS, Office, an_office, problem
from tests.shelf import a_wish, events_of, shelve
from workflows.domain.approval import Group
from workflows.domain.case import CaseChange
from workflows.domain.request import CaseState

CASE = "UC-2025-000003"  # completed, asked for by clerk3
HERE = f"/requests/{CASE}/root-cause"


@pytest.fixture
async def office(tmp_path: Path, empty_register: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path, empty_register) as opened:
        await shelve(opened.database, range(6))
        yield opened


async def ended(office: Office, at: datetime) -> None:
    changed = update(archived_cases).values(ended_at=at)
    await office.database.write(lambda connection: connection.execute(changed))


async def recently(office: Office) -> None:
    """The cases ended a moment ago, not when the shelf was filled."""
    await ended(office, datetime.now(UTC))


async def search(office: Office, query: str) -> dict[str, Any]:
    answer = await office.as_("auditor", "GET", f"/archive?{query}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_search_tells_what_was_found_and_where_it_stands(office: Office) -> None:
    body = await search(office, "q=反結帳")
    assert [item["id"] for item in body["items"]] == [f"UC-2025-{n:06d}" for n in (5, 4, 3, 2, 1, 0)]
    (shown,) = body["items"][-1]["highlights"]
    (mark,) = shown["marks"]
    assert (shown["where"], shown["text"][mark["start"] : mark["end"]]) == ("request", "反结账")
    assert (body["next"], body["pending"]) == (None, 0)


async def test_filters_and_pages_go_together(office: Office) -> None:
    first = await search(office, "q=反结账&ledger=demo&limit=2&outcome=completed&outcome=checks_failed")
    assert first["next"] is None
    every = await search(office, "ledger=demo&limit=2")
    rest = await search(office, f"ledger=demo&limit=2&cursor={every['next']}")
    assert [item["id"][-1] for item in (*every["items"], *rest["items"])] == ["4", "3", "1", "0"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("period=2025-5", "/period"),
        ("outcome=ended", "/outcome/0"),
        ("ended_from=0", "/ended_from"),
        ("qq=1", "/qq"),
        ("q=%E7%9B%98%00", "/q"),
        ("q=" + "a" * 201, "/q"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused_by_name(
    office: Office, query: str, pointer: str
) -> None:
    body = problem(await office.as_("auditor", "GET", f"/archive?{query}"), 422, "invalid-request")
    assert [error["pointer"] for error in body["errors"]] == [pointer]


async def test_whatever_is_asked_for_is_answered(office: Office) -> None:
    said = (
        '"',
        "NEAR(盘点 数量)",
        "盘点 AND",
        "*",
        "^a",
        "'a' | 'b'",
        "-- ，",
        "😀",
        "盘点" * 100,
        "%ff",
        "",
    )
    for each in said:
        answer = await office.as_("auditor", "GET", "/archive", params={"q": each})
        assert answer.status_code == 200, each
    assert (await search(office, "q=%FF%ED%A0%80"))["items"] == []


async def test_days_are_those_of_the_ledger(office: Office) -> None:
    at = datetime(2025, 2, 28, 16, 30, tzinfo=UTC)  # half past midnight of the first of March in Shanghai
    await ended(office, at)
    assert len((await search(office, "ended_from=2025-03-01&ended_to=2025-03-01"))["items"]) == 6
    assert (await search(office, "ended_to=2025-02-28"))["items"] == []


# --------------------------------------------------------------------------- root causes


async def name(
    office: Office, who: str, cause: str = "count_incomplete", note: str = "", case: str = CASE
) -> Any:
    body = {"cause": cause, "note": note}
    return await office.as_(who, "PUT", f"/requests/{case}/root-cause", json=body)


async def test_a_named_cause_is_on_record_in_the_audit_chain_and_found(office: Office) -> None:
    await recently(office)
    named = await name(office, "finance", note="Ｂ仓两个货位未盘")
    assert (named.status_code, named.json()["recurrences"]) == (200, 0)
    assert named.json()["title"]["zh"] == "月底盘点有遗漏"
    await Archivist(office.database).catch_up()

    (told,) = await AuditTrail(office.database).page(AuditFilter(kind=AuditKind.ROOT_CAUSE_NAMED), 9, None)
    assert (told.actor, told.subject) == ("finance", CASE)
    for query in ("q=b仓两个货位未盘", "cause=count_incomplete"):
        assert [item["id"] for item in (await search(office, query))["items"]] == [CASE]


async def test_saying_the_same_again_changes_nothing_and_another_cause_stays_beside_the_first(
    office: Office,
) -> None:
    await recently(office)
    for _ in range(2):
        await name(office, "finance")
    await name(office, "finance", "review_late")
    body = (await office.as_("auditor", "GET", HERE)).json()
    assert body["current"]["cause"] == "review_late"
    assert [each["cause"] for each in body["earlier"]] == ["count_incomplete"]


async def test_a_cause_that_comes_again_is_counted_and_leads_the_pre_check_list(office: Office) -> None:
    await recently(office)
    for case in ("UC-2025-000000", "UC-2025-000001", CASE):
        named = await name(office, "finance", case=case)
    assert named.json()["recurrences"] == 2
    body = (await office.as_("clerk", "GET", "/ledgers/demo/root-causes")).json()
    first = body["items"][0]
    assert (first["cause"], first["cases"], first["last_case"]) == ("count_incomplete", 3, CASE)
    assert (first["check"], first["owner"]) == ("count_incomplete", "warehouse")
    assert len(body["items"]) > 10


async def test_who_has_no_part_in_a_case_does_not_name_its_cause(office: Office) -> None:
    await recently(office)
    problem(await name(office, "clerk"), 403, "not-to-name-the-cause")


async def test_a_cause_of_the_catalogue_is_asked_for_and_other_needs_a_note(office: Office) -> None:
    await recently(office)
    unknown = problem(await name(office, "finance", "sunspots"), 422, "unknown-cause")
    assert [error["pointer"] for error in unknown["errors"]] == ["/cause"]
    bare = problem(await name(office, "finance", "other"), 422, "cause-needs-note")
    assert [error["pointer"] for error in bare["errors"]] == ["/note"]


async def test_after_its_days_only_the_finance_head_names_a_cause(office: Office) -> None:
    problem(await name(office, "finance"), 409, "too-late-for-cause")
    await office.hire("head", Group.FINANCE_HEAD)
    await office.hand_out("head")
    assert (await name(office, "head")).status_code == 200


async def test_while_a_case_waits_for_approval_nobody_knows_its_cause(office: Office) -> None:
    register, wish = SqlRegister(office.database), a_wish(8, ledger="demo")
    await register.receive(wish)
    await register.record(
        CaseChange(wish.id, CaseState.APPROVING, tuple(events_of(wish, CaseState.EXPIRED, ""))[:2])
    )
    problem(await name(office, "finance", case=wish.id), 409, "wrong-state")


async def test_a_cause_named_while_correcting_counts_when_the_case_has_ended(office: Office) -> None:
    register, wish = SqlRegister(office.database), a_wish(8, ledger="demo")
    told = tuple(events_of(wish, CaseState.COMPLETED, ""))
    await register.receive(wish)
    await register.record(CaseChange(wish.id, CaseState.CORRECTING, told[:3]))
    assert (await name(office, "finance", case=wish.id)).status_code == 200
    await register.record(CaseChange(wish.id, CaseState.COMPLETED, told))
    await Archivist(office.database).catch_up()
    assert [item["id"] for item in (await search(office, "cause=count_incomplete"))["items"]] == [wish.id]
    assert await asked(office, "finance") == []


async def asked(office: Office, who: str) -> list[str]:
    answer = await office.as_(who, "GET", "/root-causes?mine=true")
    return [question["case"] for question in answer.json()["items"]]


async def test_where_nobody_named_a_cause_the_applicant_and_finance_are_asked_until_somebody_does(
    office: Office,
) -> None:
    register = SqlRegister(office.database)
    for n, (applicant, end) in enumerate(
        (("clerk", CaseState.COMPLETED), ("li", CaseState.ROLLED_BACK), ("clerk", CaseState.REJECTED)),
        start=8,
    ):
        at = datetime.now(UTC) - timedelta(hours=12 - n)
        wish = a_wish(n, ledger="demo", applicant=applicant, correctors=(), accepted_at=at)
        await register.receive(wish)
        await register.record(CaseChange(wish.id, end, tuple(events_of(wish, end, ""))))
    await Archivist(office.database, office.app.state.parts.book.causes).catch_up()

    assert await asked(office, "finance") == ["UC-2025-000009", "UC-2025-000008"]
    inbox = (await office.as_("finance", "GET", "/tasks?mine=true&state=open")).json()["items"]
    assert [task["standing"]["facts"]["case"] for task in inbox] == ["UC-2025-000009", "UC-2025-000008"]
    assert await asked(office, "clerk") == ["UC-2025-000008"]
    assert await asked(office, "warehouse") == []
    await name(office, "clerk", case="UC-2025-000008")
    assert await asked(office, "clerk") == []
    inbox = (await office.as_("finance", "GET", "/tasks?mine=true&state=open")).json()["items"]
    assert [task["standing"]["facts"]["case"] for task in inbox] == ["UC-2025-000009"]
    await Archivist(office.database, office.app.state.parts.book.causes).catch_up()
    assert await asked(office, "finance") == ["UC-2025-000009"]


# --------------------------------------------------------------------------- legal holds


async def test_a_hold_is_set_and_lifted_with_a_reason_by_those_who_may_and_stands_on_record(
    office: Office,
) -> None:
    holds, reason = f"/requests/{CASE}/holds", {"reason": "外部审计 2025"}
    problem(await office.as_("finance", "POST", holds, json=reason), 403, "not-an-operator")
    problem(await office.as_("auditor", "POST", f"{holds}/lift", json=reason), 409, "not-on-hold")
    for _ in range(2):
        assert (await office.as_("auditor", "POST", holds, json=reason)).json()["on_hold"] is True
    assert [item["on_hold"] for item in (await search(office, "q=" + CASE))["items"]] == [True]
    lifted = await office.as_("admin", "POST", f"{holds}/lift", json={"reason": "审计结束"})
    assert (lifted.json()["on_hold"], len(lifted.json()["items"])) == (False, 1)

    told = await AuditTrail(office.database).page(AuditFilter(subject=CASE), 9, None)
    assert [(entry.kind, entry.actor) for entry in told] == [
        ("hold_lifted", "admin"),
        ("hold_set", "auditor"),
    ]


def test_a_house_words_causes_in_its_own_way_and_adds_its_own(tmp_path: Path) -> None:
    own = """
root_cause_days = 5
archive_years = 10
[[ledgers.demo.root_causes]]
code = "forklift"
zh = "叉车撞倒货架"
en = "A forklift knocked a shelf over"
prevention_zh = "限速"
prevention_en = "Drive slowly"
owner = "warehouse"
check = "count_incomplete"
"""
    file = tmp_path / "ledgers.toml"
    file.write_text(LEDGERS + own, encoding="utf-8")
    configured = LedgerBook.load(file).configuration("demo")
    assert configured.causes.require("forklift", "").zh == "叉车撞倒货架"
    assert configured.causes.require("review_late", "").en
    assert (configured.causes.days, configured.archive_years) == (5, 10)
