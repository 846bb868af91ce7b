"""Fakes for workflow tests: a ledger, a register and a directory that live in memory, one fake per port."""

import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

from activities.backup.catalogue import BY_SCHEDULE, BackupAct, BackupEvent
from activities.erp.connector import (
    BalanceRow,
    Change,
    HeldRight,
    Hold,
    Invariants,
    JournalEntry,
    Scratch,
    Session,
    Warned,
)
from activities.recording import CaseFile
from workflows.domain.approval import Group
from workflows.domain.backups import Backup, BackupState
from workflows.domain.canonical import RowLayout, Rows
from workflows.domain.case import CaseChange, CaseEvent, EventKind, Task
from workflows.domain.delegation import Delegation, principals_of
from workflows.domain.digest import Json
from workflows.domain.errors import (
    EventsDiverged,
    GuidedOnly,
    LedgerRefused,
    NotExclusive,
    OutOfOrder,
    PolicyUnreadable,
    SessionsRemain,
    StaleFence,
    UnknownBackup,
    UnknownLedger,
    UnknownRequest,
)
from workflows.domain.findings import Finding, FindingScope
from workflows.domain.ledger import Capabilities, CloseState, Module, ModuleGraph, ModuleState
from workflows.domain.period import FiscalCalendar, Period
from workflows.domain.plan import PlanStep, apply
from workflows.domain.policy import DEFAULT_POLICY, ApprovalPolicy
from workflows.domain.request import UncloseRequest
from workflows.domain.retention import Ties
from workflows.domain.working_time import ALWAYS
from workflows.steps import CORRECTION_RIGHT, Lease, LedgerProfile

GRAPH = ModuleGraph(
    (Module.INVENTORY, Module.COST, Module.GL),
    ((Module.INVENTORY, Module.COST), (Module.COST, Module.GL)),
)
CALENDAR = FiscalCalendar()
PEOPLE: dict[Group, tuple[str, ...]] = {
    Group.WAREHOUSE: ("warehouse",),
    Group.FINANCE: ("finance",),
    Group.IT: ("it",),
    Group.ERP_ADMIN: ("erp-admin",),
    Group.FINANCE_HEAD: ("finance-head",),
    Group.OPERATOR: ("operator",),
}


THREE_LEVELS = replace(DEFAULT_POLICY, version="three-1", levels=DEFAULT_POLICY.levels[:3])
"""Warehouse, finance, IT, whatever is asked for."""


