"""The order of steps, what refuses a plan, and the properties that hold for every ledger."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.builders import a_calendar, a_close_state, a_period, a_plan, moves, the_demo_books, the_demo_graph
from tests.strategies import World, graphs, lock, worlds
from workflows.domain.errors import (
    BeforeStartPeriod,
    PeriodInFuture,
    PeriodLocked,
    PeriodNotClosed,
    PeriodOutsideCalendar,
    PointerMismatch,
    UnknownModule,
)
from workflows.domain.ledger import Capabilities, CloseState, Module, ModuleGraph, StepMode, Verb
from workflows.domain.period import Period
from workflows.domain.plan import (
    Plan,
    PlanStep,
    Why,
    apply,
    crosses_fiscal_year,
    plan_reclose,
    plan_unclose,
    pointer_after,
    pointer_before,
    verify_movement,
    verify_progress,
)

GL, COST, INVENTORY, RECEIVABLE = Module.GL, Module.COST, Module.INVENTORY, Module.RECEIVABLE


# ------------------------------------------------------------------ what the design says, said again


@cache
def after(graph: ModuleGraph, module: Module) -> frozenset[Module]:
    """Every module that closes after this one, through any number of others."""
    direct = frozenset(later for earlier, later in graph.closes_before if earlier == module)
    return direct.union(*(after(graph, later) for later in direct))


def is_closed(state: CloseState, module: Module, period: Period) -> bool:
    one = state.of(module)
    return one.start <= period < one.current


def carried_out(state: CloseState, steps: tuple[PlanStep, ...], world: World) -> CloseState:
    for step in steps:
        state = apply(state, step, world.calendar)
    return state


def unnumbered(steps: tuple[PlanStep, ...]) -> list[PlanStep]:
    return [replace(step, n=0) for step in steps]


def must_be_open(world: World) -> set[tuple[Module, Period]]:
    """The least set of closed periods that the rules of order make one open, found by applying them."""
    waiting = [(module, world.target) for module in world.asked]
    found: set[tuple[Module, Period]] = set()
    while waiting:
        module, period = waiting.pop()
        if (module, period) in found or not is_closed(world.state, module, period):
            continue
        found.add((module, period))
        waiting.append((module, world.calendar.next(period)))
        waiting.extend((later, period) for later in after(world.books.graph, module))
    return found


# ------------------------------------------------------------------ examples


def test_the_demo_ledger_opens_stock_of_march_in_nine_steps() -> None:
    assert [str(step) for step in a_plan("2025-03", (INVENTORY,)).steps] == [
        "unclose gl 2025-05",
        "unclose cost 2025-05",
        "unclose inventory 2025-05",
        "unclose gl 2025-04",
        "unclose cost 2025-04",
        "unclose inventory 2025-04",
        "unclose gl 2025-03",
        "unclose cost 2025-03",
        "unclose inventory 2025-03",
    ]


def test_every_step_says_why_it_is_in_the_plan() -> None:
    whys = {(step.module, str(step.period)): step.why for step in a_plan("2025-04", (INVENTORY,)).steps}
    assert whys == {
        (GL, "2025-05"): Why.CLOSES_AFTER,
        (COST, "2025-05"): Why.CLOSES_AFTER,
        (INVENTORY, "2025-05"): Why.LATER_PERIOD,
        (GL, "2025-04"): Why.CLOSES_AFTER,
        (COST, "2025-04"): Why.CLOSES_AFTER,
        (INVENTORY, "2025-04"): Why.REQUESTED,
    }


def test_the_general_ledger_alone_takes_no_other_module_with_it() -> None:
    assert moves(a_plan("2025-04", (GL,)).steps) == [(GL, a_period("2025-05")), (GL, a_period("2025-04"))]


def test_a_plan_tells_what_it_touches() -> None:
    plan = a_plan("2025-04", (INVENTORY,))
    assert plan.target == a_period("2025-04")
    assert plan.modules == (INVENTORY,)
    assert set(plan.opened_modules) == {GL, COST, INVENTORY}
    assert plan.periods == (a_period("2025-04"), a_period("2025-05"))
    assert plan.touched == {(m, p) for m in plan.opened_modules for p in plan.periods}


def test_modules_asked_for_twice_or_in_another_order_give_the_same_plan() -> None:
    assert a_plan("2025-04", (GL, INVENTORY, GL)) == a_plan("2025-04", (INVENTORY, GL))


def test_a_module_that_stands_further_back_is_opened_only_where_it_is_closed() -> None:
    state = a_close_state(currents={GL: "2025-04", COST: "2025-05"})
    plan = plan_unclose(state, the_demo_books(), a_period("2025-04"), (INVENTORY,))
    assert moves(plan.steps) == [
        (INVENTORY, a_period("2025-05")),
        (COST, a_period("2025-04")),
        (INVENTORY, a_period("2025-04")),
    ]


def test_a_module_that_started_later_is_not_opened_before_its_start() -> None:
    state = a_close_state(starts={GL: "2025-05"})
    plan = plan_unclose(state, the_demo_books(), a_period("2025-04"), (INVENTORY,))
    assert (GL, a_period("2025-05")) in plan.touched
    assert (GL, a_period("2025-04")) not in plan.touched


def test_a_year_of_thirteen_is_opened_through_its_adjustment_period() -> None:
    books, state = the_demo_books(a_calendar(13)), a_close_state(current="2025-01")
    plan = plan_unclose(state, books, a_period("2024-12"), (GL,))
    assert moves(plan.steps) == [(GL, a_period("2024-13")), (GL, a_period("2024-12"))]


def test_a_movement_the_connector_cannot_make_is_guided() -> None:
    books = the_demo_books(guided=((GL, Verb.UNCLOSE), (COST, Verb.RECLOSE)))
    plan = plan_unclose(a_close_state(), books, a_period("2025-05"), (INVENTORY,))
    assert {step.module: step.mode for step in plan.steps} == {
        GL: StepMode.GUIDED,
        COST: StepMode.AUTOMATIC,
        INVENTORY: StepMode.AUTOMATIC,
    }


# ------------------------------------------------------------------ refusals


def test_the_current_period_is_not_closed() -> None:
    with pytest.raises(PeriodNotClosed) as refused:
        a_plan("2025-06")
    assert refused.value.facts == {"module": "inventory", "period": "2025-06", "current": "2025-06"}


def test_a_period_after_the_current_one_lies_in_the_future() -> None:
    with pytest.raises(PeriodInFuture):
        a_plan("2025-07")


def test_nothing_is_opened_before_the_start_period() -> None:
    with pytest.raises(BeforeStartPeriod) as refused:
        a_plan("2023-12")
    assert refused.value.start == "2024-01"


def test_every_module_asked_for_must_be_closed() -> None:
    state = a_close_state(currents={GL: "2025-03"})
    with pytest.raises(PeriodNotClosed) as refused:
        plan_unclose(state, the_demo_books(), a_period("2025-03"), (INVENTORY, GL))
    assert refused.value.module == GL


def test_a_module_the_ledger_does_not_have_is_refused() -> None:
    with pytest.raises(UnknownModule):
        a_plan(modules=(Module.PAYROLL,))


def test_a_module_the_close_state_does_not_tell_of_is_refused() -> None:
    state = a_close_state(modules=(INVENTORY, COST))
    with pytest.raises(UnknownModule) as refused:
        plan_unclose(state, the_demo_books(), a_period(), (INVENTORY,))
    assert refused.value.module == GL


def test_a_period_the_calendar_does_not_have_is_refused() -> None:
    with pytest.raises(PeriodOutsideCalendar):
        a_plan("2024-13")


@pytest.mark.parametrize("module", [GL, COST, INVENTORY])
@pytest.mark.parametrize("period", ["2025-03", "2025-04", "2025-05"])
def test_a_locked_period_anywhere_on_the_way_refuses_the_plan(module: Module, period: str) -> None:
    state = a_close_state(locked={module: (period,)})
    with pytest.raises(PeriodLocked) as refused:
        plan_unclose(state, the_demo_books(), a_period("2025-03"), (INVENTORY,))
    assert (refused.value.module, refused.value.period) == (module, period)


def test_a_lock_beside_the_way_does_not_matter() -> None:
    state = a_close_state(locked={INVENTORY: ("2025-02",), RECEIVABLE: ("2025-05",)})
    plan = plan_unclose(state, the_demo_books(), a_period("2025-03"), (INVENTORY,))
    assert plan == a_plan("2025-03")


# ------------------------------------------------------------------ the module graph


def test_a_graph_with_a_circle_has_no_order() -> None:
    with pytest.raises(ValueError, match="circle"):
        ModuleGraph((GL, COST), ((GL, COST), (COST, GL)))
    with pytest.raises(ValueError, match="circle"):
        ModuleGraph((GL,), ((GL, GL),))


def test_a_graph_names_its_modules_once_and_no_others() -> None:
    with pytest.raises(ValueError, match="unknown or repeated"):
        ModuleGraph((GL,), ((COST, GL),))
    with pytest.raises(ValueError, match="unknown or repeated"):
        ModuleGraph((GL, GL))


@given(graph=graphs())
def test_the_close_order_follows_every_arrow(graph: ModuleGraph) -> None:
    order = graph.close_order(graph.modules)
    assert sorted(order) == sorted(graph.modules)
    assert all(order.index(earlier) < order.index(later) for earlier, later in graph.closes_before)


@given(graph=graphs(), data=st.data())
def test_what_closes_after_is_found_through_any_number_of_modules(
    graph: ModuleGraph, data: st.DataObject
) -> None:
    module = data.draw(st.sampled_from(graph.modules))
    assert graph.closing_after([module]) == {module} | after(graph, module)


def test_ties_keep_the_order_of_configuration() -> None:
    graph = the_demo_graph()
    assert graph.close_order((GL, Module.PAYABLE, RECEIVABLE)) == (RECEIVABLE, Module.PAYABLE, GL)


# ------------------------------------------------------------------ properties of un-closing


@given(world=worlds())
def test_a_module_is_opened_only_after_every_module_that_closes_after_it(world: World) -> None:
    state = world.state
    for step in world.plan().steps:
        for later in after(world.books.graph, step.module):
            assert not is_closed(state, later, step.period), f"{later} still closed at {step}"
        state = apply(state, step, world.calendar)


@given(world=worlds())
def test_the_newest_period_is_opened_first(world: World) -> None:
    periods = [step.period for step in world.plan().steps]
    assert periods == sorted(periods, reverse=True)


@given(world=worlds())
def test_every_step_moves_one_pointer_back_by_one(world: World) -> None:
    state = world.state
    for step in world.plan().steps:
        before = state.pointers()
        state = apply(state, step, world.calendar)
        moved = {module for module, current in state.pointers().items() if before[module] != current}
        assert moved == {step.module}
        assert world.calendar.next(state.of(step.module).current) == before[step.module]


@given(world=worlds())
def test_no_step_opens_a_period_while_a_later_one_of_its_module_is_closed(world: World) -> None:
    state = world.state
    for step in world.plan().steps:
        assert is_closed(state, step.module, step.period)
        assert not is_closed(state, step.module, world.calendar.next(step.period))
        state = apply(state, step, world.calendar)


@given(world=worlds())
def test_the_plan_opens_what_the_order_requires_and_nothing_more(world: World) -> None:
    plan = world.plan()
    required = must_be_open(world)
    assert plan.touched == required
    assert len(plan.steps) == len(required)
    opened = carried_out(world.state, plan.steps, world)
    assert not any(is_closed(opened, module, world.target) for module in world.asked)


@given(world=worlds())
def test_steps_are_numbered_from_one_and_say_who_acts(world: World) -> None:
    plan, capabilities = world.plan(), world.books.capabilities
    mirror = plan_reclose(carried_out(world.state, plan.steps, world), world.state, world.books)
    for steps in (plan.steps, mirror.steps):
        assert [step.n for step in steps] == list(range(1, len(steps) + 1))
        for step in steps:
            guided = (step.module, step.verb) in capabilities.guided
            assert step.mode == (StepMode.GUIDED if guided else StepMode.AUTOMATIC)


@given(world=worlds(), data=st.data())
def test_planning_again_on_the_way_gives_the_steps_that_remain(world: World, data: st.DataObject) -> None:
    steps = world.plan().steps
    done = data.draw(st.integers(0, len(steps) - 1))
    state = carried_out(world.state, steps[:done], world)
    waiting = tuple(module for module in world.asked if is_closed(state, module, world.target))
    again = plan_unclose(state, world.books, world.target, waiting)
    assert unnumbered(again.steps) == unnumbered(steps[done:])


@given(world=worlds())
def test_once_everything_is_open_there_is_nothing_left_to_open(world: World) -> None:
    state = carried_out(world.state, world.plan().steps, world)
    with pytest.raises(PeriodNotClosed):
        plan_unclose(state, world.books, world.target, world.asked[:1])


@given(world=worlds(), data=st.data())
def test_any_lock_on_the_way_refuses_and_any_other_does_not(world: World, data: st.DataObject) -> None:
    plan = world.plan()
    on_the_way = data.draw(st.sampled_from(plan.steps))
    with pytest.raises(PeriodLocked):
        replace(world, state=lock(world.state, on_the_way.module, on_the_way.period)).plan()
    beside = data.draw(st.sampled_from(world.state.modules))
    period = data.draw(st.sampled_from(world.calendar.span(beside.start, beside.current)))
    assume((beside.module, period) not in plan.touched)
    assert replace(world, state=lock(world.state, beside.module, period)).plan() == plan


# ------------------------------------------------------------------ properties of re-closing


@given(world=worlds())
def test_closing_again_is_the_exact_mirror_of_opening(world: World) -> None:
    steps = world.plan().steps
    again = plan_reclose(carried_out(world.state, steps, world), world.state, world.books)
    assert moves(again.steps) == list(reversed(moves(steps)))
    assert {step.verb for step in again.steps} == {Verb.RECLOSE}
    assert {step.why for step in again.steps} == {Why.CLOSE_AGAIN}


@given(world=worlds(), data=st.data())
def test_an_opening_that_stopped_half_way_is_closed_again_in_reverse(
    world: World, data: st.DataObject
) -> None:
    steps = world.plan().steps
    done = steps[: data.draw(st.integers(0, len(steps)))]
    again = plan_reclose(carried_out(world.state, done, world), world.state, world.books)
    assert moves(again.steps) == list(reversed(moves(done)))


@given(world=worlds(), data=st.data())
def test_planning_the_closing_again_on_the_way_gives_the_steps_that_remain(
    world: World, data: st.DataObject
) -> None:
    opened = carried_out(world.state, world.plan().steps, world)
    steps = plan_reclose(opened, world.state, world.books).steps
    done = data.draw(st.integers(0, len(steps)))
    again = plan_reclose(carried_out(opened, steps[:done], world), world.state, world.books)
    assert unnumbered(again.steps) == unnumbered(steps[done:])


@given(world=worlds())
def test_a_module_is_closed_only_after_every_module_that_closes_before_it(world: World) -> None:
    state = carried_out(world.state, world.plan().steps, world)
    for step in plan_reclose(state, world.state, world.books).steps:
        assert state.of(step.module).current == step.period
        for other in world.state.modules:
            if step.module in after(world.books.graph, other.module) and other.start <= step.period:
                assert is_closed(state, other.module, step.period), f"{other.module} still open at {step}"
        state = apply(state, step, world.calendar)
    assert state == world.state


def test_where_nothing_was_opened_nothing_is_closed_again() -> None:
    state = a_close_state()
    assert plan_reclose(state, state, the_demo_books()).steps == ()


def test_closing_again_does_not_close_what_was_open_before() -> None:
    goal = a_close_state(currents={GL: "2025-05"})
    opened = a_close_state(currents={GL: "2025-05", COST: "2025-05", INVENTORY: "2025-05"})
    again = plan_reclose(opened, goal, the_demo_books())
    assert moves(again.steps) == [(INVENTORY, a_period("2025-05")), (COST, a_period("2025-05"))]


# ------------------------------------------------------------------ reading back


def the_first_step(plan: Plan | None = None) -> PlanStep:
    return (plan or a_plan()).steps[0]


def test_the_movement_of_the_step_and_no_other_is_accepted() -> None:
    verify_movement(a_close_state(), a_close_state(currents={GL: "2025-05"}), the_first_step(), a_calendar())


@pytest.mark.parametrize(
    "currents",
    [
        pytest.param({}, id="nothing moved"),
        pytest.param({GL: "2025-04"}, id="moved by two"),
        pytest.param({GL: "2025-07"}, id="moved forward"),
        pytest.param({INVENTORY: "2025-05"}, id="another module moved"),
        pytest.param({GL: "2025-05", COST: "2025-05"}, id="another module moved as well"),
        pytest.param(dict.fromkeys(the_demo_graph().modules, "2025-05"), id="every module moved"),
    ],
)
def test_any_other_movement_stops_the_line(currents: dict[Module, str]) -> None:
    with pytest.raises(PointerMismatch) as stopped:
        verify_movement(a_close_state(), a_close_state(currents=currents), the_first_step(), a_calendar())
    assert stopped.value.step == "unclose gl 2025-05"


def test_a_module_that_is_not_read_back_stops_the_line() -> None:
    after_step = a_close_state(currents={GL: "2025-05"}, modules=(GL, COST))
    with pytest.raises(PointerMismatch):
        verify_movement(a_close_state(), after_step, the_first_step(), a_calendar())


def test_a_pointer_that_jumps_to_the_right_place_stops_the_line_all_the_same() -> None:
    step = PlanStep(1, Verb.UNCLOSE, GL, a_period("2025-03"), StepMode.AUTOMATIC, Why.REQUESTED)
    jumped = a_close_state(currents={GL: "2025-03"})
    with pytest.raises(PointerMismatch):
        verify_movement(a_close_state(), jumped, step, a_calendar())


def test_a_pointer_that_stood_there_before_has_not_moved() -> None:
    stood = a_close_state(currents={GL: "2025-05"})
    with pytest.raises(PointerMismatch):
        verify_movement(stood, stood, the_first_step(), a_calendar())


def test_what_is_wrong_is_named_module_by_module() -> None:
    with pytest.raises(PointerMismatch) as stopped:
        verify_movement(
            a_close_state(), a_close_state(currents={COST: "2025-05"}), the_first_step(), a_calendar()
        )
    assert "gl at 2025-06, expected 2025-05" in stopped.value.seen
    assert "cost at 2025-05, expected 2025-06" in stopped.value.seen


@given(world=worlds(), data=st.data())
def test_exactly_the_planned_movement_is_accepted_at_every_step(world: World, data: st.DataObject) -> None:
    steps = world.plan().steps
    opened = carried_out(world.state, steps, world)
    both_ways = ((world.state, steps), (opened, plan_reclose(opened, world.state, world.books).steps))
    state, way = data.draw(st.sampled_from(both_ways))
    at = data.draw(st.integers(0, len(way) - 1))
    before, step = carried_out(state, way[:at], world), way[at]
    right = apply(before, step, world.calendar)
    verify_movement(before, right, step, world.calendar)

    wrong = right
    for module in data.draw(st.lists(st.sampled_from(world.state.modules), min_size=1, unique=True)):
        index = world.calendar.index(wrong.of(module.module).current)
        by = data.draw(st.sampled_from((-2, -1, 1, 2)))
        wrong = wrong.moved(module.module, world.calendar.at(index + by))
    with pytest.raises(PointerMismatch):
        verify_movement(before, wrong, step, world.calendar)


def test_a_step_moves_the_pointer_from_behind_a_period_onto_it_and_back() -> None:
    opening, calendar = the_first_step(), a_calendar()
    closing = replace(opening, verb=Verb.RECLOSE)
    assert pointer_before(opening, calendar) == pointer_after(closing, calendar) == a_period("2025-06")
    assert pointer_after(opening, calendar) == pointer_before(closing, calendar) == a_period("2025-05")


# ------------------------------------------------------------------ reading back after a crash


@given(world=worlds(), data=st.data())
def test_a_step_done_now_is_read_back_at_once_and_nowhere_further_on(
    world: World, data: st.DataObject
) -> None:
    plan = world.plan()
    at = data.draw(st.integers(0, len(plan.steps) - 1))
    seen = data.draw(st.integers(0, len(plan.steps)))
    after = carried_out(world.state, plan.steps[:seen], world)
    if seen == at + 1:
        verify_progress(world.state, plan, plan.steps[at], after, False, world.calendar)
    else:
        with pytest.raises(PointerMismatch):
            verify_progress(world.state, plan, plan.steps[at], after, False, world.calendar)


@given(world=worlds(), data=st.data())
def test_a_step_on_record_may_be_read_back_later_on_its_own_plan_and_never_earlier(
    world: World, data: st.DataObject
) -> None:
    plan = world.plan()
    at = data.draw(st.integers(0, len(plan.steps) - 1))
    seen = data.draw(st.integers(0, len(plan.steps)))
    after = carried_out(world.state, plan.steps[:seen], world)
    if seen > at:
        verify_progress(world.state, plan, plan.steps[at], after, True, world.calendar)
    else:
        with pytest.raises(PointerMismatch):
            verify_progress(world.state, plan, plan.steps[at], after, True, world.calendar)


@pytest.mark.parametrize("was_on_record", [False, True])
def test_a_movement_the_plan_does_not_hold_stops_the_line_after_a_crash_too(was_on_record: bool) -> None:
    plan = a_plan()
    beside = a_close_state(currents={GL: "2025-05", RECEIVABLE: "2025-05"})
    with pytest.raises(PointerMismatch):
        verify_progress(a_close_state(), plan, plan.steps[0], beside, was_on_record, a_calendar())
    foreign = replace(plan.steps[0], n=99)
    with pytest.raises(PointerMismatch):
        verify_progress(a_close_state(), plan, foreign, beside, was_on_record, a_calendar())


# ------------------------------------------------------------------ fiscal years


@pytest.mark.parametrize(("target", "crosses"), [("2025-01", False), ("2024-12", True), ("2024-01", True)])
def test_a_plan_that_leads_into_an_earlier_year_crosses_the_boundary(target: str, crosses: bool) -> None:
    assert crosses_fiscal_year(a_close_state(), a_plan(target)) is crosses


def test_opening_the_last_period_of_a_year_from_the_first_of_the_next_crosses_the_boundary() -> None:
    state = a_close_state(current="2025-01")
    plan = plan_unclose(state, the_demo_books(), a_period("2024-12"), (GL,))
    assert crosses_fiscal_year(state, plan)


def test_the_adjustment_period_belongs_to_its_year() -> None:
    state = a_close_state(current="2024-13")
    plan = plan_unclose(state, the_demo_books(a_calendar(13)), a_period("2024-12"), (GL,))
    assert not crosses_fiscal_year(state, plan)


@given(world=worlds())
def test_a_boundary_is_crossed_exactly_when_the_last_period_of_a_year_is_opened(world: World) -> None:
    plan = world.plan()
    last_opened = any(step.period.number == world.calendar.periods_per_year for step in plan.steps)
    assert crosses_fiscal_year(world.state, plan) is last_opened


def test_what_a_connector_cannot_do_is_told_per_module_and_verb() -> None:
    capabilities = Capabilities(guided=((GL, Verb.UNCLOSE),))
    assert capabilities.mode(GL, Verb.UNCLOSE) is StepMode.GUIDED
    assert capabilities.mode(GL, Verb.RECLOSE) is StepMode.AUTOMATIC
    assert capabilities.mode(COST, Verb.UNCLOSE) is StepMode.AUTOMATIC


def test_the_periods_of_a_plan_are_told_oldest_first() -> None:
    periods = a_plan("2024-11").periods
    assert periods[0] == a_period("2024-11")
    assert all(a < b for a, b in pairwise(periods))
