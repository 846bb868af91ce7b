"""The chain of one case: who is asked, why, and that distinct persons can sign all of it."""

from dataclasses import replace

import pytest

from tests.builders import a_chain, a_policy, the_parties, the_people
from workflows.domain.approval import Group, Parties
from workflows.domain.chain import Ahead, PinnedDemand, PinnedLevel, match, unsignable
from workflows.domain.errors import ChainEmpty, NoApprover
from workflows.domain.policy import (
    DEFAULT_POLICY,
    EXTRA_RULES,
    Authorising,
    Demand,
    Level,
    Mode,
    OnDeadline,
    one_of,
)

JOINT = (Group.ERP_ADMIN, Group.FINANCE_HEAD)
STOCK = Level("stock", one_of(Group.WAREHOUSE))
MONEY = Level("money", one_of(Group.FINANCE))


def pinned(*demands: PinnedDemand, n: int = 1) -> PinnedLevel:
    return PinnedLevel(n, f"level-{n}", Mode.ANY, (demands,), "always")


def seat(*persons: str, need: int = 1) -> PinnedDemand:
    return PinnedDemand(Group.FINANCE, persons, need)


def test_the_default_chain_is_warehouse_then_finance_then_it() -> None:
    assert [level.groups for level in a_chain()] == [(Group.WAREHOUSE,), (Group.FINANCE,), (Group.IT,)]
    assert [(level.n, level.why) for level in a_chain()] == [(1, "always"), (2, "always"), (3, "always")]


@pytest.mark.parametrize("rule", [rule.name for rule in EXTRA_RULES])
def test_where_more_is_at_stake_the_finance_head_is_asked_as_well_and_told_why(rule: str) -> None:
    last = a_chain(holding=[rule])[-1]
    assert (last.n, last.groups, last.why) == (4, (Group.FINANCE_HEAD,), rule)


def test_every_rule_that_holds_is_told() -> None:
    assert a_chain(holding=["high_risk", "several_periods"])[3].why == "several_periods, high_risk"


def test_levels_are_numbered_by_what_is_asked_not_by_the_policy() -> None:
    policy = a_policy(replace(STOCK, when=EXTRA_RULES), MONEY)
    assert [(level.n, level.name) for level in a_chain(policy)] == [(1, "money")]


def test_a_chain_that_asks_nobody_is_refused() -> None:
    with pytest.raises(ChainEmpty) as refused:
        a_chain(a_policy(replace(STOCK, when=EXTRA_RULES)))
    assert refused.value.policy == "example-1"
    with pytest.raises(ChainEmpty):
        a_chain(a_policy())


# ------------------------------------------------------------------ who may sign


def test_neither_applicant_nor_executor_nor_anyone_else_with_a_part_is_among_the_approvers() -> None:
    assert "clerk" in the_people()[Group.WAREHOUSE]
    assert a_chain()[0].persons == ("wang", "wu")
    parties = Parties("robot", "ivo", "wang", correctors=("fang", "clerk"), policy_author="x")
    assert [level.persons for level in a_chain(parties=parties)] == [("wu",), ("feng",), ("ida",)]
    assert a_chain(parties=Parties("x", "y", policy_author="feng"))[1].persons == ("fang",)


def test_the_chain_does_not_depend_on_the_order_in_which_people_are_listed() -> None:
    backwards = {group: persons[::-1] for group, persons in the_people().items()}
    assert a_chain(people=backwards) == a_chain()


@pytest.mark.parametrize("group", [Group.WAREHOUSE, Group.FINANCE, Group.IT, *JOINT])
@pytest.mark.parametrize("persons", [(), ("clerk", "unclose")])
def test_a_group_without_anybody_who_may_sign_stops_the_case_before_it_is_asked(
    group: Group, persons: tuple[str, ...]
) -> None:
    with pytest.raises(NoApprover) as refused:
        a_chain(people={**the_people(), group: persons})
    assert refused.value.group == group
    with pytest.raises(NoApprover):
        a_chain(people={g: names for g, names in the_people().items() if g != group})


def test_an_extra_level_must_have_somebody_to_sign_it() -> None:
    people = {**the_people(), Group.AUDITOR: ()}
    policy = a_policy(STOCK, Level("auditor", one_of(Group.AUDITOR), when=EXTRA_RULES))
    assert len(a_chain(policy, people)) == 1
    with pytest.raises(NoApprover):
        a_chain(policy, people, holding=["high_risk"])


@pytest.mark.parametrize(
    ("mode", "count", "need"),
    [(Mode.ANY, None, 1), (Mode.ANY, 2, 2), (Mode.ALL, None, 2), (Mode.SEQUENCE, None, 2)],
)
def test_a_level_needs_as_many_as_its_mode_or_its_count_asks_for(
    mode: Mode, count: int | None, need: int
) -> None:
    (level,) = a_chain(a_policy(Level("it", ((Demand(Group.IT, count),),), mode)))
    assert level.ways == ((PinnedDemand(Group.IT, ("ida", "ivo"), need),),)


@pytest.mark.parametrize("count", [3, 0, -1])
def test_a_count_that_a_group_cannot_give_stops_the_case(count: int) -> None:
    with pytest.raises(NoApprover):
        a_chain(a_policy(Level("it", ((Demand(Group.IT, count),),))))


def test_a_way_that_cannot_be_gone_is_left_out_as_long_as_another_can() -> None:
    level = Level("either", ((Demand(Group.IT, 3),), (Demand(Group.AUDITOR),), (Demand(Group.FINANCE),)))
    assert a_chain(a_policy(level))[0].groups == (Group.FINANCE,)


