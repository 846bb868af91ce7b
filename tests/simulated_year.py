"""A year of cases as the register keeps them, and the plain facts they were made from."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Connection

from service.archive_tables import root_causes
from service.tables import case_events, case_parts, cases, tasks
from workflows.domain.digest import sha256

LEDGERS = ("demo", "south")
PEOPLE = ("张三", "李四", "王五", "erp-admin")
HAPPY = [
    "received",
    "checking",
    "approving",
    "protecting",
    "authorising",
    "isolating",
    "unclosing",
    "verifying_open",
    "correcting",
    "reclosing",
    "verifying_closed",
    "archiving",
    "completed",
]
ENDS = {
    "completed": HAPPY,
    "rolled_back": [*HAPPY[:7], "attention", "compensating", "rolled_back"],
    "rejected": [*HAPPY[:3], "rejected"],
    "expired": [*HAPPY[:3], "returned", "expired"],
    "checks_failed": [*HAPPY[:2], "checks_failed"],
    "approving": HAPPY[:3],
}
WAITING = {"approving", "returned", "authorising", "correcting", "attention"}
CAUSES = ("count_incomplete", "entry_unchecked", "review_late")
REASONS = ("stocktake_omission", "entry_error", "missed_document")


@dataclass
class Simulated:
    """One case: what happened, second by second."""

    id: str
    ledger: str
    accepted: datetime
    reason: str
    states: list[str]
    seconds: list[int]
    """In each state but the last."""
    cause: str | None
    lacks_right: bool
    waits: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Kind and name of a task, who answered, and after how many seconds."""

    def spent(self, first: str, last: str) -> tuple[int, int, int | None]:
        """Seconds for people, for machines, and in all, from one state up to another; the sum if it came."""
        human = machine = 0
        runs = first == "received"
        for state, seconds in zip(self.states, self.seconds, strict=False):
            runs = runs or state == first
            if state == last:
                return human, machine, human + machine
            if runs and state in WAITING:
                human += seconds
            elif runs:
                machine += seconds
        return human, machine, None


def a_year(number: int, seed: int = 2025) -> Iterator[Simulated]:
    dice = Random(seed)
    for n in range(number):
        (end,) = dice.choices(list(ENDS), weights=(70, 6, 8, 4, 9, 3))
        states = ENDS[end]
        case = Simulated(
            id=f"UC-2025-{n:06d}",
            ledger=dice.choice(LEDGERS),
            accepted=datetime(2024, 12, 31, 12, tzinfo=UTC) + timedelta(seconds=dice.randrange(366 * 86_400)),
            reason=dice.choice(REASONS),
            states=states,
            seconds=[
                dice.randrange(600, 400_000) if state in WAITING else dice.randrange(1, 900)
                for state in states[:-1]
            ],
            cause=dice.choice((*CAUSES, None)) if end in ("completed", "rolled_back") else None,
            lacks_right=end == "checks_failed" and dice.random() < 0.8,
        )
        if len(states) > 3:
            for level in ("warehouse", "finance", "it"):
                case.waits.append(("approval", level, dice.choice(PEOPLE), dice.randrange(60, 200_000)))
        if end == "completed":
            case.waits.append(("correction", "correction", "unclose", dice.randrange(60, 90_000)))
        yield case


def put_on_record(connection: Connection, year: list[Simulated]) -> None:
    connection.execute(cases.insert(), [_case(case) for case in year])
    connection.execute(case_events.insert(), [row for case in year for row in _events(case)])
    connection.execute(case_parts.insert(), [row for case in year for row in _parts(case)])
    connection.execute(tasks.insert(), [row for case in year for row in _tasks(case)])
    # What was named first is put right later: only the newest counts.
    named = [case for case in year if case.cause]
    for cause in (lambda _: "training_lacking", lambda case: case.cause):
        connection.execute(root_causes.insert(), [_cause(case, cause(case)) for case in named])


Values = dict[str, Any]  # Any: a row, column by column


def _case(case: Simulated) -> Values:
    ended = case.accepted + timedelta(seconds=sum(case.seconds))
    return {
        "id": case.id,
        "ledger": case.ledger,
        "target_period": "2025-03",
        "applicant": "clerk",
        "request": {"reason_code": case.reason},
        "state": case.states[-1],
        "waiting_for": [],
        "last_seq": len(case.seconds),
        "head_digest": sha256(case.id),
        "created_at": case.accepted,
        "updated_at": ended,
    }


def _events(case: Simulated) -> Iterator[Values]:
    at = case.accepted
    for seq, (before, after, seconds) in enumerate(
        zip(case.states[:-1], case.states[1:], case.seconds, strict=True), start=1
    ):
        at += timedelta(seconds=seconds)
        yield {
            "case_id": case.id,
            "seq": seq,
            "at": at,
            "actor": "unclose",
            "kind": "state_changed",
            "data": {"from": before, "to": after},
            "digest_of_previous": "",
        }


def _parts(case: Simulated) -> Iterator[Values]:
    a, b = case.spent("received", "correcting"), case.spent("correcting", "archiving")
    clocks = {
        f"{name}_{what}": None if value is None else value * 1000
        for name, spent in (("a", a), ("b", b))
        for what, value in zip(("human_ms", "machine_ms", "ms"), spent, strict=True)
    }
    yield {"case_id": case.id, "name": "clocks", "value": clocks}
    code = "missing_right" if case.lacks_right else "document_frozen"
    yield {"case_id": case.id, "name": "findings", "value": [{"code": code, "severity": "blocker"}]}


def _tasks(case: Simulated) -> Iterator[Values]:
    for n, (kind, name, person, seconds) in enumerate(case.waits):
        yield {
            "id": f"{case.id}-{n}",
            "case_id": case.id,
            "kind": kind,
            "name": name,
            "groups": [],
            "persons": [],
            "actions": [],
            "opened_at": case.accepted,
            "cc": [],
            "state": "closed",
            "outcome": "approve",
            "closed_by": person,
            "closed_at": case.accepted + timedelta(seconds=seconds),
        }


def _cause(case: Simulated, cause: str | None) -> Values:
    said = {"cause": cause, "zh": "", "en": "", "note": "", "actor": "finance", "at": case.accepted}
    return {"case_id": case.id, "ledger": case.ledger, **said}
