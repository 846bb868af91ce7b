"""The plan: which pointers move, one by one, in which order, and whether each of them did.

Un-close: newest closed period first; within a period a module only after every module that closes after
it. Re-close: the exact mirror (design §5.1, §5.2; R64 to R69; trap T1 of the requirements).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from workflows.domain.errors import (
    BeforeStartPeriod,
    PeriodInFuture,
    PeriodLocked,
    PeriodNotClosed,
    PointerMismatch,
)
from workflows.domain.ledger import Capabilities, CloseState, Module, ModuleGraph, ModuleState, StepMode, Verb
from workflows.domain.period import FiscalCalendar, Period


class Why(StrEnum):
    """Why a step is in the plan."""

    REQUESTED = "requested"
    """This module and period were asked for."""
    LATER_PERIOD = "later_period"
    """The module was asked for; this later period of it must be open first (R64)."""
    CLOSES_AFTER = "closes_after"
    """The module closes after one that was asked for, so it must be opened before it (R67)."""
    CLOSE_AGAIN = "close_again"
    """What was opened is closed again (R78)."""


@dataclass(frozen=True)
class PlanStep:
    """One module, one period, one verb."""

    n: int
    verb: Verb
    module: Module
    period: Period
    mode: StepMode
    why: Why

    def __str__(self) -> str:
        return f"{self.verb} {self.module} {self.period}"


@dataclass(frozen=True)
class Plan:
    """The ordered list of steps that opens a period of a ledger, or closes it again."""

    target: Period
    modules: tuple[Module, ...]
    """What was asked for."""
    steps: tuple[PlanStep, ...]

    @property
    def touched(self) -> frozenset[tuple[Module, Period]]:
        """Every module and period whose closed state the plan changes."""
        return frozenset((step.module, step.period) for step in self.steps)

    @property
    def opened_modules(self) -> tuple[Module, ...]:
        return tuple(dict.fromkeys(step.module for step in self.steps))

    @property
    def periods(self) -> tuple[Period, ...]:
        """The periods that are opened, oldest first."""
        return tuple(sorted({step.period for step in self.steps}))


@dataclass(frozen=True)
class Books:
    """What the planner must know of a ledger besides its close state."""

    graph: ModuleGraph
    calendar: FiscalCalendar = field(default_factory=FiscalCalendar)
    capabilities: Capabilities = field(default_factory=Capabilities)


def plan_unclose(state: CloseState, books: Books, target: Period, modules: Iterable[Module]) -> Plan:
    """Plan the opening of one period of the modules asked for, and of all that the order requires.

    Raises:
        UnknownModule, PeriodOutsideCalendar: the ledger has no such module or period.
        PeriodInFuture, PeriodNotClosed, BeforeStartPeriod: there is nothing closed to open.
        PeriodLocked: a period on the way is locked (R18, R19).
    """
    asked = books.graph.close_order(set(_checked(books, target, modules)))
    for module in asked:
        _require_closed(state.of(module), target)
    needed = books.graph.closing_after(asked)
    opening_order = tuple(reversed(books.graph.close_order(needed)))
    newest = max(state.of(module).current for module in needed)
    steps: list[PlanStep] = []
    for period in reversed(books.calendar.span(target, newest)):
        for module in opening_order:
            if state.of(module).is_closed(period):
                _require_unlocked(state.of(module), period)
                mode = books.capabilities.mode(module, Verb.UNCLOSE)
                why = _why(module in asked, period == target)
                steps.append(PlanStep(len(steps) + 1, Verb.UNCLOSE, module, period, mode, why))
    return Plan(target, asked, tuple(steps))


def plan_reclose(state: CloseState, goal: CloseState, books: Books) -> Plan:
    """Plan the closing of all that is open now and was closed in `goal`: the mirror of how it was opened."""
    behind = [s for s in goal.modules if state.of(s.module).current < s.current]
    if not behind:
        oldest = min(s.current for s in goal.modules)
        return Plan(oldest, (), ())
    oldest = min(state.of(s.module).current for s in behind)
    newest = max(s.current for s in behind)
    closing_order = books.graph.close_order(s.module for s in behind)
    steps: list[PlanStep] = []
    for period in books.calendar.span(oldest, newest):
        for module in closing_order:
            if state.of(module).current <= period < goal.of(module).current:
                mode = books.capabilities.mode(module, Verb.RECLOSE)
                steps.append(PlanStep(len(steps) + 1, Verb.RECLOSE, module, period, mode, Why.CLOSE_AGAIN))
    return Plan(oldest, closing_order, tuple(steps))


def pointer_before(step: PlanStep, calendar: FiscalCalendar) -> Period:
    """Where the module's current period stands until the step is done."""
    return calendar.next(step.period) if step.verb == Verb.UNCLOSE else step.period


