"""Joint control: two live persons of two groups release one digest, close together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.builders import DIGEST, OTHER_DIGEST, the_people
from workflows.domain.approval import Group, Parties
from workflows.domain.authorisation import Confirmation, Release
from workflows.domain.case import Act, Actor, TaskAction
from workflows.domain.consent_round import Standing
from workflows.domain.errors import (
    AlreadyDecided,
    NotAuthoriser,
    NotStandingIn,
    SecondGroupNeeded,
    StaleDigest,
    TaskClosed,
)
from workflows.domain.policy import Authorising

JOINT = (Group.ERP_ADMIN, Group.FINANCE_HEAD)
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PARTIES = Parties("clerk", "unclose", "boss", ("clara",), "paula")
OPEN = Release(Authorising(JOINT, within_minutes=60), PARTIES, DIGEST)
GROUPS: dict[str, tuple[Group, ...]] = {
    **{p: (group,) for group, persons in the_people().items() for p in persons},
    **dict.fromkeys(("both", "clerk", "unclose", "boss", "clara", "paula"), JOINT),
}


def confirm(
    release: Release,
    person: str,
    *principals: str,
    minutes: int = 0,
    digest: str | None = DIGEST,
    acting_for: str | None = None,
) -> Release:
    actor = Actor(person, GROUPS.get(person, ()))
    act = Act("task-2", actor, TaskAction.AUTHORISE, digest, acting_for=acting_for)
    standing = Standing(principals, {name: GROUPS.get(name) for name in principals})
    before = release
    after, confirmation = release.confirm(act, standing, NOW + timedelta(minutes=minutes))
    assert release == before
    assert after.given[-1] == confirmation
    return after


@pytest.mark.parametrize(("first", "second"), [("emma", "hao"), ("hao", "emma")])
def test_two_persons_one_from_each_group_release_the_execution(first: str, second: str) -> None:
    one = confirm(OPEN, first)
    assert (one.is_complete, len(one.missing)) == (False, 1)
    both = confirm(one, second, minutes=59)
    assert (both.is_complete, both.missing, both.lapses_at) == (True, (), None)
    assert [(c.person, c.holder) for c in both.given] == [(first, first), (second, second)]


def test_nothing_said_releases_nothing() -> None:
    assert (OPEN.is_complete, OPEN.missing, OPEN.lapses_at) == (False, JOINT, None)


def test_two_persons_of_one_group_are_not_enough() -> None:
    with pytest.raises(SecondGroupNeeded) as refused:
        confirm(confirm(OPEN, "emma"), "erik")
    assert (refused.value.group, refused.value.missing) == (Group.ERP_ADMIN, Group.FINANCE_HEAD)


def test_one_person_in_both_groups_confirms_only_once() -> None:
    with pytest.raises(AlreadyDecided):
        confirm(confirm(OPEN, "both"), "both")


@pytest.mark.parametrize(("first", "group"), [("emma", Group.FINANCE_HEAD), ("hao", Group.ERP_ADMIN)])
def test_a_person_in_both_groups_confirms_for_the_one_that_is_missing(first: str, group: Group) -> None:
    assert confirm(confirm(OPEN, first), "both").given[1].group is group


@pytest.mark.parametrize(
    "person", ["root", "wang", "stranger", "", "EMMA", "clerk", "unclose", "boss", "clara", "paula"]
)
def test_nobody_outside_the_two_groups_or_with_another_part_releases_anything(person: str) -> None:
    with pytest.raises(NotAuthoriser) as refused:
        confirm(OPEN, person)
    assert refused.value.groups == JOINT


@pytest.mark.parametrize("digest", [OTHER_DIGEST, None, ""])
def test_a_release_of_something_else_than_would_be_executed_is_refused(digest: str | None) -> None:
    with pytest.raises(StaleDigest):
        confirm(OPEN, "emma", digest=digest)


def test_once_both_have_confirmed_there_is_nothing_left_to_confirm() -> None:
    with pytest.raises(TaskClosed):
        confirm(confirm(confirm(OPEN, "emma"), "hao"), "erik")


# ------------------------------------------------------------------ close together


@pytest.mark.parametrize(("minutes", "counts"), [(59, True), (60, False), (61, False)])
def test_a_first_confirmation_that_has_grown_too_old_must_be_given_again(minutes: int, counts: bool) -> None:
    one = confirm(OPEN, "emma")
    assert one.lapses_at == NOW + timedelta(hours=1)
    assert bool(one.without_lapsed(NOW + timedelta(minutes=minutes)).given) is counts
    assert confirm(one, "hao", minutes=minutes).is_complete is counts


def test_after_a_lapse_the_same_person_may_confirm_again() -> None:
    again = confirm(confirm(OPEN, "emma"), "emma", minutes=60)
    assert again.lapses_at == NOW + timedelta(hours=2)


def test_a_release_that_is_complete_does_not_lapse() -> None:
    both = confirm(confirm(OPEN, "emma"), "hao")
    assert both.without_lapsed(NOW + timedelta(days=9)) == both


# ------------------------------------------------------------------ standing in


def test_a_stand_in_confirms_for_the_group_of_the_principal_and_both_are_named() -> None:
    one = confirm(OPEN, "wang", "emma")
    assert one.given == (Confirmation("wang", "emma", Group.ERP_ADMIN, NOW),)


def test_neither_stand_in_nor_principal_confirms_a_second_time() -> None:
    one = confirm(OPEN, "both", "emma", acting_for="emma")
    with pytest.raises(AlreadyDecided):
        confirm(one, "both")
    with pytest.raises(AlreadyDecided):
        confirm(replace(one, given=(replace(one.given[0], holder="hao"),)), "wang", "hao")
    with pytest.raises(AlreadyDecided):
        confirm(one, "emma")


def test_two_persons_do_not_release_for_one_who_is_in_both_groups() -> None:
    one = confirm(OPEN, "wang", "both")
    with pytest.raises(AlreadyDecided):
        confirm(one, "wu", "both")


def test_nobody_stands_in_for_someone_with_another_part() -> None:
    with pytest.raises(NotAuthoriser):
        confirm(OPEN, "wang", "clerk")
    with pytest.raises(NotAuthoriser):
        confirm(OPEN, "clerk", "emma")


def test_who_says_for_whom_they_act_is_taken_at_their_word_and_no_further() -> None:
    assert confirm(OPEN, "both", "emma", acting_for="emma").given[0].holder == "emma"
    assert confirm(OPEN, "both", "emma", acting_for="both").given[0].holder == "both"
    with pytest.raises(NotStandingIn):
        confirm(OPEN, "both", acting_for="emma")


def test_a_principal_who_has_left_the_group_cannot_be_stood_in_for() -> None:
    with pytest.raises(NotAuthoriser):
        confirm(OPEN, "wang", "nobody")
