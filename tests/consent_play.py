"""A notation for scenes of consent: one line is one move of a person or the world, or what is then true.

    feng approves                        a move; after `✗` the error that refuses it
    feng approves ✗ NotYourTurn
    → asks finance: fang; state approving    what holds then, separated by semicolons

People are named after their groups: w… warehouse, f… finance, i… it, e… erp_admin, h… finance_head. The
clerk asks. What counts is written `level/person`, and `level/person(holder)` for a stand-in.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from service.policy_text import PolicyPart
from tests.scene import Play, Scene, eventually
from workflows.domain.approval import Group
from workflows.domain.case import (
    Act,
    Actor,
    CaseEvent,
    EventKind,
    Position,
    Reminder,
    Resubmission,
    Resume,
    Task,
    TaskAction,
    Withdrawal,
)
from workflows.domain.delegation import Delegation
from workflows.domain.digest import canonical
from workflows.domain.findings import Finding, FindingCode
from workflows.domain.policy import ApprovalPolicy
from workflows.domain.request import FINAL_STATES
from workflows.unclose import UncloseWorkflow

T = TypeVar("T")

CAST = (
    "applicant: clerk; warehouse: wang wen; finance: fang feng; it: ida ivo; erp_admin: eva; "
    "finance_head: hao; auditor: aimin; operator: olga; admin: root"
)
"""Who is in which group, unless a scenario says otherwise."""

POSITIONS = frozenset(map(str, Position))


@dataclass(frozen=True)
class Scenario:
    """One row of the table."""

    name: str
    """A sentence: what the row specifies."""
    policy: ApprovalPolicy
    story: str
    people: str = ""
    """Groups that are filled otherwise than in `CAST`."""
    wish: Mapping[str, object] = field(default_factory=dict)
    """Fields of the request that matter here."""


def level(name: str, groups: object = None, **more: object) -> dict[str, object]:
    """A level as a policy states it; its groups are its own name unless said otherwise."""
    return {"name": name, "groups": name if groups is None else groups, **more}


def policy(
    *levels: dict[str, object], version: str = "first", author: str | None = None, **more: object
) -> ApprovalPolicy:
    """A policy, read by the same rules as one that people write."""
    return PolicyPart.model_validate({"levels": list(levels), **more}).policy(version, author)


@dataclass(frozen=True)
class Consent:
    """One consent as the register keeps it."""

    where: str
    level: int | None
    person: str
    holder: str
    digest: str
    void: bool = False

    def __str__(self) -> str:
        stands_in = "" if self.holder == self.person else f"({self.holder})"
        return f"{self.where}/{self.person}{stands_in}"


def in_force(events: list[CaseEvent]) -> list[CaseEvent]:
    """Without what only a failed workflow task told: its callers have got no answer to it."""
    found: list[CaseEvent] = []
    for event in events:
        if event.kind == EventKind.RESUMED:
            first = int(str(event.data["told_otherwise_from"]))
            found = [earlier for earlier in found if earlier.seq < first]
        found.append(event)
    return found


def consents(events: list[CaseEvent]) -> list[Consent]:
    """Every consent of a case, void ones too, projected from its events."""
    found: list[Consent] = []
    for event in in_force(events):
        if event.kind == EventKind.DECIDED and event.data["answer"] == "approve":
            found.append(_consent(event, str(event.data["name"]), int(str(event.data["level"]))))
        elif event.kind == EventKind.CONFIRMED:
            found.append(_consent(event, "authorisation", None))
        elif event.kind == EventKind.CONFIRMATION_LAPSED:
            gone = _named(event, "persons")
            found = [replace(c, void=c.void or (c.level is None and c.person in gone)) for c in found]
        elif event.kind == EventKind.DECISIONS_VOID:
            levels = _named(event, "levels") if "levels" in event.data else None
            found = [replace(c, void=c.void or levels is None or c.level in levels) for c in found]
    return found


def _named(event: CaseEvent, field: str) -> list[object]:
    names = event.data[field]
    assert isinstance(names, list)
    return names


def _consent(event: CaseEvent, where: str, level: int | None) -> Consent:
    holder = event.on_behalf_of or event.actor
    return Consent(where, level, event.actor, holder, str(event.data["digest"]))


def filled(people: str) -> dict[Group, tuple[str, ...]]:
    """`finance: fang feng; it: ida` as groups."""
    parts = (part.partition(":") for part in people.split(";") if part.strip())
    return {Group(group.strip()): tuple(names.split()) for group, _, names in parts}


def prepare(scenario: Scenario, scene: Scene) -> None:
    """The world before the clerk asks."""
    scene.policies.policy = scenario.policy
    scene.directory.groups = {**filled(CAST), **filled(scenario.people)}
    scene.directory.others = {"clerk", "robot"}


class Stage:
    """One scenario on stage: knows every line of the notation."""

    def __init__(self, scenario: Scenario, scene: Scene, play: Play) -> None:
        self.scenario, self.scene, self.play = scenario, scene, play
        self.first_digest: str | None = None
        self.mark = 0
        """Number of events when the latest move began: what was told since is its consequence."""

    async def perform(self) -> None:
        """Play every line, then look at what must hold after any story."""
        for number, line in enumerate(self.scenario.story.strip().splitlines(), start=1):
            try:
                await self.line(line.strip())
            except AssertionError as failure:
                raise AssertionError(f"line {number}: {line.strip()}\n{failure}") from failure
        self.require_what_always_holds()

    async def line(self, line: str) -> None:
        if line.startswith("→"):
            for statement in line.removeprefix("→").split(";"):
                await self.expect(statement.strip())
            return
        move, _, error = (part.strip() for part in line.partition("✗"))
        self.mark = len(self.events)
        before = consents(self.events)
        refused = await refusal(self.move(move))
        assert refused == error, f"refused as {refused or 'nothing'}"
        if error:
            assert consents(self.events) == before, "a refused act leaves no trace"

    # ------------------------------------------------------------------ what is seen

    @property
    def events(self) -> list[CaseEvent]:
        return self.scene.register.events.get(self.play.wish.id, [])

    @property
    def open_tasks(self) -> list[Task]:
        tasks, case = self.scene.register, self.play.wish.id
        is_open = tasks.tasks.get(case, {})
        return [task for task in tasks.shown.get(case, {}).values() if is_open[task.id] == "open"]

    def asked(self) -> dict[str, set[str]]:
        return {task.name: set(map(str, task.persons or task.groups)) for task in self.open_tasks}

    def told_since(self, kind: str, text: str) -> bool:
        since = (event for event in self.events[self.mark :] if event.kind == EventKind(kind))
        return any(text in canonical(event.data) for event in since)

    def listed(self, void: bool) -> list[str]:
        return sorted(str(c) for c in consents(self.events) if c.void == void)

    async def expect(self, statement: str) -> None:
        """Raises AssertionError if it does not come true."""
        if statement == "asks nobody":
            nobody: dict[str, set[str]] = {}
            await self.becomes(self.asked, nobody)
        elif found := re.fullmatch(r"asks (\w+): ([\w ]+)", statement):
            await self.becomes(self.asked, {found[1]: set(found[2].split())})
        elif found := re.fullmatch(r"waits for ([\w ]+)", statement):
            await self.becomes(self.waiting_for, [] if found[1] == "nobody" else found[1].split())
        elif found := re.fullmatch(r"tells ([\w ]+)", statement):
            await self.becomes(lambda: set(self.open_tasks[0].cc), set(found[1].split()))
        elif found := re.fullmatch(r"state (\w+)", statement):
            await self.becomes(lambda: str(self.play.register_state), found[1])
        elif found := re.fullmatch(r"(counts|void) (.+)", statement):
            names = [] if found[2] in ("nothing", "nobody") else sorted(found[2].split())
            void = found[1] == "void"
            await self.becomes(lambda: self.listed(void), names)
        elif found := re.fullmatch(r"(told|silent on) (\w+)(?: \((.+)\))?", statement):
            kind, text, expected = found[2], found[3] or "", found[1] == "told"
            await self.becomes(lambda: self.told_since(kind, text), expected)
        else:
            raise AssertionError(f"the notation has no {statement!r}")

    def waiting_for(self) -> list[str]:
        latest = self.scene.register.latest.get(self.play.wish.id)
        return list(map(str, latest.waiting_for)) if latest else []

    async def becomes(self, look: Callable[[], T], expected: T) -> None:
        def tale() -> str:
            return f"{look()}; {self.play.tale()}; asks {self.asked()}; counts {self.listed(False)}"

        await eventually(lambda: look() == expected, str(expected), tale)

    def require_what_always_holds(self) -> None:
        """Design §5: what binds, who is distinct, and that nothing is left open at an end."""
        assert [event.seq for event in self.events] == list(range(1, len(self.events) + 1))
        assert len(self.open_tasks) <= 1
        given = [c for c in consents(self.events) if not c.void]
        assert {c.digest for c in given} <= {self.play.digest}, "whatever counts names the digest in force"
        for one in given:
            others = {name for c in given if c.where != one.where for name in (c.person, c.holder)}
            if one.level is not None:
                apart = others - {c.person for c in given if c.level is None}
                assert not {one.person, one.holder} & apart, "distinct persons across levels"
            assert one.person not in {"clerk", *self.play.wish.correctors}, "nobody consents to their own"
        if self.play.register_state in FINAL_STATES:
            assert not self.open_tasks
            assert self.waiting_for() == []
            lease = self.scene.register.leases.get(self.play.wish.ledger)
            assert lease is None or lease.holder is None

    # ------------------------------------------------------------------ moves

    async def move(self, move: str) -> None:
        for pattern, make in _MOVES:
            if found := re.fullmatch(pattern, move):
                return await make(self, *found.groups())
        raise AssertionError(f"the notation has no {move!r}")

    async def act(self, who: str, verb: str, rest: str) -> None:
        rest, service_for = _without(r" on behalf of (\w+)", rest)
        rest, acting_for = _without(r" for (\w+)", rest)
        rest, seeing = _without(r" seeing (no|another|the old) digest", rest)
        rest, closed = _without(r" on the (closed) task", rest)
        task = await self._task(is_closed=closed is not None)
        self.first_digest = self.first_digest or self.play.digest
        digests = {"no": None, "another": "0" * 64, "the old": self.first_digest, None: self.play.digest}
        act = replace(
            _said(verb, rest.strip()),
            task=task.id,
            actor=replace(self._actor(who), on_behalf_of=service_for),
            digest=digests[seeing],
            acting_for=acting_for,
        )
        await self.play.handle.execute_update(UncloseWorkflow.act, act)

    def _actor(self, who: str) -> Actor:
        groups = self.scene.directory.groups
        return Actor(who, tuple(g for g, members in groups.items() if who in members), origin="10.0.0.7")

    async def _task(self, is_closed: bool) -> Task:
        case = self.play.wish.id
        if is_closed:
            states = self.scene.register.tasks[case]
            shown = self.scene.register.shown[case].values()
            return [task for task in shown if states[task.id] != "open"][-1]
        await eventually(lambda: len(self.open_tasks) == 1, "one task to be open", self.play.tale)
        return self.open_tasks[0]

    async def withdraw(self, who: str) -> None:
        await self.play.handle.execute_update(UncloseWorkflow.withdraw, Withdrawal(self._actor(who)))

    async def remind(self, who: str) -> None:
        await self.play.handle.execute_update(UncloseWorkflow.remind, Reminder(self._actor(who)))

    async def resubmit(self, who: str, otherwise: str | None) -> None:
        changes = {"reason": "四月也有遗漏", "applicant": "wang", "ledger": "else", "expedited": True}
        wish = replace(self.play.wish, **changes) if otherwise else None  # type: ignore[arg-type]  # mixed kinds
        said = Resubmission(self._actor(who), "已处理", wish)
        await self.play.handle.execute_update(UncloseWorkflow.resubmit, said)

    async def wait(self, number: str, unit: str) -> None:
        passes = timedelta(minutes=int(number)) if unit == "minute" else timedelta(hours=int(number))
        await self.scene.environment.fast_forward(self.play.handle, passes)

    async def find(self, what: str) -> None:
        code = {"warning": FindingCode.COUNT_INCOMPLETE, "blocker": FindingCode.DOCUMENT_FROZEN}[what]
        self.scene.ledger.noticed = (*self.scene.ledger.noticed, Finding(code))

    async def clear(self) -> None:
        self.scene.ledger.noticed = ()

    async def change_policy(self, version: str) -> None:
        self.scene.policies.policy = replace(self.scene.policies.policy, version=version)

    async def delegate(self, delegate: str, principal: str, elsewhere: str | None) -> None:
        now, day = datetime.now(UTC), timedelta(days=1)
        ledger = "another" if elsewhere else None
        given = Delegation(f"{principal}-{delegate}", principal, delegate, now - day, now + day, ledger)
        self.scene.directory.delegations.append(given)

    async def end_delegation(self, delegate: str, principal: str) -> None:
        now = datetime.now(UTC)
        self.scene.directory.delegations = [
            replace(d, ends=now) if (d.delegate, d.principal) == (delegate, principal) else d
            for d in self.scene.directory.delegations
        ]

    async def change_group(self, who: str, verb: str, group: str) -> None:
        groups = self.scene.directory.groups
        others = tuple(person for person in groups[Group(group)] if person != who)
        groups[Group(group)] = (*others, who) if verb == "joins" else others


_MOVES: tuple[tuple[str, Callable[..., Awaitable[None]]], ...] = (
    (r"(\w+) stands in for (\w+)( on another ledger)?", Stage.delegate),
    (r"(\w+) stands in for (\w+) no more", Stage.end_delegation),
    (r"(\w+) (joins|leaves) (\w+)", Stage.change_group),
    (r"(\w+) withdraws", Stage.withdraw),
    (r"(\w+) reminds", Stage.remind),
    (r"(\w+) resubmits( something else)?", Stage.resubmit),
    (r"(\d+) (hour|minute)s? pass", Stage.wait),
    (r"a (warning|blocker) appears", Stage.find),
    (r"the findings are put right", Stage.clear),
    (r"the policy becomes (\w+)", Stage.change_policy),
    (r"(\w+) (approves|rejects|authorises|comments|returns|transfers|adds)(.*)", Stage.act),
)


def _said(verb: str, rest: str) -> Act:
    """What a person says, as far as the words go. Raises AssertionError for words that mean nothing."""
    plain = {"approves": TaskAction.APPROVE, "rejects": TaskAction.REJECT, "authorises": TaskAction.AUTHORISE}
    if verb in plain:
        assert not rest, f"the notation has no {rest!r}"
        return Act("", Actor(""), plain[verb])
    if verb == "comments":
        return Act("", Actor(""), TaskAction.COMMENT, comment="" if rest == "nothing" else "数量再核对一下")
    if verb == "transfers":
        return Act("", Actor(""), TaskAction.TRANSFER, to=rest.removeprefix("to ") or None)
    if verb == "returns":
        to, _, resume = rest.removeprefix("to ").partition(", ")
        return Act("", Actor(""), TaskAction.RETURN, to=to or None, resume=Resume(resume) if resume else None)
    words = rest.replace(" and ", " ").split()
    position = next((Position(word) for word in words if word in POSITIONS), None)
    return Act(
        "",
        Actor(""),
        TaskAction.ADD_SIGN,
        persons=tuple(w for w in words if w not in POSITIONS),
        position=position,
    )


def _without(pattern: str, text: str) -> tuple[str, str | None]:
    found = re.search(pattern, text)
    return (text, None) if found is None else (text.replace(found[0], ""), found[1])


async def refusal(move: Awaitable[None]) -> str:
    """The name of the domain error that refused a move, or nothing."""
    try:
        await move
    except WorkflowUpdateFailedError as failure:
        return str(failure.cause.type) if isinstance(failure.cause, ApplicationError) else repr(failure.cause)
    return ""
