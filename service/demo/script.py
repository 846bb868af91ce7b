"""The script of `unclose demo`: one whole case, played by everybody it takes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx

from service.demo.people import API, Json, Person
from service.demo.screen import OVER, Event, Screen
from service.reports.sealed import object_name
from service.texts import Language
from workflows.domain.case import EventKind, TaskAction, TaskKind
from workflows.domain.request import CaseState

LEDGER = "demo"
STORE = "store"
"""Folder of the object store under the data directory, as settings have it unless told otherwise."""
DOCUMENT = "IN-2025-03-0007"
TARGET = "2025-03"
_MISSED = 20

REQUEST: Json = {
    "ledger": LEDGER,
    "target_period": TARGET,
    "modules": ["inventory"],
    "reason_code": "stocktake_omission",
    "reason": "三月盘点遗漏 B 仓两个货位",
    "scope": [{"document": DOCUMENT, "intent": "correct", "note": f"数量少录 {_MISSED}"}],
    "correctors": ["clerk"],
    "window_hours": 24,
    "expedited": False,
    "vendor_ticket": None,
    "acknowledgement": None,
    "external_ref": None,
}
"""The example of the contract, as it stands there."""


class NotCompleted(Exception):
    """The case did not run to its good end; the text says where it stopped."""


@dataclass(frozen=True)
class Played:
    """What remains of the case."""

    case: Json
    evidence: Json
    """The sealed package, as the API gives it out."""
    sealed_in: str
    """Its path under the data directory."""
    reports: tuple[str, ...]
    """The same of the reports, one in each language."""

    @property
    def clocks(self) -> tuple[str, str]:
        """Clock A and clock B, each with its share of people and machine."""
        clocks = self.evidence["parts"]["clocks"]
        return (
            _clock("A  accepted → verified open       ", clocks, "a"),
            _clock("B  verified open → verified closed", clocks, "b"),
        )


def _clock(name: str, clocks: Json, letter: str) -> str:
    total, human, machine = (clocks[f"{letter}_{part}ms"] / 1000 for part in ("", "human_", "machine_"))
    return f"clock {name}  {total:6.2f} s  (people {human:.2f} s, machine {machine:.2f} s)"


Part: TypeAlias = Callable[[str], Coroutine[Any, Any, None]]  # Any: what coroutines pass in between
"""What somebody does with a case."""


Ask: TypeAlias = Callable[[Person], Awaitable[Json]]
"""How the clerk asks: the case as the API gives it out."""


class Cast:
    """The people of the demo and what each does when the case needs them."""

    def __init__(self, http: httpx.AsyncClient, screen: Screen) -> None:
        self.http, self.screen = http, screen
        self.clerk = Person(http, "clerk")
        self.sealed_in = ""
        self._parts: Mapping[str, Part] = {
            CaseState.APPROVING: self._approve,
            CaseState.AUTHORISING: self._authorise,
            CaseState.CORRECTING: self._correct,
        }

    async def play(self, pointers: Mapping[str, str], ask: Ask | None = None) -> Played:
        """Ask, agree, release, correct, finish. `pointers` are the current periods before.

        `ask` is another way to ask than by the API.

        Raises:
            NotCompleted, Answered, TimeoutError: something went otherwise.
        """
        self.screen.starts_from(pointers)
        accepted = await (ask(self.clerk) if ask else self.clerk.post(f"{API}/requests", REQUEST))
        case = str(accepted["id"])
        self.screen.received(accepted)
        try:
            await self._follow(case)
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        evidence = await self.clerk.get(f"{API}/requests/{case}/evidence.json")
        reports = [await self._report(case, language) for language in (Language.ZH, Language.EN)]
        read = await self.clerk.get(f"{API}/requests/{case}")
        return Played(read, evidence, self.sealed_in, tuple(reports))

    async def _report(self, case: str, language: Language) -> str:
        self.screen.doing(f"setting the report of {case}")
        sha256 = await self.clerk.download(f"{API}/requests/{case}/report.pdf", lang=language)
        return f"{STORE}/{object_name(case, language, sha256)}"

    async def _follow(self, case: str) -> None:
        """Show every event, and let each person act when the case comes to their part."""
        async with asyncio.TaskGroup() as busy:
            async for event in self.clerk.follow(case):
                self.screen.show(event)
                if event["kind"] == EventKind.SEALED:
                    self.sealed_in = str(event["data"]["path"])
                state = _entered(event)
                if part := self._parts.get(state):
                    busy.create_task(part(case))
                if state in OVER and state != CaseState.COMPLETED:
                    raise NotCompleted(f"{case} ended in {state}: {event['data'].get('because', '')}")

    async def pointers(self) -> Mapping[str, str]:
        """The current period of every module."""
        state = await self.clerk.get(f"{API}/ledgers/{LEDGER}/close-state")
        return {module["module"]: module["current"] for module in state["modules"]}

    async def _approve(self, case: str) -> None:
        chain = (await self.clerk.get(f"{API}/requests/{case}/plan"))["chain"]
        for name in (level["persons"][0] for level in chain):
            self.screen.doing(f"{case} waits for {name}")
            await Person(self.http, name).act(case, TaskKind.APPROVAL, TaskAction.APPROVE, "同意")

    async def _authorise(self, case: str) -> None:
        for name in ("erp-admin", "finance-head"):
            self.screen.doing(f"{case} waits for {name}")
            await Person(self.http, name).act(case, TaskKind.AUTHORISATION, TaskAction.AUTHORISE, "联合授权")

    async def _correct(self, case: str) -> None:
        before, after = await self.clerk.add_quantity(DOCUMENT, _MISSED)
        self.screen.corrected(DOCUMENT, before, after)
        await self.clerk.post(f"{API}/requests/{case}/corrections/finish", {"comment": "更正完毕"})


def _entered(event: Event) -> str:
    """The state that the event tells the case has come to, if it tells one."""
    return str(event["data"]["to"]) if event["kind"] == EventKind.STATE_CHANGED else ""


@asynccontextmanager
async def cast(url: str, screen: Screen) -> AsyncIterator[Cast]:
    """Everybody, at this address."""
    async with httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(20.0)) as http:
        yield Cast(http, screen)