class FakeLedger:
    """An ERP in memory that keeps its own order, and breaks where a test wants it to."""

    def __init__(self, name: str = "demo") -> None:
        self.name = name
        start, current = Period(2024, 1), Period(2025, 6)
        self.state = CloseState(tuple(ModuleState(m, start, current) for m in GRAPH.modules), "0")
        self.opening = self.state
        self.fence = 0
        self.is_exclusive = False
        self.restricted: tuple[str, ...] = ()
        self.entitled: set[str] = set()
        self.entitled_until: datetime | None = None
        self.grants_nothing = False
        """Rights are given without a word, and not there afterwards."""
        self.inside = [Session("1", "wang", datetime(2025, 6, 3, tzinfo=UTC))]
        self.acts: list[JournalEntry] = []
        self.changes: list[Change] = []
        self.noticed: tuple[Finding, ...] = ()
        self.corrections = 0
        self.before_act: Callable[[PlanStep], None] = lambda step: None
        self.after_act: Callable[[PlanStep], None] = lambda step: None
        self.after_read: Callable[[], None] = lambda: None
        self.in_the_data: Callable[[PlanStep], None] = lambda step: None
        """Goes wrong before an act, here and in every copy: what no check sees."""
        self.kept: dict[bytes, tuple[CloseState, int, set[Period]]] = {}
        """What was copied: close state, corrections and rewritten periods of that moment."""
        self.scratches: dict[str, FakeScratch] = {}
        self.able = Capabilities()
        self.tells_revisions = True
        self.rewritten: set[Period] = set()
        """Closed periods whose balances somebody has changed past the ERP."""
        self.without_balances: set[Period] = set()
        """Periods in which nothing was ever booked: closed or open, they show in no proof."""
        self.looks = 0
        """How often its close state was read."""
        self.stuck = False
        self.damaged_copies = False
        self.sound = True

    async def ping(self) -> str:
        return "fake ledger"

    async def capabilities(self) -> Capabilities:
        return self.able

    async def read_close_state(self) -> CloseState:
        self.looks += 1
        return self.state

    async def findings(self, scope: FindingScope) -> tuple[Finding, ...]:
        return self.noticed

    async def sessions(self) -> tuple[Session, ...]:
        return tuple(self.inside)

    async def warn_sessions(self, grace: timedelta, fence: int, reason: str) -> Warned:
        self._fenced(fence)
        return Warned(tuple(self.inside), datetime.now(UTC) + grace if self.inside else None)

    async def enter_exclusive(self, fence: int, reason: str) -> None:
        self._fenced(fence)
        if self.stuck:
            raise SessionsRemain(self.name, ("wang",))
        self.inside, self.is_exclusive, self.restricted = [], True, ()

    async def restrict_to(self, persons: tuple[str, ...], fence: int) -> None:
        self._fenced(fence)
        self.restricted = persons

    async def leave_exclusive(self, fence: int) -> None:
        self._fenced(fence)
        self.is_exclusive, self.restricted = False, ()

    async def rights(self, persons: tuple[str, ...]) -> tuple[HeldRight, ...]:
        until = datetime.now(UTC) + timedelta(hours=1)
        return tuple(HeldRight(who, CORRECTION_RIGHT, until) for who in persons if who in self.entitled)

    async def grant(self, persons: tuple[str, ...], right: str, until: datetime, fence: int) -> None:
        self._fenced(fence)
        if self.grants_nothing:
            self.entitled.clear()
            return
        self.entitled |= set(persons)
        self.entitled_until = until

    async def revoke(self, persons: tuple[str, ...], right: str, fence: int) -> None:
        self._fenced(fence)
        self.entitled -= set(persons)

    async def unclose(self, step: PlanStep, fence: int, key: str) -> None:
        later = GRAPH.closing_after((step.module,)) - {step.module}
        if any(self.state.of(m).current > step.period for m in later):
            raise OutOfOrder(step.verb, step.module, str(step.period), "a later module is closed")
        self._act(step, fence, key)

    async def close(self, step: PlanStep, fence: int, key: str) -> None:
        self._act(step, fence, key)

    def _act(self, step: PlanStep, fence: int, key: str) -> None:
        if any(act.key == key for act in self.acts):
            return
        self._fenced(fence)
        if not self.is_exclusive:
            raise NotExclusive(self.name, fence)
        self.in_the_data(step)
        if (step.module, step.verb) in self.able.guided:
            raise GuidedOnly(step.verb, step.module, self.name)
        self.before_act(step)
        self.state = apply(self.state, step, CALENDAR)
        revision = int(self.state.revision) + self.tells_revisions
        self.state = CloseState(self.state.modules, str(revision))
        self.acts.append(JournalEntry(key, str(step), fence, datetime.now(UTC)))
        self.after_act(step)

    def _fenced(self, fence: int) -> None:
        if fence < self.fence:
            raise StaleFence(fence, self.fence)
        self.fence = fence

    async def journal(self, key_prefix: str) -> tuple[JournalEntry, ...]:
        return tuple(act for act in self.acts if act.key.startswith(key_prefix))

    def layout(self, rows: Rows, module: Module) -> RowLayout:
        return RowLayout(("module", "period"), ("corrected",)) if rows == Rows.BALANCES else RowLayout((), ())

    @asynccontextmanager
    async def balances(
        self, module: Module, period: Period | None = None
    ) -> AsyncIterator[AsyncIterator[tuple[Period, list[BalanceRow]]]]:
        yield self._rows(module, period)

    @asynccontextmanager
    async def documents(
        self, module: Module, period: Period
    ) -> AsyncIterator[AsyncIterator[tuple[Period, list[BalanceRow]]]]:
        yield self._nothing()

    async def _nothing(self) -> AsyncIterator[tuple[Period, list[BalanceRow]]]:
        nothing: tuple[tuple[Period, list[BalanceRow]], ...] = ()
        for chunk in nothing:
            yield chunk

    async def _rows(
        self, module: Module, only: Period | None
    ) -> AsyncIterator[tuple[Period, list[BalanceRow]]]:
        state = self.state.of(module)
        for period in CALENDAR.span(state.start, CALENDAR.previous(state.current)):
            if only not in (None, period) or period in self.without_balances:
                continue
            corrected = self.corrections if period >= Period(2025, 3) else len({period} & self.rewritten)
            yield period, [(str(module), str(period), str(corrected))]

    async def mark(self) -> str:
        return str(len(self.changes))

    async def changes_since(self, mark: str) -> tuple[Change, ...]:
        return tuple(self.changes[int(mark) :])

    async def invariants(self) -> Invariants:
        value = Decimal("100.00")
        return Invariants(value, value if self.sound else value + 1, Decimal(0))

    def backup_source(self) -> "FakeLedger":
        return self

    engine = "fake"

    def size(self) -> int:
        return len(b"whole ledger 0")

    @contextmanager
    def reading(self, folder: Path) -> Iterator[BinaryIO]:
        whole = f"whole ledger {len(self.kept)}".encode()
        self.kept[whole] = (self.state, self.corrections, {*self.rewritten})
        yield io.BytesIO(whole)

    def scratch(self, folder: Path, name: str) -> "FakeScratch":
        return self.scratches.setdefault(name, FakeScratch(self, name))

    def put_in_place(self, scratch: Scratch, hold: Hold) -> str:
        self._fenced(hold.fence)
        if not self.is_exclusive or self.restricted:
            raise NotExclusive(self.name, hold.fence)
        assert isinstance(scratch, FakeScratch)
        self.state, self.corrections = scratch.copy.state, scratch.copy.corrections
        self.acts.append(JournalEntry(hold.key, f"restore {hold.reason}", hold.fence, datetime.now(UTC)))
        return f"replaced-{hold.fence}"

    async def aclose(self) -> None:
        return None

    def correct(self, document: str) -> None:
        """A named corrector changes a document of the opened period."""
        assert self.restricted, "only inside the window"
        self.corrections += 1
        now = datetime.now(UTC)
        self.changes.append(Change(document, "changed", Module.INVENTORY, Period(2025, 3), "clerk", now))

    def move_behind_our_back(self, module: Module, current: Period) -> None:
        self.state = self.state.moved(module, current)


