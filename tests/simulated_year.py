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
    "completed at last": [*HAPPY[:3], "returned", "checking", "approving", *HAPPY[3:]],
    "approving": HAPPY[:3],
}
WAITING = {"approving", "returned", "authorising", "correcting", "attention"}
CAUSES = ("count_incomplete", "entry_unchecked", "review_late")
REASONS = ("stocktake_omission", "entry_error", "missed_document")


ON_THE_LINE = {3: (10, 24), 5: (48, 120)}
"""Cases that took exactly so many hours by both clocks; on a line counts as within it, and as over it."""


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

    def put_on_the_line(self, a: int, b: int) -> None:
        """Let the case be completed, after exactly so many hours by each clock."""
        self.states, self.seconds = HAPPY, [1] * (len(HAPPY) - 1)
        for state, hours, others in (("approving", a, 7), ("correcting", b, 2)):
            self.seconds[HAPPY.index(state)] = hours * 3600 - others


def a_year(number: int, seed: int = 2025) -> Iterator[Simulated]:
    dice = Random(seed)
    for n in range(number):
        (end,) = dice.choices(list(ENDS), weights=(62, 6, 8, 4, 9, 8, 3))
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
            cause=dice.choice((*CAUSES, None)) if states[-1] in ("completed", "rolled_back") else None,
            # Elsewhere it was seen as well, and did not stop the case.
            lacks_right=dice.random() < 0.8,
        )
        if exactly := ON_THE_LINE.get(n):
            case.put_on_the_line(*exactly)
        if len(states) > 3:
            for level in ("warehouse", "finance", "it"):
                case.waits.append(("approval", level, dice.choice(PEOPLE), dice.randrange(60, 200_000)))
        if states[-1] == "completed":
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
    # Each change of state is followed by a remark, which changes nothing.
    for seq, (before, after, seconds) in enumerate(
        zip(case.states[:-1], case.states[1:], case.seconds, strict=True)
    ):
        at += timedelta(seconds=seconds)
        moved = {"from": before, "to": after}
        for more, (kind, data) in enumerate(
            (("state_changed", moved), ("commented", {"to": "approving"})), 1
        ):
            yield {
                "case_id": case.id,
                "seq": seq * 2 + more,
                "at": at + timedelta(seconds=more - 1),
                "actor": "unclose",
                "kind": kind,
                "data": data,
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
    warned = {"code": "missing_right", "severity": "warning"}
    found = [{"code": code, "severity": "blocker"}, warned]
    yield {"case_id": case.id, "name": "findings", "value": found}


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
    # Nobody was waited for in the end, or still is: neither is a time that somebody took.
    for name, ended in (
        ("void", {"outcome": "void", "closed_at": case.accepted + timedelta(days=9)}),
        ("open", {}),
    ):
        task = {
            "id": f"{case.id}-{name}",
            "case_id": case.id,
            "kind": "approval",
            "name": "it",
            "state": "closed",
        }
        lists: Values = {"groups": [], "persons": [], "actions": [], "cc": [], "opened_at": case.accepted}
        none = {"outcome": None, "closed_by": None, "closed_at": None}
        yield {**task, **lists, **none, **ended}


def _cause(case: Simulated, cause: str | None) -> Values:
    said = {"cause": cause, "zh": "", "en": "", "note": "", "actor": "finance", "at": case.accepted}
    return {"case_id": case.id, "ledger": case.ledger, **said}
