"""Case files to make reports of: as long, as odd and as empty as they come."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.recording import CaseFile
from workflows.domain.case import SYSTEM, CaseEvent, EventKind
from workflows.domain.digest import sha256
from workflows.domain.ledger import Module
from workflows.domain.period import Period
from workflows.domain.request import CaseState, Intent, ReasonCode, ScopeItem, UncloseRequest

CASE = "UC-2025-000007"
BEGAN = datetime(2025, 6, 13, 1, 0, tzinfo=UTC)
DIGEST, ROOT, OTHER_ROOT = "d" * 64, "a" * 64, "b" * 64
MODULES = ("gl", "cost", "inventory")

LONG_NAME = "欧阳上官司马诸葛慕容端木东方皇甫尉迟公羊澹台公冶宗政濮阳淳于单于太叔申屠公孙仲孙轩辕令狐"
UNBROKEN = "IN" + "0123456789ABCDEF" * 12
RARE = "䶮𠮷\U0001f600\u202egro.elpmaxe"


class Teller:
    """Tells the events of a case, a minute apart."""

    def __init__(self, request: UncloseRequest) -> None:
        self._at, self._head = request.accepted_at, sha256(request.id)
        self.events: list[CaseEvent] = []

    def tell(
        self, kind: EventKind, actor: str = SYSTEM.person, behalf: str | None = None, **data: Any
    ) -> None:
        self._at += timedelta(minutes=1)
        event = CaseEvent(len(self.events) + 1, self._at, actor, behalf, kind, data, self._head)
        self._head = event.digest
        self.events.append(event)

    def enter(self, *states: CaseState, **data: Any) -> None:
        for state in states:
            self.tell(EventKind.STATE_CHANGED, **{"from": self._state, "to": state, **data})

    @property
    def _state(self) -> str:
        moves = [event for event in self.events if event.kind == EventKind.STATE_CHANGED]
        return str(moves[-1].data["to"]) if moves else CaseState.RECEIVED


def a_request(**changes: Any) -> UncloseRequest:
    plain = UncloseRequest(
        id=CASE,
        ledger="demo",
        target_period=Period(2025, 3),
        modules=(Module.INVENTORY,),
        reason_code=ReasonCode.STOCKTAKE_OMISSION,
        reason="三月盘点遗漏 B 仓两个货位",
        applicant="clerk",
        accepted_at=BEGAN,
        scope=(ScopeItem("IN-2025-03-0007", Intent.CORRECT, "数量少录 20"),),
        correctors=("clerk",),
    )
    return replace(plain, **changes)


def completed(steps: int = 9, documents: int = 2, person: str = "warehouse", text: str = "同意") -> CaseFile:
    """A case that went well, with as many steps and changed documents as wished."""
    request = a_request()
    told = Teller(request)
    planned = list(_steps(steps))
    told.tell(EventKind.RECEIVED, request.applicant, request_digest=DIGEST)
    told.enter(CaseState.CHECKING)
    told.tell(EventKind.PLAN_MADE, digest=DIGEST, risk="medium", steps=steps, levels=["warehouse"])
    told.enter(CaseState.APPROVING)
    for level, who in enumerate((person, "finance"), 1):
        said: dict[str, Any] = {
            "task": f"{CASE}-approval-{level}",
            "level": level,
            "name": "finance" if level == 2 else "warehouse",
            "group": "warehouse",
        }
        told.tell(EventKind.DECIDED, who, "deputy" if level == 2 else None, answer="approve", comment=text,
                  digest=DIGEST, from_where="10.1.2.3", **said)  # fmt: skip
    told.enter(CaseState.PROTECTING)
    told.tell(EventKind.BACKED_UP, **_backup("A"))
    told.tell(EventKind.REHEARSED, backup=f"{CASE}-A", steps=2 * steps)
    told.enter(CaseState.AUTHORISING)
    for who, group in (("erp-admin", "erp_admin"), ("finance-head", "finance_head")):
        told.tell(
            EventKind.CONFIRMED,
            who,
            group=group,
            digest=DIGEST,
            comment=text,
            from_where="",
            task=f"{CASE}-authorisation-1",
        )
    told.enter(CaseState.ISOLATING)
    told.tell(EventKind.ISOLATED, ended=["wang"], fence=1)
    told.tell(EventKind.BACKED_UP, **_backup("B"))
    told.enter(CaseState.UNCLOSING)
    pointers = dict.fromkeys(MODULES, "2025-06")
    for step in planned:
        pointers = {**pointers, step["module"]: step["period"]}
        told.tell(EventKind.STEP_DONE, **step, key=f"{CASE}/unclose/{step['n']}", pointers=pointers)
    told.enter(CaseState.VERIFYING_OPEN)
    told.tell(EventKind.PROVEN, moment="verified_open", root=OTHER_ROOT, leaves=70)
    told.enter(CaseState.CORRECTING)
    told.tell(EventKind.WINDOW_OPENED, persons=["clerk"], until="2025-06-14T01:00:00+00:00")
    told.tell(EventKind.WINDOW_CLOSED, "clerk", because="finished", comment=text)
    told.enter(CaseState.RECLOSING, CaseState.VERIFYING_CLOSED)
    told.tell(EventKind.PROVEN, moment="verified_closed", root=ROOT, leaves=85)
    told.enter(CaseState.ARCHIVING)
    told.tell(EventKind.SEALED, path=f"evidence/{CASE}.json", sha256=OTHER_ROOT)
    told.enter(CaseState.COMPLETED)
    return CaseFile(request, tuple(told.events), (), _parts(planned, documents, person, text))


def ended_early(state: CaseState, because: str = "rejected by an approver") -> CaseFile:
    """A case that never opened anything."""
    request = a_request(scope=(), correctors=(), reason="无")
    told = Teller(request)
    told.tell(EventKind.RECEIVED, request.applicant, request_digest=DIGEST)
    told.enter(CaseState.CHECKING)
    if state != CaseState.CHECKS_FAILED:
        told.enter(CaseState.APPROVING)
        told.tell(EventKind.DECIDED, "warehouse", answer="return", comment="请补充盘点表", digest=DIGEST,
                  level=1, name="warehouse", group="warehouse", from_where="", to="applicant",
                  task=f"{CASE}-approval-1")  # fmt: skip
        told.tell(EventKind.DECISIONS_VOID, because="returned", signed=["warehouse"])
        told.enter(CaseState.RETURNED)
        told.tell(EventKind.RESUBMITTED, request.applicant, comment="已补充", changed=["reason"])
        told.enter(CaseState.CHECKING, CaseState.APPROVING)
        told.tell(EventKind.DECIDED, "warehouse", answer="reject", comment="不同意", digest=DIGEST,
                  level=1, name="warehouse", group="warehouse", from_where="",
                  task=f"{CASE}-approval-2")  # fmt: skip
    told.enter(state, because=because)
    return CaseFile(request, tuple(told.events), (), {})


def running() -> CaseFile:
    """A case that has not ended."""
    file = ended_early(CaseState.REJECTED)
    return replace(file, events=file.events[:-1])


# --------------------------------------------------------------------------- parts


def _steps(count: int) -> Iterator[dict[str, Any]]:
    for n in range(count):
        module, back = MODULES[n % len(MODULES)], n // len(MODULES) + 1
        months = 2025 * 12 + 6 - 1 - back
        period = f"{months // 12:04}-{months % 12 + 1:02}"
        yield {"n": n + 1, "verb": "unclose", "module": module, "period": period, "mode": "automatic",
               "why": "closes_after"}  # fmt: skip


def _backup(point: str) -> dict[str, Any]:
    return {
        "id": f"{CASE}-{point}",
        "point": point,
        "bytes": 209_682,
        "location": f"backups/demo/{CASE}-{point}/manifest.json",
        "restore_milliseconds": 600,
        "root": ROOT,
        "sha256": OTHER_ROOT,
        "taken_at": "2025-06-13T01:09:00+00:00",
    }


def _parts(planned: list[dict[str, Any]], documents: int, person: str, text: str) -> dict[str, Any]:
    leaves = [{"module": "cost", "period": "2025-03", "rows": 40, "digest": ROOT}] * 3
    pointers = dict.fromkeys(MODULES, "2025-06")
    movements = []
    for step in planned:
        pointers = {**pointers, step["module"]: step["period"]}
        movements.append({**{k: step[k] for k in ("verb", "module", "period")}, "pointers": pointers})
    demand = {"group": "warehouse", "need": 1, "persons": [person]}
    level = {"n": 1, "name": "warehouse", "mode": "any", "why": "always", "ways": [[demand]]}
    return {
        "digest": DIGEST,
        "risk": "medium",
        "policy_version": "default-2",
        "plan": {"target": "2025-03", "modules": ["inventory"], "steps": planned},
        "plan_reclose": {
            "target": "2025-03",
            "modules": [],
            "steps": [{**step, "verb": "reclose"} for step in planned[:1]],
        },
        "chain": [level],
        "findings": [_finding(text), _finding(text, "blast_radius", 1)],
        "rehearsal": {
            "backup": f"{CASE}-A",
            "steps": len(movements),
            "opened_root": OTHER_ROOT,
            "closed_root": ROOT,
            "restore_milliseconds": 487,
            "milliseconds": 2315,
            "movements": movements,
        },
        "proof_before": {"leaves": leaves, "root": ROOT},
        "proof_verified_open": {"leaves": leaves, "root": OTHER_ROOT},
        "proof_verified_closed": {"leaves": leaves, "root": ROOT},
        "moved": ["cost 2025-03"],
        "clocks": {
            "a_ms": 35_940_000,
            "a_human_ms": 35_000_000,
            "a_machine_ms": 940_000,
            "b_ms": 3_600_000,
            "b_human_ms": 3_000_000,
            "b_machine_ms": 600_000,
        },
        "changes": [_change(n, text if n < 3 else "") for n in range(documents)],
        "undeclared": [],
        "difference": _difference(documents),
        "evidence": {"path": f"evidence/{CASE}.json", "sha256": OTHER_ROOT},
    }


def _finding(text: str, code: str = "count_incomplete", count: int = 12) -> dict[str, Any]:
    facts = [["warehouse", "B"], ["item", "M-1401"], ["note", text]]
    rows = [{"what": f"PD-2025-03-B B-{n:02}", "facts": facts} for n in range(count)]
    return {
        "code": code,
        "count": count,
        "rows": rows,
        "module": "inventory",
        "period": "2025-03",
        "bound": True,
    }


def _change(n: int, text: str) -> dict[str, Any]:
    return {
        "action": "changed",
        "at": "2025-06-13T01:30:00+00:00",
        "document": f"IN-2025-03-{n:04}",
        "fields": [{"line": "1", "name": "qty", "before": "80.00", "after": "100.00"}],
        "module": "inventory",
        "period": "2025-03",
        "person": "clerk",
        "note": text,
        "reverses": "",
    }


def _difference(documents: int) -> dict[str, Any]:
    place = {"module": "inventory", "period": "2025-03", "rows": "balances"}
    fields = [{"line": f"{n:04}", "name": "qty", "before": "80.00", "after": "100.00"} for n in range(9)]
    return {
        "actions": {"added": 1, "changed": documents, "deleted": 0},
        "artefact": {"path": "evidence/x.jsonl", "sha256": ROOT, "lines": 14_000},
        "balances": {
            "more": 7,
            "places": [],
            "rows": [
                {
                    "place": place,
                    "change": "changed",
                    "key": [["warehouse", "B"], ["item", f"M-{n:04}"]],
                    "facts": [{"name": "close_qty", "before": "80.00", "after": "100.00"}],
                }
                for n in range(documents)
            ],
        },
        "documents": [
            {
                "action": "changed",
                "document": f"IN-2025-03-{n:04}",
                "entries": [],
                "fields": fields,
                "module": "inventory",
                "more_fields": 2,
                "period": "2025-03",
                "sort": "document",
            }
            for n in range(documents)
        ],
        "net": [{"module": "inventory", "period": "2025-03", "measure": "close_qty", "amount": "-20.00"}],
        "unlogged": [],
        "without_effect": [],
    }
