"""Registers with many cases in them, as years of use would leave them: nearly all ended, a few open."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from service.database import open_database
from service.register import request_document
from service.searching import spaced
from service.tables import case_waits, case_words, cases, task_holders, tasks
from workflows.domain.ledger import Module
from workflows.domain.period import Period
from workflows.domain.request import CaseState, ReasonCode, UncloseRequest

Values = dict[str, Any]  # Any: a row, column by column

LEVELS = ("warehouse", "finance", "it")
OPEN_CASES = 40
"""The newest ones, however many there are: what is under way does not grow with the years."""
_APPLICANTS = 50
_AT_ONCE = 5_000
_LAST = datetime(2026, 6, 1, 8, tzinfo=UTC)
_EXAMPLE = UncloseRequest(
    id="",
    ledger="demo",
    target_period=Period(2025, 3),
    modules=(Module.INVENTORY,),
    reason_code=ReasonCode.STOCKTAKE_OMISSION,
    reason="三月盘点遗漏 B 仓两个货位",
    applicant="clerk",
    accepted_at=_LAST,
)


async def fill(url: str, number: int) -> None:
    """Make a register with so many cases, each with its three approvals."""
    database = open_database(url)
    numbers = iter(range(number))
    while part := list(islice(numbers, _AT_ONCE)):
        await database.write(partial(_insert, part=part, number=number))
    await database.aclose()


def _insert(connection: Connection, part: list[int], number: int) -> None:
    filled = [a_request(n, number) for n in part]
    connection.execute(
        cases.insert(), [_case(request, n, number) for n, request in zip(part, filled, strict=True)]
    )
    words = (f"{request.id} {request.applicant} {request.reason}" for request in filled)
    connection.execute(
        case_words.insert(),
        [
            {"case_id": request.id, "spaced": spaced(said)}
            for request, said in zip(filled, words, strict=True)
        ],
    )
    waits = [
        {"case_id": request.id, "who": "finance", "created_at": request.accepted_at}
        for n, request in zip(part, filled, strict=True)
        if _is_open(n, number)
    ]
    if waits:
        connection.execute(case_waits.insert(), waits)
    asked = [row for n, request in zip(part, filled, strict=True) for row in _tasks(request, n, number)]
    connection.execute(tasks.insert(), asked)
    connection.execute(task_holders.insert(), [_holder(row) for row in asked])


def _is_open(n: int, number: int) -> bool:
    return n >= number - OPEN_CASES


def a_request(n: int, number: int) -> UncloseRequest:
    """The wish of one case out of so many."""
    at = _LAST - timedelta(minutes=number - n)
    return replace(_EXAMPLE, id=f"UC-2026-{n:06d}", applicant=f"clerk{n % _APPLICANTS}", accepted_at=at)


def _case(request: UncloseRequest, n: int, number: int) -> Values:
    state = CaseState.APPROVING if _is_open(n, number) else CaseState.COMPLETED
    return {
        "id": request.id,
        "ledger": request.ledger,
        "target_period": str(request.target_period),
        "applicant": request.applicant,
        "request": request_document(request),
        "state": state,
        "waiting_for": ["finance"] if _is_open(n, number) else [],
        "digest": "d" * 64,
        "risk": "low",
        "last_seq": 1,
        "head_digest": "e" * 64,
        "created_at": request.accepted_at,
        "updated_at": request.accepted_at,
    }


def _tasks(request: UncloseRequest, n: int, number: int) -> Iterator[Values]:
    for level, group in enumerate(LEVELS, start=1):
        is_open = _is_open(n, number) and group == "finance"
        yield {
            "id": f"{request.id}-approval-1-{level}",
            "case_id": request.id,
            "kind": "approval",
            "name": group,
            "groups": [group],
            "persons": [group],
            "actions": ["approve", "reject"],
            "digest": "d" * 64,
            "opened_at": request.accepted_at + timedelta(seconds=level),
            "cc": [],
            "state": "open" if is_open else "closed",
        }


def _holder(task: Values) -> Values:
    return {
        "task_id": task["id"],
        "holder": task["name"],
        "state": task["state"],
        "opened_at": task["opened_at"],
    }
