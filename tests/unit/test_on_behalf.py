"""Whoever a service account asked for decides nothing in the case, at whichever desk (design §5.5)."""

from datetime import UTC, datetime

import pytest

from tests.builders import DIGEST, a_request
from workflows.attention_desk import AttentionDesk, Stop
from workflows.desks import Desk
from workflows.domain.approval import Group, Parties
from workflows.domain.authorisation import Release
from workflows.domain.case import Act, Actor, TaskAction
from workflows.domain.consent_round import Standing
from workflows.domain.errors import NotAuthoriser, OwnCase
from workflows.domain.holding import Holding
from workflows.domain.policy import Authorising
from workflows.explanation_desk import ReviewDesk
from workflows.extension_desk import ExtensionDesk, Prolonging

NOW = datetime(2025, 6, 3, tzinfo=UTC)
REQUEST = a_request(applicant="portal", on_behalf_of="clerk", correctors=("chen",))
EVERY_GROUP = tuple(Group)


def attention() -> Desk:
    return AttentionDesk(REQUEST, 1, Stop("reclosing", {}, Holding(3), True, True), NOW)


def extension() -> Desk:
    return ExtensionDesk(REQUEST, 1, Prolonging("chen", 12, "更多时间", NOW, NOW), Group.FINANCE_HEAD, NOW)


def review() -> Desk:
    return ReviewDesk(REQUEST, 1, (), {"by": "chen", "comment": "x", "documents": []}, NOW, NOW)


def an_act(desk: Desk, person: str, action: TaskAction) -> Act:
    assert desk.task is not None
    return Act(desk.task.id, Actor(person, EVERY_GROUP), action, desk.task.digest, comment="x")


@pytest.mark.parametrize("person", ["clerk", "portal"])
@pytest.mark.parametrize(
    ("desk", "action"),
    [
        (attention(), TaskAction.RETRY),
        (attention(), TaskAction.SKIP),
        (attention(), TaskAction.ROLL_BACK),
        (extension(), TaskAction.APPROVE),
        (review(), TaskAction.APPROVE),
    ],
)
def test_neither_the_person_nor_the_account_confirms(desk: Desk, action: TaskAction, person: str) -> None:
    with pytest.raises(OwnCase):
        desk.check(an_act(desk, person, action), Standing(), "attention")
    desk.check(an_act(desk, "fang", action), Standing(), "attention")


def test_a_corrector_does_not_confirm_what_another_explained() -> None:
    desk = ReviewDesk(REQUEST, 1, (), {"by": "wang", "comment": "x", "documents": []}, NOW, NOW)
    with pytest.raises(OwnCase):
        desk.check(an_act(desk, "chen", TaskAction.APPROVE), Standing(), "reclosing")


@pytest.mark.parametrize("person", ["clerk", "portal", "chen"])
@pytest.mark.parametrize("group", [Group.ERP_ADMIN, Group.FINANCE_HEAD])
def test_nor_do_they_authorise(person: str, group: Group) -> None:
    parties = Parties("portal", "unclose", "clerk", ("chen",))
    release = Release(Authorising((Group.ERP_ADMIN, Group.FINANCE_HEAD)), parties, DIGEST)
    act = Act("t", Actor(person, (group,)), TaskAction.AUTHORISE, DIGEST)
    with pytest.raises(NotAuthoriser):
        release.confirm(act, Standing(), NOW)
