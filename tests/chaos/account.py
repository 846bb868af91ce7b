"""What a whole case leaves behind, said so that two cases that went alike have left the same."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from activities.demo_erp import tables as erp
from activities.demo_erp.isolation import read_holding
from activities.demo_erp.journal import changes_since, entries
from activities.demo_erp.ledger import DemoLedger
from activities.erp.demo import DemoConnector, DemoOptions
from activities.proof import prove_ledger
from service.database import Database
from service.register import read_events, read_lease, read_parts
from service.tables import case_waits, cases, decisions, task_holders, tasks
from workflows.domain.case import CaseEvent, EventKind
from workflows.domain.digest import Json, sha256, to_json
from workflows.domain.request import CaseState

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)")
_OF_THIS_CASE_ALONE = {"request_digest", "sha256", "bytes", "milliseconds", "restore_milliseconds", "ended"}
"""What no two cases have in common, besides times and their own names: digests of what these stand in.

`ended` is among them: an isolation that is done again finds nobody left to send out.
"""
_PARTS_OF_THIS_CASE_ALONE = {"clocks", "evidence"}


@dataclass(frozen=True)
class Told:
    """The events of a case as they stand on record, the chain unbroken and the numbers without holes."""

    events: tuple[CaseEvent, ...]

    def require_whole(self, case: str) -> None:
        head = sha256(case)
        for number, event in enumerate(self.events, start=1):
            assert event.seq == number, f"event {number} is missing"
            assert event.digest_of_previous == head, f"event {number} does not follow the one before it"
            head = event.digest

    @property
    def in_force(self) -> tuple[CaseEvent, ...]:
        """Without what a dead worker alone has told: from there on the case goes on after `resumed`."""
        told: list[CaseEvent] = []
        for event in self.events:
            if event.kind != EventKind.RESUMED:
                told.append(event)
                continue
            first = event.data["told_otherwise_from"]
            assert isinstance(first, int)
            assert first < event.seq
            told = [before for before in told if before.seq < first]
        return tuple(told)


async def account_of(case: str, register: Database, ledger: Path, evidence: Path) -> dict[str, Json]:
    """Everything by which two cases are compared. Fails where a case is not sound in itself."""
    told = Told(await register.read(lambda db: read_events(db, case)))
    told.require_whole(case)
    code = ledger.stem
    known = await register.read(lambda db: _in_register(db, case, code))
    if known["case"]["state"] == CaseState.COMPLETED:
        _require_sealed(told, evidence / f"{case}.json", known["parts"])
    facts: dict[str, object] = {
        "events": [_said(event) for event in told.in_force],
        "states": [e.data["to"] for e in told.in_force if e.kind == EventKind.STATE_CHANGED],
        **known,
        "parts": {k: v for k, v in known["parts"].items() if k not in _PARTS_OF_THIS_CASE_ALONE},
        "ledger": _in_ledger(ledger, case),
        "proof root": (await prove_ledger(DemoConnector(DemoOptions(str(ledger), read_only=True)))).root,
    }
    plain = to_json(facts)
    assert isinstance(plain, dict)
    return {name: _without_names(value, {case: "<case>", code: "<ledger>"}) for name, value in plain.items()}


def difference(expected: Mapping[str, Json], found: Mapping[str, Json]) -> str:
    """Where two accounts first differ, fact by fact; empty if they are the same."""
    return "; ".join(
        _first_difference(name, expected.get(name), found.get(name))
        for name in expected
        if expected[name] != found.get(name)
    )


def _first_difference(where: str, expected: Json, found: Json) -> str:
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = sorted({*expected, *found}, key=str)
        key = next(key for key in keys if expected.get(key) != found.get(key))
        return _first_difference(f"{where}.{key}", expected.get(key), found.get(key))
    if isinstance(expected, list) and isinstance(found, list):
        pairs = enumerate(zip(expected, found, strict=False))
        unlike = next((n for n, (one, other) in pairs if one != other), None)
        if unlike is None:
            return f"{where} has {len(found)} entries instead of {len(expected)}"
        return _first_difference(f"{where}[{unlike}]", expected[unlike], found[unlike])
    return f"{where} is {found!r} instead of {expected!r}"


def _said(event: CaseEvent) -> dict[str, object]:
    return {"kind": event.kind, "actor": event.actor, "for": event.on_behalf_of, "data": event.data}


def _in_register(db: Connection, case: str, ledger: str) -> dict[str, Any]:  # Any: JSON of many shapes
    c, t, h, d = cases.c, tasks.c, task_holders.c, decisions.c
    of_task = (
        t.id,
        t.kind,
        t.name,
        t.groups,
        t.persons,
        t.actions,
        t.digest,
        t.state,
        t.outcome,
        t.closed_by,
    )
    of_decision = (d.kind, d.task, d.level, d.name, d.person, d.on_behalf_of, d.group, d.answer, d.digest)
    head = db.execute(select(c.state, c.waiting_for, c.digest, c.risk).where(c.id == case)).one()
    holders = select(h.task_id, h.holder, h.state).join(tasks, t.id == h.task_id).where(t.case_id == case)
    counting = select(*of_decision).where(d.case_id == case, d.void.is_(False)).order_by(d.seq)
    lease = read_lease(db, ledger)
    return {
        "case": dict(head._mapping),
        "waits": list(db.scalars(select(case_waits.c.who).where(case_waits.c.case_id == case))),
        "tasks": _rows(db.execute(select(*of_task).where(t.case_id == case).order_by(t.id)).all()),
        "holders": _rows(db.execute(holders.order_by(h.task_id, h.holder)).all()),
        "decisions": _rows(db.execute(counting).all()),
        "lease": {"holder": lease.holder, "fence": lease.fence},
        "parts": read_parts(db, case),
    }


def _rows(found: Sequence[Any]) -> list[list[Any]]:  # Any: rows of several shapes
    return [list(row) for row in found]


def _in_ledger(place: Path, case: str) -> dict[str, object]:
    with DemoLedger(str(place)) as ledger, ledger.reading() as db:
        acts = entries(db, f"{case}/")
        assert len({act.key for act in acts}) == len(acts)
        pointers = select(erp.module_state.c.module, erp.module_state.c.current, erp.module_state.c.moves)
        until = select(erp.entitlement.c.person).where(erp.entitlement.c.until.is_not(None))
        return {
            "acts": [[act.key, act.act, act.fence, act.person] for act in acts],
            "pointers": _rows(db.execute(pointers.order_by("module")).all()),
            "changes": [to_json(change) for change in changes_since(db, ledger.book, "0")],
            "holding": read_holding(db),
            "rights for a time": list(db.scalars(until)),
            "still there": list(db.scalars(select(erp.session.c.person))),
        }


def _require_sealed(told: Told, file: Path, parts: Mapping[str, Any]) -> None:
    """The evidence is what the record says was sealed."""
    sealed = hashlib.sha256(file.read_bytes()).hexdigest()
    assert [event.data["sha256"] for event in told.in_force if event.kind == EventKind.SEALED] == [sealed]
    assert parts["evidence"]["sha256"] == sealed


def _without_names(value: Json, names: Mapping[str, str]) -> Json:
    """The same with every time and every name of this one case blotted out."""
    if isinstance(value, dict):
        return {
            _plain(key, names): _without_names(part, names)
            for key, part in value.items()
            if key not in _OF_THIS_CASE_ALONE
        }
    if isinstance(value, list):
        return [_without_names(part, names) for part in value]
    return _plain(value, names) if isinstance(value, str) else value


def _plain(text: str, names: Mapping[str, str]) -> str:
    for name, blot in names.items():
        text = text.replace(name, blot)
    return _TIME.sub("<time>", text)