class FakeScratch:
    """A fake ledger made from the fake copy of another, under a name, until it is removed."""

    place = "nowhere"

    def __init__(self, original: FakeLedger, name: str) -> None:
        self.original, self.name = original, name
        self.copy = FakeLedger(original.name)
        self._received = io.BytesIO()

    @contextmanager
    def receiving(self) -> Iterator[io.BytesIO]:
        self._received = io.BytesIO()
        self.copy = FakeLedger(self.original.name)
        yield self._received

    def check(self) -> None:
        self.copy.state, corrections, self.copy.rewritten = self.original.kept[self._received.getvalue()]
        self.copy.corrections = corrections + self.original.damaged_copies
        self.copy.in_the_data = self.original.in_the_data

    def connector(self, *, read_only: bool = True) -> FakeLedger:
        return self.copy

    def free(self) -> None:
        return None

    def exists(self) -> bool:
        return bool(self._received.getvalue())

    def remove(self) -> None:
        self.original.scratches.pop(self.name, None)


def refuse_once(at: tuple[Module, Period]) -> Callable[[PlanStep], None]:
    """The ERP says no to one step, the first time it is tried."""
    tried: list[PlanStep] = []

    def before(step: PlanStep) -> None:
        if (step.module, step.period) == at and not tried:
            tried.append(step)
            raise LedgerRefused("demo", "somebody is posting")

    return before


class FakeRegister:
    """Legal truth in memory, with the same promises as the real one."""

    def __init__(self) -> None:
        self.requests: dict[str, UncloseRequest] = {}
        self.events: dict[str, list[CaseEvent]] = {}
        self.latest: dict[str, CaseChange] = {}
        self.parts: dict[str, dict[str, Json]] = {}
        self.tasks: dict[str, dict[str, str]] = {}
        self.shown: dict[str, dict[str, Task]] = {}
        """The latest of every task, open or closed."""
        self.leases: dict[str, Lease] = {}
        self.record_calls = 0

    async def receive(self, request: UncloseRequest) -> None:
        self.requests.setdefault(request.id, request)

    async def record(self, change: CaseChange) -> None:
        self.record_calls += 1
        known = self.events.setdefault(change.case, [])
        for event in change.events:
            if event.seq <= len(known) and not event.tells_the_same_as(known[event.seq - 1]):
                raise EventsDiverged(change.case, event.seq, len(known))
        new = [event for event in change.events if event.seq > len(known)]
        if not new:
            return
        assert [event.seq for event in new] == list(range(len(known) + 1, len(known) + 1 + len(new)))
        known.extend(new)
        self.latest[change.case] = change
        self.parts.setdefault(change.case, {}).update(change.parts)
        tasks = self.tasks.setdefault(change.case, {})
        tasks.update({task.id: "open" for task in change.opened})
        tasks.update({task.id: "open" for task in change.updated})
        shown = self.shown.setdefault(change.case, {})
        shown.update({task.id: task for task in (*change.opened, *change.updated)})
        tasks.update({closing.id: closing.outcome for closing in change.closed})

    async def take_lease(self, ledger: str, case: str) -> Lease:
        held = self.leases.get(ledger, Lease(None, 0))
        if held.holder is None:
            self.leases[ledger] = Lease(case, held.fence + 1)
        return self.leases[ledger]

    async def release_lease(self, ledger: str, case: str) -> None:
        held = self.leases.get(ledger)
        if held is not None and held.holder == case:
            self.leases[ledger] = Lease(None, held.fence)

    async def lease(self, ledger: str) -> Lease:
        return self.leases.get(ledger, Lease(None, 0))

    async def case_file(self, case: str) -> CaseFile:
        if case not in self.requests:
            raise UnknownRequest(case)
        return CaseFile(self.requests[case], tuple(self.events[case]), (), self.parts[case])

    def states(self, case: str) -> list[str]:
        """Every state the case went to, in order."""
        return [str(e.data["to"]) for e in self.events.get(case, []) if e.kind == EventKind.STATE_CHANGED]

    def told(self, case: str, kind: EventKind) -> list[dict[str, Json]]:
        return [event.data for event in self.events.get(case, []) if event.kind == kind]


