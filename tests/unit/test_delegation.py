"""Delegations: who may act for whom at an instant, and which delegations may not be made."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.domain.delegation import Delegation, principals_of, require_sound, stand_ins_of
from workflows.domain.errors import (
    DelegationCycle,
    DelegationEndsTooSoon,
    DelegationOverlaps,
    DelegationToSelf,
    Refused,
)

START = datetime(2026, 2, 16, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def a_delegation(who: str, first: int = 0, last: int = 7, ledger: str | None = None) -> Delegation:
    """`a>b`, from one day until another."""
    principal, delegate = who.split(">")
    return Delegation(f"{who}/{first}", principal, delegate, START + first * DAY, START + last * DAY, ledger)


def on_day(day: float) -> datetime:
    return START + day * DAY


def test_a_delegate_acts_for_the_principal_from_the_start_until_just_before_the_end() -> None:
    one = [a_delegation("manager>deputy", 1, 3)]
    asked = [
        on_day(1) - timedelta(microseconds=1),
        on_day(1),
        on_day(3) - timedelta(microseconds=1),
        on_day(3),
    ]
    assert [principals_of("deputy", one, at, "demo") for at in asked] == [(), ("manager",), ("manager",), ()]


def test_a_delegation_gives_nothing_in_the_other_direction() -> None:
    one = [a_delegation("manager>deputy")]
    assert principals_of("manager", one, on_day(1), "demo") == ()
    assert stand_ins_of("deputy", one, on_day(1), "demo") == ()


def test_who_stands_in_for_a_stand_in_may_act_for_both_and_the_nearest_comes_first() -> None:
    line = [a_delegation("a>b"), a_delegation("b>c"), a_delegation("z>c")]
    assert principals_of("c", line, on_day(1), "demo") == ("b", "z", "a")
    assert stand_ins_of("a", line, on_day(1), "demo") == ("b", "c")


def test_a_line_ends_where_one_of_its_delegations_is_over() -> None:
    line = [a_delegation("a>b", 0, 2), a_delegation("b>c", 0, 7)]
    assert principals_of("c", line, on_day(1), "demo") == ("b", "a")
    assert principals_of("c", line, on_day(3), "demo") == ("b",)


def test_a_delegation_for_one_ledger_holds_on_no_other() -> None:
    one = [a_delegation("a>b", ledger="demo")]
    assert principals_of("b", one, on_day(1), "demo") == ("a",)
    assert principals_of("b", one, on_day(1), "shop") == ()
    assert principals_of("b", one, on_day(1), None) == ()


def test_a_circle_on_record_ends_and_makes_nobody_their_own_stand_in() -> None:
    circle = [a_delegation("a>b"), a_delegation("b>c"), a_delegation("c>a")]
    assert principals_of("a", circle, on_day(1), "demo") == ("c", "b")


# --------------------------------------------------------------------------- what may be made


def test_nobody_delegates_to_themselves() -> None:
    with pytest.raises(DelegationToSelf):
        require_sound(a_delegation("a>a"), [])


@pytest.mark.parametrize("last", [0, -1])
def test_a_delegation_lasts_some_time(last: int) -> None:
    with pytest.raises(DelegationEndsTooSoon):
        require_sound(a_delegation("a>b", 0, last), [])


@pytest.mark.parametrize("delegate", ["c", "b"])
def test_a_principal_has_one_delegate_at_a_time(delegate: str) -> None:
    with pytest.raises(DelegationOverlaps) as refused:
        require_sound(a_delegation(f"a>{delegate}", 6, 9), [a_delegation("a>b")])
    assert (refused.value.delegate, refused.value.delegation) == ("b", "a>b/0")


def test_delegations_one_after_the_other_do_not_overlap() -> None:
    require_sound(a_delegation("a>c", 7, 9), [a_delegation("a>b", 0, 7)])
    require_sound(a_delegation("a>c", -3, 0), [a_delegation("a>b", 0, 7)])


def test_each_ledger_may_have_a_delegate_of_its_own_unless_one_holds_for_all() -> None:
    require_sound(a_delegation("a>c", ledger="shop"), [a_delegation("a>b", ledger="demo")])
    with pytest.raises(DelegationOverlaps):
        require_sound(a_delegation("a>c", ledger="shop"), [a_delegation("a>b")])
    with pytest.raises(DelegationOverlaps):
        require_sound(a_delegation("a>c"), [a_delegation("a>b", ledger="demo")])


def test_a_circle_is_refused_and_shown() -> None:
    with pytest.raises(DelegationCycle) as refused:
        require_sound(a_delegation("c>a"), [a_delegation("a>b"), a_delegation("b>c")])
    assert refused.value.circle == ("c", "a", "b", "c")


def test_a_circle_that_never_closes_at_one_instant_is_none() -> None:
    require_sound(a_delegation("c>a", 4, 6), [a_delegation("a>b", 0, 5), a_delegation("b>c", 0, 4)])
    # Each pair meets, all three together never do.
    require_sound(a_delegation("c>a", 4, 8), [a_delegation("a>b", 0, 5), a_delegation("b>c", 5, 9)])


def test_a_circle_over_different_ledgers_is_none() -> None:
    require_sound(a_delegation("b>a", ledger="shop"), [a_delegation("a>b", ledger="demo")])
    with pytest.raises(DelegationCycle):
        require_sound(a_delegation("b>a", ledger="demo"), [a_delegation("a>b")])


# --------------------------------------------------------------------------- properties

PEOPLE = "abcd"
LEDGERS = (None, "demo", "shop")


@st.composite
def delegations(draw: st.DrawFn) -> Delegation:
    first = draw(st.integers(0, 8))
    who = f"{draw(st.sampled_from(PEOPLE))}>{draw(st.sampled_from(PEOPLE))}"
    made = a_delegation(who, first, first + draw(st.integers(0, 4)), draw(st.sampled_from(LEDGERS)))
    return replace(made, id=str(draw(st.integers(0, 10**9))))


ANY = st.lists(delegations(), max_size=10, unique_by=lambda made: made.id)
DAYS = st.integers(0, 12).map(on_day)


def accepted(wanted: list[Delegation]) -> list[Delegation]:
    """Those that were sound when each came."""
    kept: list[Delegation] = []
    for one in wanted:
        try:
            require_sound(one, kept)
        except Refused:
            continue
        kept.append(one)
    return kept


@given(ANY, DAYS, st.sampled_from(("demo", "shop")))
def test_principals_and_stand_ins_are_each_others_mirror(
    known: list[Delegation], at: datetime, ledger: str
) -> None:
    forward = {(p, d) for d in PEOPLE for p in principals_of(d, known, at, ledger)}
    backward = {(p, d) for p in PEOPLE for d in stand_ins_of(p, known, at, ledger)}
    assert forward == backward
    assert all(principal != delegate for principal, delegate in forward)


@given(ANY, DAYS, st.sampled_from(("demo", "shop")))
def test_what_was_accepted_never_leads_back_or_to_two_delegates(
    wanted: list[Delegation], at: datetime, ledger: str
) -> None:
    holding = [d for d in accepted(wanted) if d.holds(at, ledger)]
    assert len({d.principal for d in holding}) == len(holding)
    for one in holding:
        assert one.principal not in stand_ins_of(one.delegate, holding, at, ledger)


@given(ANY, delegations())
def test_a_circle_is_refused_only_where_there_is_one(wanted: list[Delegation], new: Delegation) -> None:
    known = accepted(wanted)
    try:
        require_sound(new, known)
    except DelegationCycle:
        every_instant = [on_day(day) for day in range(13)]
        assert any(
            new.holds(at, ledger) and new.principal in stand_ins_of(new.delegate, known, at, ledger)
            for at in every_instant
            for ledger in ("demo", "shop")
        )
    except Refused:
        pass
