"""A finished case in a register, told as its workflow tells it, and somebody who changes it unseen."""

import hashlib
import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from service.register import SqlRegister
from tests.builders import a_request
from workflows.domain.approval import Group
from workflows.domain.case import CaseChange, CaseEvent, EventKind, Task, TaskAction, TaskClosing, TaskKind
from workflows.domain.digest import Json, sha256
from workflows.domain.request import CaseState, UncloseRequest

CASE = "UC-2025-000001"
NOON = datetime(2025, 6, 3, 4, 0, 0, 123456, tzinfo=UTC)
DIGEST = "d" * 64
LEVELS = ("warehouse", "finance", "it")
SHEET = b"%PDF-1.7 count sheet, signed"
ATTACHED: dict[str, Json] = {
    "id": "a" * 64,
    "name": "盘点表.pdf",
    "media_type": "application/pdf",
    "bytes": len(SHEET),
    "sha256": hashlib.sha256(SHEET).hexdigest(),
    "note": "签字盘点表",
}


class Teller:
    """Numbers events and turns what is told into changes."""

    def __init__(self, request: UncloseRequest) -> None:
        self.request, self.seq = request, 0

    def event(self, kind: EventKind, actor: str = "unclose", **data: Json) -> CaseEvent:
        self.seq += 1
        return CaseEvent(self.seq, NOON + timedelta(minutes=self.seq), actor, None, kind, data)

    def change(self, state: CaseState, *events: CaseEvent, **more: object) -> CaseChange:
        change = CaseChange(self.request.id, state, events)
        return replace(change, **more)  # type: ignore[arg-type]  # the names are the caller's


def an_approval(case: str, n: int, group: str) -> Task:
    return Task(
        f"{case}-approval-1-{n}",
        TaskKind.APPROVAL,
        group,
        (Group(group),),
        (group,),
        (TaskAction.APPROVE, TaskAction.REJECT),
        DIGEST,
        NOON,
        due=NOON + timedelta(hours=8),
    )


def the_tale(request: UncloseRequest) -> Iterator[CaseChange]:
    """A case from its receipt to its end, with a return, an attachment and a level asked twice."""
    say = Teller(request)
    received = say.event(EventKind.RECEIVED, request.applicant, request_digest=sha256(request))
    plan: Json = {"target": "2025-03", "steps": [{"n": 1, "verb": "unclose", "module": "gl"}]}
    parts = {"digest": DIGEST, "risk": "low", "plan": plan, "clocks": _clocks(None, None)}
    entered = say.event(EventKind.STATE_CHANGED, **{"from": "received", "to": "approving"})
    yield say.change(CaseState.APPROVING, received, entered, parts=parts)
    for n, group in enumerate(LEVELS, start=1):
        task = an_approval(request.id, n, group)
        asked = say.event(EventKind.ASKED, task=task.id)
        yield say.change(CaseState.APPROVING, asked, opened=(task,), waiting_for=(group,))
        if n == 1:
            own = {} if request.id == CASE else {"id": sha256(request.id)}
            put = say.event(EventKind.ATTACHED, "clerk", **{**ATTACHED, **own})
            yield say.change(CaseState.APPROVING, put, waiting_for=(group,))
        said: dict[str, Json] = {"task": task.id, "level": n, "name": group, "group": group}
        decided = say.event(EventKind.DECIDED, group, **said, answer="approve", digest=DIGEST, comment="同意")
        closed = TaskClosing(task.id, "approve", group, decided.at)
        yield say.change(CaseState.APPROVING, decided, closed=(closed,))
        if n == 1:
            void = say.event(EventKind.DECISIONS_VOID, levels=[1])
            yield say.change(CaseState.APPROVING, void)
    for n in range(6):
        step = say.event(EventKind.STEP_DONE, n=n, module="gl", period="2025-05")
        proven = say.event(EventKind.PROVEN, moment=f"step {n}", root=sha256(n))
        proof: Json = {"root": sha256(n), "leaves": [{"module": "gl", "digest": sha256(str(n))}]}
        yield say.change(CaseState.UNCLOSING, step, proven, parts={f"proof_{n}": proof})
    ended = say.event(EventKind.STATE_CHANGED, **{"from": "archiving", "to": "completed"})
    yield say.change(CaseState.COMPLETED, ended, parts={"clocks": _clocks(36_000, 72_000)})


def _clocks(a: int | None, b: int | None) -> Json:
    return {"a_ms": a, "b_ms": b}


async def tell_a_finished_case(register: SqlRegister, case: str = CASE) -> UncloseRequest:
    request = a_request(id=case, accepted_at=NOON)
    await register.receive(request)
    for change in the_tale(request):
        await register.record(change)
    return request


# --------------------------------------------------------------------------- somebody behind its back


def flipped(value: object, chance: random.Random) -> object:
    """The same with one byte, digit or bit otherwise, and another meaning."""
    if value is None:
        return "x"
    if isinstance(value, int) and value in (0, 1):
        return 1 - value
    if isinstance(value, int):
        return value ^ (1 << chance.randrange(8))
    if isinstance(value, str):
        if not value:
            return "x"
        data = bytearray(value.encode())
        # What stands between the numbers of a time says nothing, and is read whatever it is.
        is_time = re.match(r"\d{4}-\d\d-\d\d ", value) is not None
        at = chance.choice([n for n, sign in enumerate(data) if not is_time or chr(sign).isdigit()])
        data[at] ^= 1 << chance.randrange(1 if is_time else 7)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return bytes(data)
    raise AssertionError(f"no such value is kept: {json.dumps(value)}")


def disarm(connection: Connection) -> None:
    """What an administrator of the database can do: take away every trigger."""
    names = (
        connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
    )
    for name in names:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
