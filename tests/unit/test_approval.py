"""Who must agree, and when it is enough. Silence, haste and rank are never consent."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    DIGEST,
    OTHER_DIGEST,
    a_chain,
    a_confirmation,
    a_decision,
    the_parties,
    the_people,
)
from workflows.domain.approval import (
    DEFAULT_POLICY,
    Answer,
    ApprovalPolicy,
    Confirmation,
    Decision,
    Group,
    Level,
    Outcome,
    Parties,
    People,
    PinnedLevel,
    check_decision,
    confirm,
    pin_chain,
    resolve,
)
from workflows.domain.errors import (
    AlreadyDecided,
    NoApprover,
    NotAnApprover,
    NotAuthoriser,
    Refused,
    SecondGroupNeeded,
    SelfApproval,
    StaleDigest,
    TaskClosed,
)

ENOUGH = (a_decision(1, "wang"), a_decision(2, "fang"), a_decision(3, "ivo"))
JOINT = (Group.ERP_ADMIN, Group.FINANCE_HEAD)
PARTIES = Parties("clerk", "unclose")


def outcome(*decisions: Decision, digest: str = DIGEST) -> Outcome:
    return resolve(a_chain(), decisions, digest).outcome


def decide(decision: Decision, *earlier: Decision, level: PinnedLevel | None = None) -> None:
    check_decision(decision, level or a_chain()[0], earlier, the_parties(), DIGEST, "task-1")


# ------------------------------------------------------------------ the chain


def test_the_default_chain_is_warehouse_then_finance_then_it() -> None:
    assert [level.group for level in a_chain()] == [Group.WAREHOUSE, Group.FINANCE, Group.IT]
    assert [level.n for level in a_chain()] == [1, 2, 3]


def test_crossing_a_fiscal_year_adds_the_finance_head() -> None:
    chain = a_chain(crosses_year=True)
    assert [level.group for level in chain][3:] == [Group.FINANCE_HEAD]
    assert chain[3].why == "crosses_fiscal_year"


def test_the_chain_names_who_may_sign_and_why() -> None:
    assert a_chain()[1] == PinnedLevel(2, "finance", Group.FINANCE, ("fang", "feng"), "default")


def test_the_applicant_is_not_among_the_approvers() -> None:
    assert "clerk" in the_people()[Group.WAREHOUSE]
    assert a_chain()[0].persons == ("wang", "wu")


def test_the_executor_is_not_among_the_approvers() -> None:
    assert a_chain(parties=the_parties(executor="ivo"))[2].persons == ("ida",)


@pytest.mark.parametrize("group", [Group.WAREHOUSE, Group.FINANCE, Group.IT, *JOINT])
def test_a_group_nobody_is_in_stops_the_case_before_it_is_asked(group: Group) -> None:
    with pytest.raises(NoApprover) as refused:
        a_chain({**the_people(), group: ()})
    assert refused.value.group == group
    with pytest.raises(NoApprover):
        a_chain({g: persons for g, persons in the_people().items() if g != group})


@pytest.mark.parametrize("group", [Group.WAREHOUSE, *JOINT])
def test_a_group_that_holds_only_the_applicant_and_the_executor_is_empty(group: Group) -> None:
    with pytest.raises(NoApprover):
        a_chain({**the_people(), group: ("clerk", "unclose")})


def test_the_extra_level_must_have_someone_to_sign_it() -> None:
    policy = replace(DEFAULT_POLICY, cross_year_level=Level("auditor", Group.AUDITOR))
    assert len(a_chain(policy=policy)) == 3
    with pytest.raises(NoApprover):
        a_chain(policy=policy, crosses_year=True)


def test_the_chain_does_not_depend_on_the_order_in_which_people_are_listed() -> None:
    backwards = {group: persons[::-1] for group, persons in the_people().items()}
    assert a_chain(backwards) == a_chain()


def test_a_policy_that_asks_nobody_is_no_policy() -> None:
    with pytest.raises(ValueError, match="level"):
        ApprovalPolicy("empty-1", levels=())


def test_a_policy_that_releases_by_one_group_alone_is_no_policy() -> None:
    with pytest.raises(ValueError, match="two"):
        replace(DEFAULT_POLICY, authorising_groups=(Group.FINANCE_HEAD, Group.FINANCE_HEAD))


# ------------------------------------------------------------------ enough, and not enough


def test_one_yes_on_every_level_is_enough() -> None:
    resolution = resolve(a_chain(), ENOUGH, DIGEST)
    assert (resolution.outcome, resolution.level) == (Outcome.APPROVED, None)


def test_nothing_said_is_not_a_yes() -> None:
    resolution = resolve(a_chain(), (), DIGEST)
    assert (resolution.outcome, resolution.level) == (Outcome.PENDING, a_chain()[0])


def test_a_chain_without_levels_approves_nothing() -> None:
    assert resolve((), (), DIGEST).outcome is not Outcome.APPROVED


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_every_level_is_needed_and_the_first_open_one_is_asked(missing: int) -> None:
    said = [decision for n, decision in enumerate(ENOUGH) if n != missing]
    resolution = resolve(a_chain(), said, DIGEST)
    assert (resolution.outcome, resolution.level) == (Outcome.PENDING, a_chain()[missing])


@pytest.mark.parametrize("told", list(permutations(ENOUGH)))
def test_the_order_in_which_decisions_are_told_does_not_matter(told: tuple[Decision, ...]) -> None:
    assert outcome(*told) is Outcome.APPROVED


@pytest.mark.parametrize("level", [1, 2, 3])
def test_one_no_ends_it(level: int) -> None:
    said = [replace(d, answer=Answer.REJECT) if d.level == level else d for d in ENOUGH]
    resolution = resolve(a_chain(), said, DIGEST)
    assert (resolution.outcome, resolution.level) == (Outcome.REJECTED, None)


def test_a_second_yes_does_not_outvote_a_no() -> None:
    no = a_decision(1, "wang", Answer.REJECT)
    assert outcome(no, a_decision(1, "wu"), *ENOUGH[1:]) is Outcome.REJECTED


@pytest.mark.parametrize("stale", [0, 1, 2])
def test_a_stale_approval_does_not_open_the_period(stale: int) -> None:
    said = [replace(d, digest=OTHER_DIGEST) if n == stale else d for n, d in enumerate(ENOUGH)]
    assert outcome(*said) is Outcome.PENDING


def test_a_drift_voids_every_decision() -> None:
    assert resolve(a_chain(), ENOUGH, OTHER_DIGEST).level == a_chain()[0]


def test_a_stale_no_does_not_end_it() -> None:
    assert outcome(a_decision(1, "wu", Answer.REJECT, OTHER_DIGEST), *ENOUGH) is Outcome.APPROVED


def test_a_yes_from_someone_who_was_not_asked_counts_for_nothing() -> None:
    assert outcome(a_decision(1, "root"), *ENOUGH[1:]) is Outcome.PENDING
    assert outcome(a_decision(1, "clerk"), *ENOUGH[1:]) is Outcome.PENDING


def test_a_yes_on_a_level_that_is_not_theirs_counts_for_nothing() -> None:
    said = (a_decision(1, "wang"), a_decision(2, "wu"), a_decision(3, "ivo"))
    assert outcome(*said) is Outcome.PENDING


def test_one_person_on_two_levels_counts_once() -> None:
    people = {**the_people(), Group.IT: ("fang", "ida")}
    twice = (a_decision(1, "wang"), a_decision(2, "fang"), a_decision(3, "fang"))
    assert resolve(a_chain(people), twice, DIGEST).outcome is Outcome.PENDING


def test_where_one_person_alone_could_sign_two_levels_the_period_stays_closed() -> None:
    people = {**the_people(), Group.FINANCE: ("fang",), Group.IT: ("fang",)}
    try:
        chain = a_chain(people)
    except NoApprover:
        return
    said = (a_decision(1, "wang"), a_decision(2, "fang"), a_decision(3, "fang"))
    assert resolve(chain, said, DIGEST).outcome is Outcome.PENDING


# ------------------------------------------------------------------ whether a person may decide now


def test_an_approver_of_the_level_may_decide_on_the_digest_in_force() -> None:
    decide(a_decision(1, "wang"))
    decide(a_decision(1, "wu", Answer.REJECT))


@pytest.mark.parametrize("answer", list(Answer))
def test_nobody_decides_on_their_own_request(answer: Answer) -> None:
    with pytest.raises(SelfApproval):
        decide(a_decision(1, "clerk", answer))
    open_to_all = replace(a_chain()[0], persons=("clerk", "wang"))
    with pytest.raises(SelfApproval):
        decide(a_decision(1, "clerk", answer), level=open_to_all)


@pytest.mark.parametrize("person", ["fang", "root", "unclose", "stranger", "", "WANG"])
def test_nobody_signs_for_a_group_they_are_not_pinned_in(person: str) -> None:
    with pytest.raises(NotAnApprover) as refused:
        decide(a_decision(1, person))
    assert refused.value.approvers == ("wang", "wu")


def test_nobody_decides_twice() -> None:
    with pytest.raises(AlreadyDecided):
        decide(a_decision(1, "wang", Answer.REJECT), a_decision(1, "wang"))


def test_nobody_decides_on_two_levels() -> None:
    finance = replace(a_chain()[1], persons=("fang", "wang"))
    with pytest.raises(AlreadyDecided):
        decide(a_decision(2, "wang"), a_decision(1, "wang"), level=finance)


def test_after_a_drift_the_same_person_may_decide_again() -> None:
    decide(a_decision(1, "wang"), a_decision(1, "wang", digest=OTHER_DIGEST))


def test_a_decision_on_something_else_than_would_be_executed_is_refused() -> None:
    with pytest.raises(StaleDigest) as refused:
        decide(a_decision(1, "wang", digest=OTHER_DIGEST))
    assert (refused.value.given, refused.value.current) == (OTHER_DIGEST, DIGEST)


# ------------------------------------------------------------------ no way around

PERSONS = ("a", "b", "c", "d", "applicant", "executor")
SIGNING = (Group.WAREHOUSE, Group.FINANCE, Group.IT, *JOINT)


def any_people() -> st.SearchStrategy[People]:
    some = st.lists(st.sampled_from(PERSONS), unique=True, min_size=2).map(tuple)
    return st.fixed_dictionaries(dict.fromkeys(SIGNING, some))


def any_decisions() -> st.SearchStrategy[list[Decision]]:
    """More yes than no, so that chains do come to an end."""
    return st.lists(
        st.builds(
            Decision,
            st.integers(0, 5),
            st.sampled_from(PERSONS),
            st.sampled_from((Answer.APPROVE,) * 9 + (Answer.REJECT,)),
            st.sampled_from((DIGEST,) * 4 + (OTHER_DIGEST,)),
        ),
        max_size=40,
    )


def agreed(chain: tuple[PinnedLevel, ...], people: People, decisions: list[Decision]) -> bool:
    """Distinct entitled persons other than applicant and executor, one for each level, by trying all ways."""
    said = {(d.level, d.person) for d in decisions if (d.answer, d.digest) == (Answer.APPROVE, DIGEST)}
    entitled = [
        {p for p in people[level.group] if (level.n, p) in said and p not in ("applicant", "executor")}
        for level in chain
    ]
    return any(
        all(person in may for person, may in zip(signing, entitled, strict=True))
        for signing in permutations(PERSONS, len(chain))
    )


@given(people=any_people(), attempts=any_decisions(), crosses_year=st.booleans())
def test_no_sequence_of_attempts_approves_without_a_distinct_entitled_person_on_each_level(
    people: People, attempts: list[Decision], crosses_year: bool
) -> None:
    parties = the_parties("applicant", "executor")
    try:
        chain = a_chain(people, parties, crosses_year=crosses_year)
    except NoApprover:
        return
    taken: list[Decision] = []
    for attempt in attempts:
        asked = resolve(chain, taken, DIGEST).level
        if asked is None:
            break
        try:
            check_decision(attempt, asked, taken, parties, DIGEST, "task-1")
        except Refused:
            continue
        taken.append(attempt)
    if resolve(chain, taken, DIGEST).outcome is Outcome.APPROVED:
        assert agreed(chain, people, taken)


@given(people=any_people(), told=any_decisions())
def test_decisions_that_nobody_checked_approve_nothing_either(people: People, told: list[Decision]) -> None:
    try:
        chain = a_chain(people, the_parties("applicant", "executor"))
    except NoApprover:
        return
    if resolve(chain, told, DIGEST).outcome is Outcome.APPROVED:
        assert agreed(chain, people, told)


@given(people=any_people(), data=st.data())
def test_the_right_persons_do_get_through(people: People, data: st.DataObject) -> None:
    people = {group: (*persons, f"own-{group}") for group, persons in people.items()}
    chain = a_chain(people, the_parties("applicant", "executor"))
    taken: list[Decision] = []
    for level in chain:
        own = a_decision(level.n, f"own-{level.group}")
        check_decision(own, level, taken, the_parties("applicant", "executor"), DIGEST, "task-1")
        taken.append(own)
        asked = data.draw(st.permutations(taken))
        assert resolve(chain, asked, DIGEST).outcome is (
            Outcome.APPROVED if level == chain[-1] else Outcome.PENDING
        )


# ------------------------------------------------------------------ joint authorisation


def release(
    person: str,
    *given_before: Confirmation,
    groups: tuple[Group, ...] | None = None,
    parties: Parties = PARTIES,
    digest: str = DIGEST,
) -> Confirmation:
    theirs = groups if groups is not None else tuple(g for g, who in the_people().items() if person in who)
    return confirm(person, theirs, given_before, JOINT, parties, digest, DIGEST, "task-2")


@pytest.mark.parametrize(("first", "second"), [("emma", "hao"), ("hao", "emma")])
def test_two_persons_one_from_each_group_release_the_execution(first: str, second: str) -> None:
    one = release(first)
    other = release(second, one)
    assert {one.group, other.group} == set(JOINT)
    assert (one.person, other.person, other.digest) == (first, second, DIGEST)


def test_two_persons_of_one_group_are_not_enough() -> None:
    with pytest.raises(SecondGroupNeeded) as refused:
        release("erik", a_confirmation("emma", Group.ERP_ADMIN))
    assert refused.value.missing == Group.FINANCE_HEAD


def test_one_person_in_both_groups_confirms_only_once() -> None:
    one = release("both", groups=JOINT)
    with pytest.raises(AlreadyDecided):
        release("both", one, groups=JOINT)


def test_a_person_in_both_groups_confirms_for_the_one_that_is_missing() -> None:
    for done, missing in (JOINT, JOINT[::-1]):
        assert release("both", a_confirmation("emma", done), groups=JOINT).group is missing


@pytest.mark.parametrize("person", ["root", "wang", "fang", "stranger"])
def test_nobody_outside_the_two_groups_releases_anything(person: str) -> None:
    with pytest.raises(NotAuthoriser):
        release(person)


def test_someone_with_another_part_in_the_case_releases_nothing() -> None:
    with pytest.raises(NotAuthoriser):
        release("clerk", groups=JOINT)
    with pytest.raises(NotAuthoriser):
        release("unclose", groups=JOINT)


def test_a_release_of_something_else_than_would_be_executed_is_refused() -> None:
    with pytest.raises(StaleDigest):
        release("emma", digest=OTHER_DIGEST)


def test_a_confirmation_given_before_a_drift_counts_for_nothing() -> None:
    stale = a_confirmation("emma", Group.ERP_ADMIN, OTHER_DIGEST)
    assert release("erik", stale).group is Group.ERP_ADMIN
    assert release("emma", stale).group is Group.ERP_ADMIN


def test_once_both_have_confirmed_there_is_nothing_left_to_confirm() -> None:
    given_before = a_confirmation("emma", Group.ERP_ADMIN), a_confirmation("hao", Group.FINANCE_HEAD)
    with pytest.raises(TaskClosed):
        release("erik", *given_before)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("a", "b", "c", "clerk")),
            st.lists(st.sampled_from(Group), max_size=3).map(tuple),
            st.sampled_from((DIGEST, DIGEST, OTHER_DIGEST)),
        ),
        max_size=12,
    )
)
def test_no_sequence_of_releases_takes_a_group_or_a_person_twice(
    attempts: list[tuple[str, tuple[Group, ...], str]],
) -> None:
    taken: tuple[Confirmation, ...] = ()
    for person, groups, digest in attempts:
        try:
            confirmation = release(person, *taken, groups=groups, digest=digest)
        except Refused:
            continue
        assert confirmation.group in groups
        taken = (*taken, confirmation)
    assert len({c.person for c in taken}) == len({c.group for c in taken}) == len(taken) <= 2
    assert all(c.digest == DIGEST and c.person != "clerk" and c.group in JOINT for c in taken)


def test_the_pinned_chain_is_resolved_by_the_policy_it_was_made_from() -> None:
    policy = ApprovalPolicy("two-1", (Level("books", Group.FINANCE), Level("machines", Group.IT, "risk")))
    chain = pin_chain(policy, the_people(), the_parties(), crosses_year=False)
    assert [(level.name, level.why) for level in chain] == [("books", "default"), ("machines", "risk")]


# ------------------------------------------------------------------ chains that nobody could sign


def test_one_person_who_would_be_needed_on_two_levels_is_nobody_for_the_second() -> None:
    policy = ApprovalPolicy("two", (Level("stock", Group.WAREHOUSE), Level("money", Group.FINANCE)))
    people = {**the_people(), Group.WAREHOUSE: ("ada",), Group.FINANCE: ("ada",)}
    with pytest.raises(NoApprover) as caught:
        pin_chain(policy, people, Parties("clerk", "unclose"), crosses_year=False)
    assert caught.value.level == "money"


def test_levels_that_share_persons_are_signed_as_long_as_distinct_persons_can_fill_them() -> None:
    policy = ApprovalPolicy("two", (Level("stock", Group.WAREHOUSE), Level("money", Group.FINANCE)))
    people = {**the_people(), Group.WAREHOUSE: ("ada", "bob"), Group.FINANCE: ("ada",)}
    assert len(pin_chain(policy, people, Parties("clerk", "unclose"), crosses_year=False)) == 2


def test_one_person_in_both_authorising_groups_cannot_release_alone() -> None:
    people = {**the_people(), Group.ERP_ADMIN: ("ada",), Group.FINANCE_HEAD: ("ada",)}
    with pytest.raises(NoApprover):
        pin_chain(DEFAULT_POLICY, people, Parties("clerk", "unclose"), crosses_year=False)


def test_the_person_behind_a_service_account_may_not_approve_their_own_wish() -> None:
    parties = Parties("robot", "unclose", on_behalf_of="ada")
    people = {**the_people(), Group.WAREHOUSE: ("ada", "bob")}
    chain = pin_chain(DEFAULT_POLICY, people, parties, crosses_year=False)
    assert chain[0].persons == ("bob",)