@pytest.mark.parametrize("ways", [(), ((),)])
def test_a_level_that_demands_nothing_is_signed_by_nobody(ways: tuple[()]) -> None:
    with pytest.raises(NoApprover):
        a_chain(a_policy(Level("nothing", ways)))


def test_who_is_told_and_who_may_be_asked_instead_is_pinned() -> None:
    level = replace(MONEY, cc=(Group.IT, Group.ADMIN), transfer_to=(Group.FINANCE_HEAD, Group.FINANCE))
    (mine,) = a_chain(a_policy(level))
    assert mine.cc == ("ivo", "ida", "root")
    assert mine.open_to == (Group.FINANCE_HEAD, Group.FINANCE)


def test_an_escalation_is_pinned_without_those_who_have_another_part() -> None:
    level = replace(MONEY, on_deadline=OnDeadline.ESCALATE, escalate_to=Group.FINANCE_HEAD)
    (mine,) = a_chain(a_policy(level), parties=the_parties("hao"))
    assert mine.escalation == PinnedDemand(Group.FINANCE_HEAD, ("hui",), 1)
    assert a_chain(a_policy(MONEY))[0].escalation is None


# ------------------------------------------------------------------ distinct persons


def test_one_person_who_would_be_needed_on_two_levels_is_nobody_for_the_second() -> None:
    people = {**the_people(), Group.WAREHOUSE: ("ada",), Group.FINANCE: ("ada",)}
    with pytest.raises(NoApprover) as refused:
        a_chain(a_policy(STOCK, MONEY), people)
    assert refused.value.level == "money"


def test_levels_may_share_persons_as_long_as_distinct_ones_can_sign_them() -> None:
    people = {**the_people(), Group.WAREHOUSE: ("ada", "bob"), Group.FINANCE: ("ada",)}
    assert len(a_chain(a_policy(STOCK, MONEY), people)) == 2


def test_one_person_in_both_groups_of_one_level_does_not_sign_for_both() -> None:
    both = Level("both", ((Demand(Group.FINANCE), Demand(Group.IT)),))
    people = {**the_people(), Group.FINANCE: ("ada",), Group.IT: ("ada",)}
    with pytest.raises(NoApprover):
        a_chain(a_policy(both), people)


def test_one_person_in_both_authorising_groups_cannot_release_alone() -> None:
    with pytest.raises(NoApprover) as refused:
        a_chain(people={**the_people(), Group.ERP_ADMIN: ("ada",), Group.FINANCE_HEAD: ("ada",)})
    assert refused.value.level == "authorisation"


def test_a_release_by_one_group_alone_is_no_policy() -> None:
    with pytest.raises(ValueError, match="two different groups"):
        Authorising((Group.FINANCE_HEAD, Group.FINANCE_HEAD))


def test_a_level_is_satisfied_by_distinct_persons_of_one_way() -> None:
    level = replace(pinned(seat("a", "b", need=2), seat("b", "c")), ways=())
    assert not level.is_satisfied_by(frozenset("abc"))
    level = pinned(seat("a", "b"), seat("b"))
    assert level.is_satisfied_by(frozenset("ab"))
    assert not level.is_satisfied_by(frozenset("b"))
    assert not level.is_satisfied_by(frozenset("a"))


def test_who_has_signed_one_level_is_missing_on_the_next() -> None:
    chain = (pinned(seat("a", "b")), pinned(seat("a"), n=2))
    assert unsignable(chain) is None
    assert unsignable(chain[1:], frozenset("a")) == chain[1]
    assert unsignable((), frozenset("a"), Ahead(chain[1], frozenset("a"))) is None


def test_a_choice_of_ways_is_made_so_that_later_levels_can_be_signed() -> None:
    first = replace(pinned(), ways=((seat("a"),), (seat("b"),)))
    assert unsignable((first, pinned(seat("a"), n=2))) is None
    assert unsignable((first, pinned(seat("a"), n=2), pinned(seat("b"), n=3))) is not None


def test_seats_are_matched_with_distinct_persons_or_not_at_all() -> None:
    assert match([["a", "b"], ["a"], ["b", "c"]]) == {"a": 1, "b": 0, "c": 2}
    assert match([["a"], ["a"]]) is None
    assert match([[]]) is None
    assert match([]) == {}


# ------------------------------------------------------------------ expedited


def test_an_expedited_case_has_less_time_and_more_witnesses_and_the_same_approvers() -> None:
    people = {**the_people(), Group.AUDITOR: ("ann",)}
    slow, fast = a_chain(people=people), a_chain(people=people, expedited=True)
    assert [(level.deadline_hours, level.expires_hours) for level in fast] == [(4, 12)] * 3
    assert {level.cc for level in fast} == {("hao", "hui", "ann")}
    assert [level.ways for level in fast] == [level.ways for level in slow]


@pytest.mark.parametrize(("deadline", "expires"), [(1, 1), (1, 3), (2, 2), (3, 9), (1000, 2000)])
def test_an_expedited_case_never_has_more_time_nor_none(deadline: int, expires: int) -> None:
    policy = a_policy(replace(MONEY, deadline_hours=deadline, expires_hours=expires))
    for percent in (1, 50, 100):
        fast = replace(policy, expedited=replace(policy.expedited, deadline_percent=percent))
        (level,) = a_chain(fast, expedited=True)
        assert 1 <= level.deadline_hours <= deadline
        assert level.deadline_hours <= level.expires_hours <= expires


def test_a_policy_names_every_group_it_may_ask_or_tell() -> None:
    level = replace(MONEY, escalate_to=Group.OPERATOR, cc=(Group.ADMIN,))
    assert set(a_policy(level).groups) == {
        Group.FINANCE, Group.OPERATOR, Group.ADMIN, Group.AUDITOR, *DEFAULT_POLICY.authorising.groups
    }  # fmt: skip