class FakeCatalogue:
    """The catalogue of backups in memory, with the same promises as the real one."""

    def __init__(self) -> None:
        self.entries: dict[str, Backup] = {}
        self.events: dict[tuple[str, str], BackupEvent] = {}
        self.ended: dict[str, datetime] = {}
        self.held: set[str] = set()

    async def keep(self, backup: Backup) -> None:
        known = self.entries.get(backup.id)
        if known is None or known.state != BackupState.DELETED:
            self.entries[backup.id] = backup

    async def find(self, backup: str) -> Backup:
        if backup not in self.entries:
            raise UnknownBackup(backup)
        return self.entries[backup]

    async def of(self, ledger: str) -> tuple[Backup, ...]:
        there = (b for b in self.entries.values() if b.ledger == ledger and b.state != BackupState.DELETED)
        return tuple(sorted(there, key=lambda backup: (backup.taken_at, backup.id)))

    async def ties(self, ledger: str) -> Ties:
        taken = (e for e in self.events.values() if (e.act, e.actor) == (BackupAct.TAKEN, BY_SCHEDULE))
        return Ties(
            ended=dict(self.ended),
            held=frozenset(self.held),
            at_intervals=frozenset(event.backup for event in taken),
        )

    async def let_go(self, gone: Backup, event: BackupEvent) -> bool:
        if gone.case in self.held:
            return False
        await self.keep(gone)
        await self.record(event)
        return True

    async def record(self, event: BackupEvent) -> None:
        self.events.setdefault((event.backup, event.key), event)


class FakeDirectory:
    """Everyone in some group is known and active; so is whom a test adds to `others`."""

    def __init__(self) -> None:
        self.groups = dict(PEOPLE)
        self.others: set[str] = {"clerk"}
        self.delegations: list[Delegation] = []
        self.away = 0
        """How many of the next questions are not answered."""

    def _answer(self) -> None:
        if self.away:
            self.away -= 1
            raise ConnectionError("the directory is away")

    async def people(self, groups: tuple[Group, ...]) -> dict[Group, tuple[str, ...]]:
        self._answer()
        return {group: self.groups.get(group, ()) for group in groups}

    async def principals_of(self, delegate: str, ledger: str) -> tuple[str, ...]:
        self._answer()
        return principals_of(delegate, self.delegations, datetime.now(UTC), ledger)

    async def groups_of(self, person: str) -> tuple[Group, ...] | None:
        found = tuple(group for group, members in self.groups.items() if person in members)
        return found if found or person in self.others else None


class FakeLedgers:
    """Both ports to configured ledgers: their connectors and their profiles."""

    def __init__(self, *ledgers: FakeLedger) -> None:
        self.by_name = {ledger.name: ledger for ledger in ledgers}

    def connector(self, ledger: str) -> FakeLedger:
        if ledger not in self.by_name:
            raise UnknownLedger(ledger)
        return self.by_name[ledger]

    def profile(self, ledger: str) -> LedgerProfile:
        self.connector(ledger)
        return a_profile(ledger)


class FakePolicies:
    """One policy for all ledgers, changed by a test as it likes."""

    def __init__(self) -> None:
        self.policy = THREE_LEVELS
        self.refusal: PolicyUnreadable | None = None
        self.away = 0
        """How many of the next questions are not answered."""

    async def in_force(self, ledger: str) -> ApprovalPolicy:
        if self.away:
            self.away -= 1
            raise ConnectionError("the register is away")
        if self.refusal is not None:
            raise self.refusal
        return self.policy


def a_profile(ledger: str) -> LedgerProfile:
    return LedgerProfile(
        code=ledger,
        name=ledger,
        graph=GRAPH,
        calendar=CALENDAR,
        backup_policy="local-1",
        executor="unclose",
        approval_hours=72,
        authorisation_hours=24,
        at_site=False,
        working_time=ALWAYS,
    )
