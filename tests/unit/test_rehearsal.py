"""What production must show again of a rehearsal, and what can be rehearsed at all."""

from dataclasses import replace

import pytest

from workflows.domain.errors import PointerMismatch, ProofMismatch
from workflows.domain.ledger import Capabilities, CloseState, Module, ModuleGraph, ModuleState, Verb
from workflows.domain.period import FiscalCalendar, Period
from workflows.domain.plan import Books, apply, plan_reclose, plan_unclose
from workflows.domain.proof import Leaf, tree
from workflows.domain.rehearsal import Movement, Rehearsal, why_not_rehearsed

GRAPH = ModuleGraph((Module.INVENTORY, Module.GL), ((Module.INVENTORY, Module.GL),))
BOOKS = Books(GRAPH, FiscalCalendar())
START = CloseState(tuple(ModuleState(m, Period(2024, 1), Period(2025, 3)) for m in GRAPH.modules))
PLAN = plan_unclose(START, BOOKS, Period(2025, 1), (Module.INVENTORY,))
PROOF = tree((Leaf(Module.GL, Period(2024, 12), 3, "a"),))


def rehearsal() -> Rehearsal:
    movements, state = [], START
    for step in PLAN.steps:
        state = apply(state, step, BOOKS.calendar)
        movements.append(Movement(step.verb, step.module, step.period, state.pointers()))
    for step in plan_reclose(state, START, BOOKS).steps:
        state = apply(state, step, BOOKS.calendar)
        movements.append(Movement(step.verb, step.module, step.period, state.pointers()))
    return Rehearsal("UC-2025-000001-A", tuple(movements), PROOF, PROOF, 1, 2)


def after(*steps: int) -> CloseState:
    state = START
    for n in steps:
        state = apply(state, PLAN.steps[n], BOOKS.calendar)
    return state


def test_every_step_that_comes_out_as_rehearsed_passes() -> None:
    for n, step in enumerate(PLAN.steps):
        rehearsal().require_movement(str(step), after(*range(n + 1)), was_on_record=False)


def test_a_step_that_comes_out_otherwise_is_refused() -> None:
    with pytest.raises(PointerMismatch, match="than in the rehearsal"):
        rehearsal().require_movement(str(PLAN.steps[0]), after(0, 1), was_on_record=False)


def test_a_step_that_was_done_before_may_be_read_back_later_and_never_earlier() -> None:
    rehearsal().require_movement(str(PLAN.steps[0]), after(0, 1, 2), was_on_record=True)
    with pytest.raises(PointerMismatch):
        rehearsal().require_movement(str(PLAN.steps[2]), after(0, 1), was_on_record=True)


def test_a_step_that_was_not_rehearsed_is_refused() -> None:
    with pytest.raises(PointerMismatch, match="not rehearsed"):
        rehearsal().require_movement("unclose gl 2024-12", after(0), was_on_record=False)


def test_balances_that_differ_from_the_opened_copy_are_named() -> None:
    rehearsal().require_opened(PROOF)
    other = tree((replace(PROOF.leaves[0], digest="b"),))
    with pytest.raises(ProofMismatch, match="gl 2024-12"):
        rehearsal().require_opened(other)


def test_only_whole_automatic_plans_on_copies_are_rehearsed() -> None:
    assert why_not_rehearsed(PLAN, BOOKS) is None
    unable = replace(BOOKS, capabilities=Capabilities(can_clone=False))
    assert why_not_rehearsed(PLAN, unable) == "no copy of this ledger can be acted on"
    for verb in Verb:
        guided = replace(BOOKS, capabilities=Capabilities(guided=((Module.GL, verb),)))
        assert why_not_rehearsed(PLAN, guided) == f"{verb} gl is a guided step"
