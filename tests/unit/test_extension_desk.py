"""Who may decide that a correction window stays open longer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.scene import a_wish
from workflows.domain.approval import Group
from workflows.domain.case import Act, Actor, EventKind, TaskAction
from workflows.domain.consent_round import Standing
from workflows.domain.errors import (
    ActionNotPossible,
    NotAnOperator,
    NotStandingIn,
    OwnCase,
    StaleDigest,
    TaskClosed,
    UncloseError,
)
from workflows.extension_desk import ExtensionDesk, Prolonging

NOW = datetime(2025, 6, 3, 9, tzinfo=UTC)
HEAD = (Group.FINANCE_HEAD,)
WANTED = Prolonging("clerk", 12, "供应商明早确认", NOW, NOW + timedelta(hours=12))
WISH = a_wish(correctors=("clerk", "chen"), on_behalf_of="ling")


def a_desk() -> ExtensionDesk:
    return ExtensionDesk(WISH, 1, WANTED, Group.FINANCE_HEAD, NOW)


def says(desk: ExtensionDesk, person: str, groups: tuple[Group, ...] = HEAD, **changes: object) -> Act:
    assert desk.task is not None
    act = Act(desk.task.id, Actor(person, groups), TaskAction.APPROVE, desk.task.digest)
    return replace(act, **changes)  # type: ignore[arg-type]  # a test names the fields it cares for


def refused(
    error: type[UncloseError], desk: ExtensionDesk, act: Act, standing: Standing | None = None
) -> None:
    with pytest.raises(error):
        desk.take(act, standing or Standing(), "correcting")
    assert desk.answer is None


def test_one_of_the_group_decides() -> None:
    desk = a_desk()
    (told,) = desk.take(says(desk, "hao"), Standing(), "correcting")
    assert (desk.answer, told.kind, told.holder) == (TaskAction.APPROVE, EventKind.EXTENSION_DECIDED, None)
    with pytest.raises(TaskClosed):
        desk.take(says(desk, "heng"), Standing(), "correcting")


@pytest.mark.parametrize("person", ["clerk", "chen", "ling"])
def test_whoever_asked_or_corrects_does_not_even_as_finance_head(person: str) -> None:
    desk = a_desk()
    refused(OwnCase, desk, says(desk, person))


@pytest.mark.parametrize("person", ["clerk", "chen"])
def test_nor_by_standing_in_for_one_who_may(person: str) -> None:
    desk = a_desk()
    standing = Standing(("hao",), {"hao": HEAD})
    refused(OwnCase, desk, says(desk, person, (), acting_for="hao"), standing)


def test_nobody_stands_in_for_a_corrector() -> None:
    desk = a_desk()
    refused(NotAnOperator, desk, says(desk, "olga", ()), Standing(("chen",), {"chen": HEAD}))


def test_a_stand_in_decides_and_both_names_are_kept() -> None:
    desk = a_desk()
    act = says(desk, "olga", ())
    assert desk.names(act) == ()
    (told,) = desk.take(act, Standing(("hao",), {"hao": HEAD}), "correcting")
    assert told.holder == "hao"


def test_who_has_left_the_group_is_not_stood_in_for() -> None:
    desk = a_desk()
    refused(NotAnOperator, desk, says(desk, "olga", ()), Standing(("hao",), {"hao": (Group.IT,)}))
    refused(NotStandingIn, desk, says(desk, "olga", (), acting_for="heng"), Standing(("hao",), {"hao": HEAD}))


def test_only_what_was_shown_is_agreed_to() -> None:
    desk = a_desk()
    for digest in (None, "0" * 64):
        refused(StaleDigest, desk, says(desk, "hao", digest=digest))
    longer = ExtensionDesk(WISH, 1, replace(WANTED, hours=13), Group.FINANCE_HEAD, NOW)
    assert longer.task is not None
    refused(StaleDigest, desk, says(desk, "hao", digest=longer.task.digest))


def test_there_is_only_yes_and_no() -> None:
    desk = a_desk()
    refused(ActionNotPossible, desk, says(desk, "hao", action=TaskAction.TRANSFER))
