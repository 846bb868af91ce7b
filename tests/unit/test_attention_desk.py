"""Who decides how a case goes on that cannot go on by itself, and when one person is not enough."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.builders import a_request
from workflows.attention_desk import AttentionDesk, Proposal, Stop
from workflows.domain.approval import Group
from workflows.domain.case import Act, Actor, EventKind, TaskAction
from workflows.domain.consent_round import Standing
from workflows.domain.errors import (
    ActIncomplete,
    ActionNotPossible,
    AlreadyDecided,
    NotAnOperator,
    OwnCase,
    PersonNotEligible,
    SecondGroupNeeded,
    TaskClosed,
    UncloseError,
)
from workflows.domain.holding import Holding

OLGA, OTTO = Actor("olga", (Group.OPERATOR,)), Actor("otto", (Group.OPERATOR,))
EVA, BOTH = Actor("eva", (Group.ERP_ADMIN,)), Actor("bo", (Group.OPERATOR, Group.ERP_ADMIN))
BACK, RETRY, SKIP = TaskAction.ROLL_BACK, TaskAction.RETRY, TaskAction.SKIP


def a_desk(*, may_roll_back: bool = True, may_skip: bool = False) -> AttentionDesk:
    request = replace(a_request(), applicant="clerk", correctors=("wang",))
    stop = Stop("reclosing", {"error": "LedgerRefused"}, Holding(3), may_skip, may_roll_back)
    return AttentionDesk(request, 1, stop, datetime(2025, 6, 3, tzinfo=UTC))


def say(desk: AttentionDesk, who: Actor, action: TaskAction = BACK, comment: str = "why") -> EventKind:
    (told,) = desk.take(Act("t", who, action, comment=comment), Standing(), "attention")
    return told.kind


def refused(desk: AttentionDesk, error: type[UncloseError], act: Act) -> None:
    with pytest.raises(error):
        desk.take(act, Standing(), "attention")
    assert desk.answer is None


def test_one_person_is_enough_to_try_again() -> None:
    desk = a_desk()
    assert say(desk, OLGA, RETRY, "") == EventKind.ATTENTION_ANSWERED
    assert desk.answer == RETRY
    with pytest.raises(TaskClosed):
        say(desk, EVA, RETRY)


@pytest.mark.parametrize(("first", "second"), [(OLGA, EVA), (EVA, OLGA), (BOTH, OLGA), (OLGA, BOTH)])
def test_a_roll_back_takes_two_persons_one_of_each_group(first: Actor, second: Actor) -> None:
    desk = a_desk()
    assert say(desk, first) == EventKind.ATTENTION_PROPOSED
    assert say(desk, second) == EventKind.ATTENTION_ANSWERED
    assert desk.answer == BACK
    assert desk.part()["proposal"] == Proposal(BACK, first.person, first.groups, "why")


def test_neither_the_same_person_nor_the_same_group_confirms() -> None:
    desk = a_desk()
    say(desk, OLGA)
    assert desk.waiting_for == (Group.ERP_ADMIN,)
    refused(desk, AlreadyDecided, Act("t", OLGA, BACK, comment="again"))
    refused(desk, SecondGroupNeeded, Act("t", OTTO, BACK, comment="me too"))


def test_another_answer_takes_the_place_of_a_proposal() -> None:
    desk = a_desk()
    say(desk, OLGA)
    say(desk, OTTO, RETRY)
    assert (desk.answer, desk.proposal) == (RETRY, None)


def test_a_roll_back_needs_its_reason() -> None:
    refused(a_desk(), ActIncomplete, Act("t", OLGA, BACK, comment="  "))


def test_a_roll_back_is_possible_only_where_it_is_offered() -> None:
    refused(a_desk(may_roll_back=False), ActionNotPossible, Act("t", OLGA, BACK, comment="why"))


def test_a_skip_takes_two_persons_of_both_groups_and_a_reason_too() -> None:
    desk = a_desk(may_skip=True)
    refused(desk, ActIncomplete, Act("t", OLGA, SKIP, comment=" "))
    assert say(desk, OLGA, SKIP) == EventKind.ATTENTION_PROPOSED
    refused(desk, AlreadyDecided, Act("t", OLGA, SKIP, comment="again"))
    refused(desk, SecondGroupNeeded, Act("t", OTTO, SKIP, comment="me too"))
    assert say(desk, EVA, SKIP) == EventKind.ATTENTION_ANSWERED
    assert desk.answer == SKIP


def test_a_skip_does_not_confirm_a_roll_back() -> None:
    desk = a_desk(may_skip=True)
    say(desk, OLGA, BACK)
    assert say(desk, EVA, SKIP) == EventKind.ATTENTION_PROPOSED
    assert (desk.answer, desk.waiting_for) == (None, (Group.OPERATOR,))


def test_a_skip_is_possible_only_where_it_is_offered() -> None:
    refused(a_desk(), ActionNotPossible, Act("t", OLGA, SKIP, comment="why"))


@pytest.mark.parametrize("action", [RETRY, SKIP, BACK])
@pytest.mark.parametrize("person", ["clerk", "wang"])
def test_applicant_and_correctors_decide_nothing_here(person: str, action: TaskAction) -> None:
    refused(a_desk(may_skip=True), OwnCase, Act("t", Actor(person, (Group.OPERATOR,)), action, comment="why"))


def test_nobody_stands_in_for_others_and_others_have_no_say() -> None:
    refused(a_desk(), PersonNotEligible, Act("t", OLGA, BACK, comment="why", acting_for="eva"))
    refused(a_desk(), NotAnOperator, Act("t", Actor("hao", (Group.FINANCE_HEAD,)), RETRY))
