"""The life cycle of a case as the design draws it, and the two clocks that run over it."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_period, a_request
from workflows.domain.errors import AcknowledgementNotOfToday, CrossesFiscalYear, IllegalTransition
from workflows.domain.request import (
    EXECUTING_STATES,
    FINAL_STATES,
    HUMAN_STATES,
    TRANSITIONS,
    WITHDRAWABLE_STATES,
    CaseState,
    Clocks,
    Intent,
    ReasonCode,
    advance,
    require_cross_year_consent,
)

S = CaseState

# Design §4, column "Leaves to". Attention goes back where it came from, or rolls back.
DESIGN: dict[CaseState, set[CaseState]] = {
    S.RECEIVED: {S.CHECKING},
    S.CHECKING: {S.APPROVING, S.CHECKS_FAILED},
    S.APPROVING: {S.PROTECTING, S.RETURNED, S.REJECTED, S.WITHDRAWN, S.EXPIRED},
    S.RETURNED: {S.CHECKING, S.WITHDRAWN},
    S.PROTECTING: {S.AUTHORISING, S.ATTENTION},
    S.AUTHORISING: {S.ISOLATING, S.APPROVING, S.EXPIRED, S.WITHDRAWN},
    S.ISOLATING: {S.UNCLOSING},
    S.UNCLOSING: {S.VERIFYING_OPEN, S.COMPENSATING},
    S.VERIFYING_OPEN: {S.CORRECTING},
    S.CORRECTING: {S.RECLOSING},
    S.RECLOSING: {S.VERIFYING_CLOSED, S.ATTENTION},
    S.VERIFYING_CLOSED: {S.ARCHIVING},
    S.ARCHIVING: {S.COMPLETED},
    S.COMPENSATING: {S.ROLLED_BACK, S.ATTENTION},
    S.ATTENTION: {S.PROTECTING, S.RECLOSING, S.COMPENSATING},
}
FINAL = {S.COMPLETED, S.CHECKS_FAILED, S.REJECTED, S.WITHDRAWN, S.EXPIRED, S.ROLLED_BACK}
STOPS = FINAL - {S.COMPLETED} | {S.ATTENTION, S.COMPENSATING}


def reachable(start: CaseState, avoiding: Iterable[CaseState] = ()) -> set[CaseState]:
    """Every state a case can come to. From attention it goes back where it came from, or is rolled back."""
    barred = set(avoiding)
    seen: set[tuple[CaseState, CaseState | None]] = set()
    waiting: list[tuple[CaseState, CaseState | None]] = [(start, None)]
    while waiting:
        state, came_from = waiting.pop()
        if (state, came_from) in seen or state in barred:
            continue
        seen.add((state, came_from))
        for target in TRANSITIONS[state]:
            if state is not S.ATTENTION or target in (came_from, S.COMPENSATING):
                waiting.append((target, state if target is S.ATTENTION else None))
    return {state for state, _ in seen}


# ------------------------------------------------------------------ the table


def test_the_table_speaks_of_every_state() -> None:
    assert set(TRANSITIONS) == set(CaseState) == set(DESIGN) | FINAL


@pytest.mark.parametrize("state", list(DESIGN))
def test_every_transition_of_the_design_is_allowed(state: CaseState) -> None:
    for target in DESIGN[state]:
        assert advance(state, target) is target


@pytest.mark.parametrize("state", [state for state in DESIGN if state is not S.ATTENTION])
def test_the_table_adds_to_the_design_only_ways_to_stop(state: CaseState) -> None:
    assert TRANSITIONS[state] - DESIGN[state] <= STOPS


def test_the_final_states_are_those_of_the_design_and_nothing_follows_them() -> None:
    assert FINAL_STATES == FINAL
    for state in FINAL:
        for target in CaseState:
            with pytest.raises(IllegalTransition):
                advance(state, target)


def test_every_transition_that_is_not_in_the_table_is_refused() -> None:
    for state in CaseState:
        for target in set(CaseState) - TRANSITIONS[state]:
            with pytest.raises(IllegalTransition) as refused:
                advance(state, target)
            assert refused.value.facts == {"state": state, "target": target}


def test_no_state_leads_to_itself() -> None:
    assert not any(state in targets for state, targets in TRANSITIONS.items())


def test_every_state_is_reached_from_received() -> None:
    assert reachable(S.RECEIVED) == set(CaseState)


@pytest.mark.parametrize("state", list(DESIGN))
def test_every_case_can_come_to_an_end(state: CaseState) -> None:
    assert reachable(state) & FINAL


@pytest.mark.parametrize(
    "state", [s for s in DESIGN if s is not S.ATTENTION and S.ATTENTION in TRANSITIONS[s]]
)
def test_a_person_can_send_a_case_back_where_attention_came_from(state: CaseState) -> None:
    assert advance(S.ATTENTION, state) is state


# ------------------------------------------------------------------ no way around


@pytest.mark.parametrize("stage", [S.CHECKING, S.APPROVING, S.PROTECTING, S.AUTHORISING, S.ISOLATING])
def test_no_period_is_opened_without_this_stage(stage: CaseState) -> None:
    assert S.UNCLOSING not in reachable(S.RECEIVED, avoiding=[stage])


@pytest.mark.parametrize(
    "stage",
    [S.UNCLOSING, S.VERIFYING_OPEN, S.CORRECTING, S.RECLOSING, S.VERIFYING_CLOSED, S.ARCHIVING],
)
def test_no_case_is_completed_without_this_stage(stage: CaseState) -> None:
    assert S.COMPLETED not in reachable(S.RECEIVED, avoiding=[stage])


def test_once_a_period_may_be_open_a_case_ends_closed_again_or_rolled_back() -> None:
    assert reachable(S.UNCLOSING) & FINAL == {S.COMPLETED, S.ROLLED_BACK}


def test_only_the_executing_states_lie_beyond_the_authorisation() -> None:
    before = reachable(S.RECEIVED, avoiding=[S.ISOLATING])
    assert set(CaseState) - before - FINAL <= EXECUTING_STATES
    assert not EXECUTING_STATES & FINAL


def test_a_wish_can_be_taken_back_until_the_execution_is_released() -> None:
    assert not WITHDRAWABLE_STATES & EXECUTING_STATES
    for state in WITHDRAWABLE_STATES:
        assert advance(state, S.WITHDRAWN) is S.WITHDRAWN
    for state in EXECUTING_STATES:
        with pytest.raises(IllegalTransition):
            advance(state, S.WITHDRAWN)


def test_a_drift_found_at_the_authorisation_goes_back_to_those_who_agreed() -> None:
    assert advance(S.AUTHORISING, S.APPROVING) is S.APPROVING


def test_a_returned_request_is_checked_again_before_anyone_is_asked_again() -> None:
    assert S.APPROVING not in reachable(S.RETURNED, avoiding=[S.CHECKING])


# ------------------------------------------------------------------ words of the contract


def test_the_reasons_and_intents_are_those_of_the_contract() -> None:
    assert set(ReasonCode) == {
        "entry_error",
        "missed_document",
        "finance_adjustment",
        "stocktake_omission",
        "stocktake_error",
        "deleted_document",
        "system_upgrade",
        "data_anomaly",
    }
    assert set(Intent) == {"correct", "delete", "add", "audit", "reverse"}


# ------------------------------------------------------------------ across a fiscal year

TODAY = date(2025, 6, 11)
SIGNED = "2025-06-11 我确认跨年度反结账 clerk"


def test_a_ticket_and_an_acknowledgement_of_today_lead_across_a_fiscal_year() -> None:
    request = a_request(vendor_ticket="KD-4711", acknowledgement=SIGNED)
    require_cross_year_consent(request, 2025, TODAY)


@pytest.mark.parametrize("blank", [None, "", "  "])
@pytest.mark.parametrize(
    ("given_parts", "missing"),
    [
        ({"vendor_ticket": "KD-4711"}, ("acknowledgement",)),
        ({"acknowledgement": SIGNED}, ("vendor_ticket",)),
        ({}, ("vendor_ticket", "acknowledgement")),
    ],
)
def test_without_ticket_or_acknowledgement_no_fiscal_year_is_crossed(
    blank: str | None, given_parts: dict[str, str], missing: tuple[str, ...]
) -> None:
    parts = {"vendor_ticket": blank, "acknowledgement": blank, **given_parts}
    request = a_request(target_period=a_period("2024-12"), **parts)
    with pytest.raises(CrossesFiscalYear) as refused:
        require_cross_year_consent(request, 2025, TODAY)
    assert (refused.value.period, refused.value.current) == ("2024-12", "2025")
    assert [part for part in ("vendor_ticket", "acknowledgement") if part in refused.value.missing] == list(
        missing
    )


@pytest.mark.parametrize("signed", ["2025-06-10 我确认", "我确认", "2025-06-12", "2024-06-11", "11.06.2025"])
def test_an_acknowledgement_of_another_day_is_refused(signed: str) -> None:
    with pytest.raises(AcknowledgementNotOfToday) as refused:
        require_cross_year_consent(a_request(vendor_ticket="KD-4711", acknowledgement=signed), 2025, TODAY)
    assert refused.value.today == "2025-06-11"


# ------------------------------------------------------------------ clocks A and B

START = datetime(2025, 6, 11, 9, 0, tzinfo=UTC)
MAIN_LINE = (
    S.RECEIVED,
    S.CHECKING,
    S.APPROVING,
    S.PROTECTING,
    S.AUTHORISING,
    S.ISOLATING,
    S.UNCLOSING,
    S.VERIFYING_OPEN,
    S.CORRECTING,
    S.RECLOSING,
    S.VERIFYING_CLOSED,
    S.ARCHIVING,
)


def run(stays: Iterable[tuple[CaseState, int]]) -> Clocks:
    """Live through the states, each for so many seconds, as a case does."""
    clocks, now = Clocks(), START
    clocks.spend(S.RECEIVED, now)
    for state, seconds in stays:
        now += timedelta(seconds=seconds)
        clocks.spend(state, now)
        if state is S.VERIFYING_OPEN:
            clocks.opened_at = now
        if state is S.VERIFYING_CLOSED:
            clocks.closed_at = now
    return clocks


def main_line(seconds: Callable[[CaseState], int]) -> list[tuple[CaseState, int]]:
    return [(state, seconds(state)) for state in MAIN_LINE]


def test_clock_a_runs_from_accepted_to_verified_open_and_b_from_there_to_verified_closed() -> None:
    clocks = run(main_line(lambda state: 10 if state in HUMAN_STATES else 1))
    assert (clocks.a_human, clocks.a_machine) == (20, 6)
    assert (clocks.b_human, clocks.b_machine) == (10, 2)
    assert (clocks.a_seconds, clocks.b_seconds) == (26, 12)


def test_waiting_for_people_is_told_from_the_work_of_machines() -> None:
    assert {S.APPROVING, S.RETURNED, S.AUTHORISING, S.CORRECTING, S.ATTENTION} == HUMAN_STATES


def test_a_clock_that_has_not_come_to_its_end_tells_nothing() -> None:
    waiting = run([(S.RECEIVED, 1), (S.CHECKING, 1), (S.APPROVING, 3600)])
    assert waiting.a_seconds is None
    assert waiting.b_seconds is None
    assert waiting.a_human == 3600
    opened = run(main_line(lambda _: 1)[:9])
    assert opened.a_seconds == 8
    assert opened.b_seconds is None


def test_filing_the_case_away_is_on_no_clock() -> None:
    stays = main_line(lambda state: 3600 if state is S.ARCHIVING else 1)
    assert run(stays).b_seconds == 3


@given(st.lists(st.integers(0, 10**6), min_size=len(MAIN_LINE), max_size=len(MAIN_LINE)))
def test_no_second_is_lost_or_counted_twice(stays: list[int]) -> None:
    clocks = run(zip(MAIN_LINE, stays, strict=True))
    assert clocks.opened_at is not None
    assert clocks.closed_at is not None
    assert clocks.a_seconds == (clocks.opened_at - START).total_seconds()
    assert clocks.b_seconds == (clocks.closed_at - clocks.opened_at).total_seconds()


def test_a_round_of_return_and_resubmission_stays_on_clock_a() -> None:
    round_trip = [(S.CHECKING, 1), (S.APPROVING, 10), (S.RETURNED, 100), (S.CHECKING, 1), (S.APPROVING, 10)]
    clocks = run(round_trip)
    assert (clocks.a_human, clocks.a_machine) == (120, 2)
    assert (clocks.b_human, clocks.b_machine) == (0, 0)
