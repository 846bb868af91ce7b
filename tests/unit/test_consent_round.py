"""One round of consent, act by act. Silence, haste and rank are never consent."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.builders import DIGEST, OTHER_DIGEST, a_chain, a_policy, the_parties, the_people
from workflows.domain.approval import Group, Parties
from workflows.domain.case import APPLICANT, Act, Actor, EventKind, Position, Resume, TaskAction, Told
from workflows.domain.chain import PinnedLevel
from workflows.domain.consent_level import Voice
from workflows.domain.consent_round import Outcome, Round, Standing
from workflows.domain.errors import (
    ActIncomplete,
    ActionNotPossible,
    AlreadyDecided,
    NotAnApprover,
    NotStandingIn,
    NotYourTurn,
    PersonNotEligible,
    Refused,
    SeatNeededLater,
    SelfApproval,
    StaleDigest,
    TaskClosed,
    UnknownLevel,
    UnknownPerson,
)
from workflows.domain.policy import Demand, Level, Mode, OnDeadline, one_of

GROUPS = {p: tuple(g for g, who in the_people().items() if p in who) for p in sum(the_people().values(), ())}
APPROVE, REJECT, RETURN = TaskAction.APPROVE, TaskAction.REJECT, TaskAction.RETURN
TRANSFER, ADD, COMMENT = TaskAction.TRANSFER, TaskAction.ADD_SIGN, TaskAction.COMMENT


class Table:
    """People around one round; each line of a test is one act."""

    def __init__(self, chain: Iterable[PinnedLevel], parties: Parties | None = None) -> None:
        self.round = Round.of(tuple(chain), parties or the_parties(), DIGEST)
        self.groups: dict[str, tuple[Group, ...]] = dict(GROUPS)
        self.principals: dict[str, tuple[str, ...]] = {}
        self.told: tuple[Told, ...] = ()

    def does(
        self, person: str, action: TaskAction = APPROVE, digest: str | None = DIGEST, **more: object
    ) -> None:
        act = Act("task-1", Actor(person, self.groups.get(person, ())), action, digest, **more)  # type: ignore[arg-type]
        principals = self.principals.get(person, ())
        named = {*principals, *act.persons, *((act.to,) if act.to else ())}
        standing = Standing(principals, {name: self.groups.get(name) for name in named})
        before = self.round
        try:
            self.round, self.told = before.take(act, standing, "approving")
        except Refused:
            assert self.round is before
            raise

    def refuses(self, error: type[Refused], person: str, *args: object, **more: object) -> Refused:
        with pytest.raises(error) as refused:
            self.does(person, *args, **more)  # type: ignore[arg-type]
        return refused.value

    @property
    def asked(self) -> tuple[str, ...]:
        return self.round.asked

    @property
    def level(self) -> str:
        return self.round.now.level.name

    @property
    def outcome(self) -> Outcome:
        return self.round.outcome


def level(name: str = "it", group: Group = Group.IT, mode: Mode = Mode.ANY, **more: object) -> Level:
    return Level(name, one_of(group), mode, **more)  # type: ignore[arg-type]


def table(*levels: Level) -> Table:
    return Table(a_chain(a_policy(*levels)) if levels else a_chain())


FOUR = (
    level("one", Group.WAREHOUSE),
    level("two", Group.FINANCE),
    level("three", Group.IT),
    level("four", Group.FINANCE_HEAD),
)
TWO_HEADS: dict[str, Any] = {"on_deadline": OnDeadline.ESCALATE, "escalate_to": Group.FINANCE_HEAD}


# ------------------------------------------------------------------ enough, and not enough


def test_one_yes_on_every_level_in_order_is_enough() -> None:
    t = table()
    for person, outcome in (("wang", "pending"), ("fang", "pending"), ("ivo", "approved")):
        t.does(person)
        assert t.outcome == outcome
    assert (t.round.signed, t.asked, t.round.waiting_for) == (("wang", "fang", "ivo"), (), ())


def test_nothing_said_is_not_a_yes() -> None:
    t = table()
    assert (t.outcome, t.level, t.asked) == (Outcome.PENDING, "warehouse", ("wang", "wu"))


def test_a_chain_without_levels_is_no_round() -> None:
    with pytest.raises(ValueError, match="somebody"):
        Round.of((), the_parties(), DIGEST)


@pytest.mark.parametrize("so_far", [(), ("wang",), ("wang", "fang")])
def test_one_no_on_any_level_ends_it(so_far: tuple[str, ...]) -> None:
    t = table()
    for person in so_far:
        t.does(person)
    t.does(t.asked[0], REJECT)
    assert (t.outcome, t.asked) == (Outcome.REJECTED, ())
    assert t.told[0].data["answer"] == "reject"


def test_a_second_yes_does_not_outvote_a_no() -> None:
    t = table()
    t.does("wang", REJECT)
    assert t.refuses(TaskClosed, "wu").facts["state"] == "approving"


def test_all_of_a_group_sign_in_any_order() -> None:
    t = table(level(mode=Mode.ALL))
    t.does("ivo")
    assert (t.outcome, t.asked) == (Outcome.PENDING, ("ida",))
    t.does("ida")
    assert t.outcome == Outcome.APPROVED


def test_in_a_sequence_one_signs_after_the_other() -> None:
    t = table(level(mode=Mode.SEQUENCE))
    assert t.asked == ("ida",)
    assert t.refuses(NotYourTurn, "ivo").facts["first"] == "ida"
    t.does("ida")
    assert t.asked == ("ivo",)
    t.does("ivo")
    assert t.outcome == Outcome.APPROVED


def test_of_several_groups_each_gives_its_consent() -> None:
    t = table(Level("both", ((Demand(Group.IT), Demand(Group.FINANCE, 2)),)))
    for person, left in (("fang", {"feng", "ida", "ivo"}), ("ivo", {"feng"})):
        t.does(person)
        assert set(t.asked) == left
    t.does("feng")
    assert t.outcome == Outcome.APPROVED


def test_of_two_ways_one_is_enough_and_halves_of_both_are_not() -> None:
    t = table(Level("either", ((Demand(Group.IT, 2),), (Demand(Group.FINANCE, 2),))))
    t.does("ivo")
    t.does("fang")
    assert t.asked == ("ida", "feng")
    t.does("ida")
    assert t.outcome == Outcome.APPROVED


# ------------------------------------------------------------------ whether a person may


@pytest.mark.parametrize("action", [APPROVE, REJECT, RETURN, TRANSFER, ADD])
def test_nobody_decides_on_their_own_request(action: TaskAction) -> None:
    t = table()
    t.refuses(SelfApproval, "clerk", action)
    t.principals["clerk"] = ("wang",)
    t.refuses(SelfApproval, "clerk", action, acting_for="wang")


@pytest.mark.parametrize("person", ["fang", "root", "unclose", "stranger", "", "WANG"])
@pytest.mark.parametrize("action", [APPROVE, REJECT])
def test_nobody_signs_for_a_group_they_are_not_pinned_in(person: str, action: TaskAction) -> None:
    refused = table().refuses(NotAnApprover, person, action)
    assert refused.facts["approvers"] == "wang, wu"


def test_who_has_left_the_group_since_has_no_say_and_who_joined_has_none_either() -> None:
    t = table()
    t.groups |= {"wang": (Group.FINANCE,), "late": (Group.WAREHOUSE,)}
    t.refuses(NotAnApprover, "wang")
    t.refuses(NotAnApprover, "late")
    t.principals["feng"] = ("wang",)
    t.refuses(NotAnApprover, "feng")


def test_who_has_another_part_has_no_say_even_if_pinned() -> None:
    t = Table(a_chain(parties=the_parties("someone")), Parties("someone", "x", correctors=("wang",)))
    t.refuses(NotAnApprover, "wang")
    t.principals["root"] = ("wang",)
    t.refuses(NotAnApprover, "root", acting_for="wang")


def test_nobody_decides_twice_on_one_level_or_on_two() -> None:
    t = table(level("both", mode=Mode.ALL), level("again", Group.FINANCE))
    t.groups["ivo"] = (Group.IT, Group.FINANCE)
    t.does("ivo")
    t.refuses(AlreadyDecided, "ivo", REJECT)
    t.does("ida")
    t.refuses(AlreadyDecided, "ivo")


def test_who_alone_can_sign_a_later_level_is_kept_for_it() -> None:
    people = {**the_people(), Group.FINANCE: ("wang",)}
    t = Table(a_chain(a_policy(level("stock", Group.WAREHOUSE), level("money", Group.FINANCE)), people))
    t.groups["wang"] = (Group.WAREHOUSE, Group.FINANCE)
    assert t.refuses(SeatNeededLater, "wang").facts["level"] == "money"
    t.does("wu")
    t.does("wang")
    assert t.outcome == Outcome.APPROVED


@pytest.mark.parametrize("digest", [OTHER_DIGEST, None])
@pytest.mark.parametrize("action", [APPROVE, REJECT])
def test_a_decision_on_something_else_than_would_be_executed_is_refused(
    action: TaskAction, digest: str | None
) -> None:
    refused = table().refuses(StaleDigest, "wang", action, digest)
    assert refused.facts == {"given": digest or "none", "current": DIGEST}


def test_other_acts_need_no_digest_but_none_is_taken_for_a_wrong_one() -> None:
    t = table()
    t.refuses(StaleDigest, "wang", RETURN, OTHER_DIGEST, to=APPLICANT)
    t.refuses(StaleDigest, "wang", ADD, None, persons=("hao",), position=Position.AFTER)
    t.does("wang", TRANSFER, None, to="wu")


# ------------------------------------------------------------------ delegation


def test_a_stand_in_signs_for_the_principal_and_both_names_are_on_record() -> None:
    t = table(*FOUR[:1], level("money", Group.FINANCE_HEAD))
    t.principals["fang"] = ("wang",)
    t.does("fang")
    assert t.round.levels[0].voices == (Voice("fang", "wang"),)
    assert [told.holder for told in t.told] == ["wang"]
    t.does("hao")
    assert (t.told[0].holder, t.outcome) == (None, Outcome.APPROVED)


def test_one_person_never_signs_twice_by_standing_in() -> None:
    t = table(level(mode=Mode.ALL), level("money", Group.FINANCE_HEAD))
    t.principals = {"ivo": ("ida", "hao"), "root": ("ivo", "ida")}
    t.does("ivo")
    t.refuses(AlreadyDecided, "ivo", acting_for="ida")
    t.does("root")
    assert t.round.levels[0].voices[1] == Voice("root", "ida")
    t.refuses(AlreadyDecided, "ivo", acting_for="hao")
    t.principals["wu"] = ("ivo",)
    t.refuses(NotAnApprover, "wu")


def test_who_has_signed_for_another_of_the_level_is_not_asked_any_more() -> None:
    t = Table(a_chain(a_policy(Level("it", ((Demand(Group.IT, 2),),))), people_with_three()))
    t.groups["ian"] = (Group.IT,)
    t.principals["ivo"] = ("ida",)
    t.does("ivo", acting_for="ida")
    assert t.asked == ("ian",)
    t.does("ian")
    assert t.outcome == Outcome.APPROVED


def people_with_three() -> dict[Group, tuple[str, ...]]:
    return {**the_people(), Group.IT: ("ian", "ida", "ivo")}


def test_a_stand_in_does_not_take_a_consent_that_both_would_be_needed_for() -> None:
    t = table(level(mode=Mode.ALL))
    t.principals["ivo"] = ("ida",)
    assert t.refuses(SeatNeededLater, "ivo", acting_for="ida").facts["level"] == "it"


def test_nobody_acts_for_someone_they_do_not_stand_in_for() -> None:
    t = table()
    with pytest.raises(Refused):
        t.does("fang", acting_for="wang")
    with pytest.raises(Refused):
        t.does("wang", acting_for="wu")


# ------------------------------------------------------------------ return


def test_a_return_to_the_applicant_waits_for_them_and_is_no_refusal() -> None:
    t = table()
    t.does("wang")
    t.does("fang", RETURN, None, to=APPLICANT, comment="which slot?")
    assert (t.outcome, t.asked) == (Outcome.RETURNED, ())
    assert t.round.returned is not None
    assert (t.round.returned.level, t.round.returned.resume) == (1, Resume.REPLAY)
    assert t.told[0].data["answer"] == "return"


def test_after_a_direct_return_the_applicants_answer_leads_straight_back() -> None:
    t = table()
    t.does("wang")
    t.does("fang", RETURN, to=APPLICANT, resume=Resume.DIRECT)
    t.round = t.round.resumed_directly(DIGEST)
    assert (t.level, t.round.signed, t.outcome) == ("finance", ("wang",), Outcome.PENDING)
    t.does("fang")
    t.does("ivo")
    assert t.outcome == Outcome.APPROVED


def test_no_consent_is_carried_over_to_another_digest() -> None:
    t = table()
    t.does("wang", RETURN, to=APPLICANT, resume=Resume.DIRECT)
    with pytest.raises(StaleDigest):
        t.round.resumed_directly(OTHER_DIGEST)


def test_a_return_to_an_earlier_level_asks_everyone_from_there_on_again() -> None:
    t = table(*FOUR)
    for person in ("wang", "fang"):
        t.does(person)
    t.does("ivo", RETURN, to="one")
    assert (t.level, t.round.signed) == ("one", ())
    assert t.told[1].kind == EventKind.DECISIONS_VOID
    assert (t.told[1].data["levels"], t.told[1].data["signed"]) == ([1, 2, 3], ["wang", "fang"])
    for person in ("wang", "fang", "ivo", "hao"):
        assert t.outcome == Outcome.PENDING
        t.does(person)
    assert t.outcome == Outcome.APPROVED


def test_a_direct_return_asks_only_that_level_and_comes_straight_back() -> None:
    t = table(*FOUR)
    for person in ("wang", "fang"):
        t.does(person)
    t.does("ivo", RETURN, to="one", resume=Resume.DIRECT)
    assert t.told[1].data["levels"] == [1, 3]
    t.does("wu")
    assert (t.level, t.round.signed) == ("three", ("wu", "fang"))


@pytest.mark.parametrize("resume", Resume)
def test_a_return_within_a_return_still_comes_to_an_end(resume: Resume) -> None:
    t = table(*FOUR)
    for person in ("wang", "fang", "ivo"):
        t.does(person)
    t.does("hao", RETURN, to="two", resume=Resume.DIRECT)
    t.does("fang", RETURN, to="one", resume=resume)
    for _ in range(4):
        if t.outcome == Outcome.PENDING:
            assert t.asked
            t.does(t.asked[0])
    assert t.outcome == Outcome.APPROVED


@pytest.mark.parametrize("to", ["two", "three", "nowhere", "One"])
def test_a_return_leads_to_an_earlier_level_or_to_the_applicant_and_nowhere_else(to: str) -> None:
    t = table(*FOUR)
    t.does("wang")
    assert t.refuses(UnknownLevel, "fang", RETURN, to=to).facts["possible"] == "applicant, one"
    assert t.refuses(ActIncomplete, "fang", RETURN).facts["field"] == "to"


# ------------------------------------------------------------------ transfer


def test_a_task_handed_over_is_the_other_persons_and_no_longer_mine() -> None:
    t = table(level(mode=Mode.ALL, transfer_to=(Group.FINANCE,)))
    t.does("ivo", TRANSFER, to="fang")
    assert (t.told[0].data["from"], t.told[0].data["to"]) == ("ivo", "fang")
    assert set(t.asked) == {"ida", "fang"}
    t.refuses(NotAnApprover, "ivo")
    t.does("fang")
    t.does("ida")
    assert t.outcome == Outcome.APPROVED


@pytest.mark.parametrize(
    ("to", "error"),
    [
        (None, ActIncomplete),
        ("nobody", UnknownPerson),
        ("clerk", PersonNotEligible),
        ("unclose", UnknownPerson),
        ("ivo", PersonNotEligible),
        ("ida", PersonNotEligible),
        ("fang", PersonNotEligible),
        ("wang", PersonNotEligible),
    ],
)
def test_a_task_is_handed_over_only_to_who_may_take_it(to: str | None, error: type[Refused]) -> None:
    t = table(level("stock", Group.WAREHOUSE), level(mode=Mode.ALL))
    t.does("wang")
    t.refuses(error, "ivo", TRANSFER, to=to)


def test_consent_of_each_of_two_groups_is_not_handed_over_to_one_of_them() -> None:
    t = table(Level("both", ((Demand(Group.IT), Demand(Group.FINANCE)),)))
    refused = t.refuses(PersonNotEligible, "fang", TRANSFER, to="ida")
    assert "belongs to none of finance" in str(refused)


def test_who_takes_over_from_somebody_of_two_groups_sits_only_where_they_belong() -> None:
    people = {**the_people(), Group.IT: ("fang", "ida", "ivo"), Group.FINANCE: ("fang", "feng")}
    t = Table(a_chain(a_policy(Level("both", ((Demand(Group.FINANCE), Demand(Group.IT)),))), people))
    t.groups |= {"fang": (Group.FINANCE, Group.IT), "luo": (Group.IT,)}
    t.does("fang", TRANSFER, to="luo")
    t.does("luo")
    assert (t.outcome, t.asked) == (Outcome.PENDING, ("feng",))


def test_nobody_is_handed_a_task_whose_consent_a_later_level_needs() -> None:
    people = {**the_people(), Group.FINANCE: ("fang",)}
    chain = a_chain(
        a_policy(level(transfer_to=(Group.FINANCE,), mode=Mode.ALL), level("money", Group.FINANCE)), people
    )
    assert "money" in str(Table(chain).refuses(PersonNotEligible, "ivo", TRANSFER, to="fang"))


def test_a_stand_in_cannot_hand_a_task_over_to_the_one_who_has_it() -> None:
    t = table()
    t.principals["root"] = ("wang",)
    t.refuses(PersonNotEligible, "root", TRANSFER, to="wang")


# ------------------------------------------------------------------ add_sign


def test_who_is_added_before_signs_first_and_then_the_one_who_asked_for_it() -> None:
    t = table(level(mode=Mode.ALL))
    t.does("ivo", ADD, None, persons=("hao",), position=Position.BEFORE)
    assert set(t.asked) == {"hao", "ida"}
    t.refuses(NotYourTurn, "ivo")
    t.does("hao")
    assert set(t.asked) == {"ivo", "ida"}
    t.does("ida")
    t.does("ivo")
    assert t.outcome == Outcome.APPROVED


def test_who_is_added_after_signs_once_the_one_who_asked_for_it_has_consented_by_asking() -> None:
    t = table(level())
    t.does("ivo", ADD, persons=("hao",), position=Position.AFTER)
    assert [told.kind for told in t.told] == [EventKind.SIGN_ADDED, EventKind.DECIDED]
    assert (t.outcome, t.asked) == (Outcome.PENDING, ("hao",))
    t.does("hao")
    assert (t.outcome, t.told[0].data["group"]) == (Outcome.APPROVED, "added")


def test_who_is_added_in_parallel_signs_in_any_order() -> None:
    t = table(level())
    t.does("ivo", ADD, persons=("hao", "hui"), position=Position.PARALLEL)
    t.does("hao")
    t.does("ivo")
    assert (t.outcome, t.asked) == (Outcome.PENDING, ("hui",))
    t.does("hui")
    assert t.outcome == Outcome.APPROVED


def test_an_added_persons_no_counts_and_so_does_their_return() -> None:
    for action, outcome in ((REJECT, Outcome.REJECTED), (RETURN, Outcome.RETURNED)):
        t = table(level())
        t.does("ivo", ADD, persons=("hao",), position=Position.PARALLEL)
        t.does("hao", action, to=APPLICANT)
        assert t.outcome == outcome


def test_who_has_left_one_of_two_groups_signs_for_the_other_alone() -> None:
    people = {**the_people(), Group.IT: ("fang", "ida"), Group.FINANCE: ("fang", "feng")}
    t = Table(a_chain(a_policy(Level("both", ((Demand(Group.FINANCE), Demand(Group.IT)),))), people))
    t.groups |= {"fang": (Group.IT,)}
    t.does("fang")
    t.refuses(NotAnApprover, "ida")
    assert (t.outcome, t.asked, t.round.waiting_for) == (Outcome.PENDING, ("feng",), ("finance",))


def test_a_group_that_has_signed_is_not_asked_while_another_one_is() -> None:
    t = table(Level("both", ((Demand(Group.IT), Demand(Group.FINANCE)),)))
    t.does("ivo")
    assert (set(t.asked), t.round.waiting_for) == ({"fang", "feng"}, ("finance",))


def test_whoever_waits_for_an_added_person_is_told_so_and_of_nobody_else() -> None:
    t = table(level())
    t.does("ivo", ADD, persons=("hao",), position=Position.BEFORE)
    assert "hao must sign first" in str(t.refuses(NotYourTurn, "ivo"))


def test_nobody_acts_for_somebody_who_has_not_delegated_to_them() -> None:
    t = table(level())
    assert str(t.refuses(NotStandingIn, "ivo", acting_for="ida")) == "ivo does not stand in for ida now."


def test_who_has_left_is_not_named_among_those_who_may_sign() -> None:
    t = table(level())
    t.groups["ivo"] = ()
    assert str(t.refuses(NotAnApprover, "ivo")).endswith("'it': ida.")


def test_an_added_persons_consent_is_no_seat_of_the_level() -> None:
    t = table(level())
    t.does("ivo", ADD, persons=("hao",), position=Position.PARALLEL)
    t.does("hao")
    assert (t.outcome, t.asked) == (Outcome.PENDING, ("ida", "ivo"))


def test_added_signs_do_not_nest_and_are_not_handed_on() -> None:
    t = table(level(transfer_to=(Group.FINANCE_HEAD,)))
    t.does("ivo", ADD, persons=("hao",), position=Position.PARALLEL)
    t.refuses(ActionNotPossible, "hao", ADD, persons=("hui",), position=Position.PARALLEL)
    t.refuses(ActionNotPossible, "hao", TRANSFER, to="hui")


def test_an_added_person_keeps_their_one_consent_for_their_own_sign() -> None:
    t = table(level())
    t.principals["hao"] = ("ida",)
    t.does("ivo", ADD, persons=("hao",), position=Position.PARALLEL)
    t.refuses(SeatNeededLater, "hao", acting_for="ida")


@pytest.mark.parametrize(
    ("persons", "position", "error"),
    [
        (("hao",), None, ActIncomplete),
        ((), Position.BEFORE, ActIncomplete),
        (("nobody",), Position.BEFORE, UnknownPerson),
        (("clerk",), Position.BEFORE, PersonNotEligible),
        (("wang",), Position.BEFORE, PersonNotEligible),
        (("ida",), Position.BEFORE, PersonNotEligible),
        (("ivo",), Position.BEFORE, PersonNotEligible),
        (("hao", "nobody"), Position.BEFORE, UnknownPerson),
    ],
)
def test_only_who_may_sign_besides_is_added(
    persons: tuple[str, ...], position: Position | None, error: type[Refused]
) -> None:
    t = table(level("stock", Group.WAREHOUSE), level())
    t.does("wang")
    t.refuses(error, "ivo", ADD, persons=persons, position=position)


def test_nobody_is_added_whose_consent_a_later_level_needs() -> None:
    people = {**the_people(), Group.FINANCE: ("fang",)}
    t = Table(a_chain(a_policy(level(), level("money", Group.FINANCE)), people))
    t.refuses(PersonNotEligible, "ivo", ADD, persons=("fang",), position=Position.PARALLEL)


# ------------------------------------------------------------------ deadlines


def test_a_deadline_asks_more_people_and_consents_to_nothing() -> None:
    t = table(level(mode=Mode.ALL, **TWO_HEADS))
    t.round, more = t.round.escalate()
    assert (more, t.outcome) == (("hao", "hui"), Outcome.PENDING)
    assert set(t.asked) == {"ida", "ivo", "hao", "hui"}
    t.does("hao")
    assert t.outcome == Outcome.APPROVED


def test_a_second_deadline_or_one_that_only_reminds_asks_nobody_else() -> None:
    t = table(level(**TWO_HEADS))
    once, _ = t.round.escalate()
    assert once.escalate() == (once, ())
    reminded = table(level()).round
    assert reminded.escalate() == (reminded, ())


def test_a_consent_given_before_the_deadline_does_not_fill_the_new_seat() -> None:
    t = table(level(mode=Mode.ALL, on_deadline=OnDeadline.ESCALATE, escalate_to=Group.IT))
    t.does("ivo")
    t.round, more = t.round.escalate()
    assert (more, t.asked, t.outcome) == (("ida",), ("ida",), Outcome.PENDING)


@pytest.mark.parametrize("signs_first", [True, False])
def test_an_added_sign_does_not_fill_the_new_seat_either(signs_first: bool) -> None:
    t = table(level(**TWO_HEADS))
    t.does("ivo", ADD, persons=("hao",), position=Position.PARALLEL)
    if signs_first:
        t.does("hao")
    t.round, more = t.round.escalate()
    assert more == ("hui",)
    if not signs_first:
        t.does("hao")
    assert t.outcome == Outcome.PENDING
    assert set(t.asked) == {"ida", "ivo", "hui"}


def test_in_a_sequence_the_escalation_is_asked_beside_the_one_in_turn() -> None:
    t = table(level(mode=Mode.SEQUENCE, **TWO_HEADS))
    t.round, _ = t.round.escalate()
    assert t.asked == ("ida", "hao", "hui")


def test_an_escalation_to_the_next_in_turn_does_not_let_others_sign_out_of_turn() -> None:
    people = {**people_with_three(), Group.OPERATOR: ("ian",)}
    more: dict[str, Any] = {"on_deadline": OnDeadline.ESCALATE, "escalate_to": Group.OPERATOR}
    t = Table(a_chain(a_policy(level(mode=Mode.SEQUENCE, **more)), people))
    t.round, _ = t.round.escalate()
    assert t.asked == ("ian",)


def test_an_escalation_does_not_outlive_a_return_to_its_level() -> None:
    t = table(level(mode=Mode.ALL, **TWO_HEADS), level("money", Group.FINANCE))
    t.round, _ = t.round.escalate()
    t.does("hao")
    t.does("fang", RETURN, to="it")
    assert set(t.asked) == {"ida", "ivo"}
    t.refuses(NotAnApprover, "hui")
    t.round, again = t.round.escalate()
    assert set(again) == {"hao", "hui"}


# ------------------------------------------------------------------ comments, and who is waited for


@pytest.mark.parametrize("person", ["wang", "ivo", "clerk"])
def test_whoever_has_a_part_may_comment_and_changes_nothing(person: str) -> None:
    t = table()
    before = t.round
    t.does(person, COMMENT, None, comment="which slot?")
    assert (t.round, t.told[0].kind, t.told[0].data["comment"]) == (
        before,
        EventKind.COMMENTED,
        "which slot?",
    )


def test_a_comment_says_something_and_comes_from_somebody_with_a_part() -> None:
    t = table()
    t.refuses(NotAnApprover, "root", COMMENT, comment="hm")
    assert t.refuses(ActIncomplete, "wang", COMMENT, comment="  ").facts["field"] == "comment"


def test_a_group_is_waited_for_where_any_of_it_will_do_else_persons() -> None:
    assert table(level()).round.waiting_for == ("it",)
    assert table(level(mode=Mode.ALL)).round.waiting_for == ("ida", "ivo")
    t = table(level())
    t.does("ivo", ADD, persons=("hao",), position=Position.BEFORE)
    assert t.round.waiting_for == ("hao", "ida")


def test_every_record_says_who_when_from_where_and_on_which_digest() -> None:
    t = table()
    t.round, told = t.round.take(
        Act("task-7", Actor("wang", (Group.WAREHOUSE,), origin="10.0.0.7"), APPROVE, DIGEST, "fine"),
        Standing(),
        "x",
    )
    assert told[0].data == {
        "task": "task-7", "level": 1, "name": "warehouse", "digest": DIGEST, "comment": "fine",
        "from_where": "10.0.0.7", "group": "warehouse", "answer": "approve",
    }  # fmt: skip


def test_an_act_counts_for_one_asking() -> None:
    t = table(level(mode=Mode.ALL), level("money", Group.FINANCE))
    t.does("ivo")
    assert t.round.asking == 1
    t.does("ida")
    assert t.round.asking == 2
    assert replace(t.round, asking=1) != t.round
