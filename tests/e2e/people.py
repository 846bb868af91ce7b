"""People over HTTP: ask, approve, authorise, correct, finish, wait. Knows the contract and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import uuid4

import httpx

from tests.e2e.tree import eventually

Json: TypeAlias = dict[str, Any]  # Any: JSON as the API sends it

API = "/api/v1"
ERP = f"{API}/demo-erp/demo"
APPROVERS = ("warehouse", "finance", "it", "finance-head")
"""The default chain where more than one period is opened."""
AUTHORISERS = ("erp-admin", "finance-head")
FINAL = ("completed", "checks_failed", "rejected", "withdrawn", "expired", "rolled_back")

EXAMPLE: Json = {
    "ledger": "demo",
    "target_period": "2025-03",
    "modules": ["inventory"],
    "reason_code": "stocktake_omission",
    "reason": "三月盘点遗漏 B 仓两个货位",
    "scope": [{"document": "IN-2025-03-0007", "intent": "correct", "note": "数量少录 20"}],
    "correctors": ["clerk"],
    "window_hours": 24,
    "expedited": False,
    "vendor_ticket": None,
    "acknowledgement": None,
    "external_ref": None,
}


@contextmanager
def people_at(url: str) -> Iterator["People"]:
    with httpx.Client(base_url=url, timeout=30) as http:
        yield People(http)


@dataclass(frozen=True)
class People:
    """Everyone who works with one running Unclose. Calls are repeated while it is being started again."""

    http: httpx.Client

    def get(self, who: str, path: str, **query: str) -> Json:
        return dict(self._ok(self._call("GET", who, path, params=query)).json())

    def post(self, who: str, path: str, body: Json, key: str | None = None) -> httpx.Response:
        """The answer, whatever it is. The key makes a call that had to be repeated the same call."""
        return self._call("POST", who, path, json=body, headers={"Idempotency-Key": key or uuid4().hex})

    def request(self, **changes: object) -> str:
        """The example of the contract, with changes; the number of the case."""
        return str(self._ok(self.post("clerk", f"{API}/requests", EXAMPLE | changes)).json()["id"])

    def case(self, case: str) -> Json:
        return self.get("clerk", f"{API}/requests/{case}")

    def timeline(self, case: str) -> list[Json]:
        return list(self.get("clerk", f"{API}/requests/{case}/timeline")["items"])

    def evidence(self, case: str) -> Json:
        return self.get("auditor", f"{API}/requests/{case}/evidence.json")

    def file(self, who: str, path: str) -> bytes:
        return self._ok(self._call("GET", who, path)).content

    def attach(self, who: str, case: str, name: str, content: bytes) -> None:
        self._ok(
            self._call(
                "POST",
                who,
                f"{API}/requests/{case}/attachments",
                params={"name": name},
                content=content,
                headers={"Idempotency-Key": uuid4().hex},
            )
        )

    def pointers(self) -> dict[str, str]:
        state = self.get("clerk", f"{API}/ledgers/demo/close-state")
        return {module["module"]: module["current"] for module in state["modules"]}

    def task(self, who: str, case: str, kind: str) -> Json:
        """The task that waits for this person; fails as soon as none can come any more."""

        def look() -> Json | None:
            found = self.get(who, f"{API}/tasks", request=case, kind=kind, state="open", mine="true")
            if not found["items"]:
                state = self.case(case)["state"]
                assert state not in (*FINAL, "attention"), f"{case} is {state}: {self.timeline(case)[-1]}"
            return dict(found["items"][0]) if found["items"] else None

        return eventually(look, f"a {kind} task for {who}")

    def act(self, who: str, case: str, kind: str, action: str) -> Json:
        task = self.task(who, case, kind)
        body = {"action": action, "digest": task["digest"], "comment": "同意"}
        path = f"{API}/tasks/{task['id']}/actions"
        return dict(self._ok(self.post(who, path, body)).json())

    def approve_all(self, case: str) -> None:
        for who in APPROVERS:
            self.act(who, case, "approval", "approve")

    def authorise(self, case: str) -> None:
        for who in AUTHORISERS:
            self.act(who, case, "authorisation", "authorise")

    def correct(self, document: str, more: int, who: str = "clerk") -> None:
        """Put more on a document's first line, as a user of the ERP."""
        line = self.get(who, f"{ERP}/documents/{document}")["lines"][0]
        self._ok(self.post(who, f"{ERP}/login", {"doing": "更正"}))
        change = {"line": line["n"], "qty": str(Decimal(line["qty"]) + more), "note": "更正"}
        self._ok(self.post(who, f"{ERP}/documents/{document}/change-line", change))
        self._ok(self.post(who, f"{ERP}/logout", {}))

    def finish(self, case: str, who: str = "clerk") -> None:
        self._ok(self.post(who, f"{API}/requests/{case}/corrections/finish", {"comment": "更正完毕"}))

    def run(self, schedule: str) -> Json:
        """Have periodic work done now; what came of it."""
        path = f"{API}/schedules/{schedule}"
        before = self.get("operator", path)["last"]
        self._ok(self.post("operator", f"{path}/trigger", {}))

        def look() -> Json | None:
            last = self.get("operator", path)["last"]
            return dict(last) if last != before else None

        return eventually(look, f"{schedule} has run")

    def wait_for(self, case: str, *states: str, seconds: float = 60.0) -> str:
        """Wait for one of these states; fails as soon as the case has ended in another."""

        def look() -> str | None:
            state = str(self.case(case)["state"])
            if state in states:
                return state
            assert state not in (*FINAL, "attention"), f"{case} is {state}: {self.timeline(case)[-1]}"
            return None

        return eventually(look, f"{case} is {' or '.join(states)}", seconds)

    def _call(self, method: str, who: str, path: str, **how: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer demo-{who}", **how.pop("headers", {})}

        def attempt() -> httpx.Response | None:
            try:
                answer = self.http.request(method, path, headers=headers, **how)
            except httpx.TransportError:
                return None
            return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer

        return eventually(attempt, f"{method} {path} is answered", 60)

    @staticmethod
    def _ok(answer: httpx.Response) -> httpx.Response:
        assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.text}"
        return answer