def pointer_after(step: PlanStep, calendar: FiscalCalendar) -> Period:
    """Where the module's current period stands once the step is done."""
    return step.period if step.verb == Verb.UNCLOSE else calendar.next(step.period)


def apply(state: CloseState, step: PlanStep, calendar: FiscalCalendar) -> CloseState:
    """The close state that the step must lead to."""
    return state.moved(step.module, pointer_after(step, calendar))


def verify_progress(
    start: CloseState,
    plan: Plan,
    step: PlanStep,
    after: CloseState,
    was_on_record: bool,
    calendar: FiscalCalendar,
) -> None:
    """The read-back of one step of a plan that began at `start` (design §5.2).

    A step done now leaves the ledger exactly where the plan says. A step that was on record already, because
    a worker died after it, may be read back later: then the ledger stands at this or a later step of the
    same plan, and nowhere else.

    Raises:
        PointerMismatch: anything else was seen.
    """
    state = start
    for done in plan.steps:
        before, state = state, apply(state, done, calendar)
        if done.n == step.n and not was_on_record:
            return verify_movement(before, after, step, calendar)
        if done.n >= step.n and state.pointers() == after.pointers():
            return None
    raise PointerMismatch(str(step), "a state that no step of the plan leads to")


def verify_movement(before: CloseState, after: CloseState, step: PlanStep, calendar: FiscalCalendar) -> None:
    """Exactly the pointer of this step has moved, by exactly one (design §5.2; R63 is a hazard).

    Raises:
        PointerMismatch: nothing moved, another one moved, more than one did, or one did by more than one.
    """
    stood, start = before.of(step.module).current, pointer_before(step, calendar)
    if stood != start:
        raise PointerMismatch(str(step), f"{step.module} stood at {stood} before, expected {start}")
    expected, seen = apply(before, step, calendar).pointers(), after.pointers()
    if seen != expected:
        raise PointerMismatch(str(step), _told(expected, seen))


def require_same_pointers(before: CloseState, after: CloseState) -> None:
    """Every module's current period is what it was. Raises PointerMismatch otherwise."""
    expected, seen = before.pointers(), after.pointers()
    if expected != seen:
        raise PointerMismatch("closing everything again", _told(expected, seen))


def crosses_fiscal_year(state: CloseState, plan: Plan) -> bool:
    """Whether the plan leads back across a fiscal-year boundary (R71)."""
    return any(plan.target.year < state.of(module).current.year for module in plan.opened_modules)


def _told(expected: Mapping[Module, Period], seen: Mapping[Module, Period]) -> str:
    differing = sorted(m for m in {*expected, *seen} if expected.get(m) != seen.get(m))
    return "; ".join(f"{m} at {seen.get(m)}, expected {expected.get(m)}" for m in differing)


def _checked(books: Books, target: Period, modules: Iterable[Module]) -> tuple[Module, ...]:
    asked = tuple(modules)
    books.graph.check(asked or ("none",))
    books.calendar.check(target)
    return asked


def _require_closed(module: ModuleState, period: Period) -> None:
    if period > module.current:
        raise PeriodInFuture(module.module, str(period), str(module.current))
    if period == module.current:
        raise PeriodNotClosed(module.module, str(period), str(module.current))
    if period < module.start:
        raise BeforeStartPeriod(module.module, str(period), str(module.start))


def _require_unlocked(module: ModuleState, period: Period) -> None:
    if period in module.locked:
        raise PeriodLocked(module.module, str(period))


def _why(asked: bool, at_target: bool) -> Why:
    if not asked:
        return Why.CLOSES_AFTER
    return Why.REQUESTED if at_target else Why.LATER_PERIOD
