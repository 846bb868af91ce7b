"""The desk of a case that cannot go on by itself: operators and the ERP administrator decide (design §4)."""

from dataclasses import dataclass
from datetime import datetime

from workflows.desks import require_possible
from workflows.domain.approval import Group
from workflows.domain.case import Act, EventKind, Task, TaskAction, TaskKind, Told
from workflows.domain.consent_round import Standing
from workflows.domain.digest import Json
from workflows.domain.errors import (
    ActIncomplete,
    AlreadyDecided,
    NotAnOperator,
    OwnCase,
    PersonNotEligible,
    SecondGroupNeeded,
    TaskClosed,
)
from workflows.domain.holding import Holding
from workflows.domain.request import UncloseRequest

ATTENTION_GROUPS = (Group.OPERATOR, Group.ERP_ADMIN)
"""Who decides how a case goes on that cannot go on by itself."""

TWO_PERSONS = frozenset({TaskAction.SKIP, TaskAction.ROLL_BACK})
"""Answers that need two persons, one of each group, and a reason. The first proposes, the second confirms."""


@dataclass(frozen=True)
class Proposal:
    """What one person wants done; it is done when a second one of the other group says the same."""

    answer: TaskAction
    person: str
    groups: tuple[Group, ...]
    """Those that decide here and hold the person."""
    comment: str


@dataclass(frozen=True)
class Stop:
    """Why a case stands still: where it came from, and what failed there."""

    came_from: str
    failure: dict[str, Json]
    held: Holding
    """What of the ledger is kept from others meanwhile."""
    may_skip: bool = False
    """Whether what failed is a finding that people may go on over (ADR-0023)."""
    may_roll_back: bool = False

    @property
    def answers(self) -> tuple[TaskAction, ...]:
        skip = (TaskAction.SKIP,) if self.may_skip else ()
        return (TaskAction.RETRY, *skip, *((TaskAction.ROLL_BACK,) if self.may_roll_back else ()))


class AttentionDesk:
    """Takes one person's retry, or the skip or roll-back of two."""

    def __init__(self, request: UncloseRequest, number: int, stop: Stop, opened_at: datetime) -> None:
        self.request, self.stop = request, stop
        self.answer: TaskAction | None = None
        self.proposal: Proposal | None = None
        """What stands proposed; once it is the answer, who proposed it."""
        self.task: Task | None = Task(
            id=f"{request.id}-attention-{number}",
            kind=TaskKind.ATTENTION,
            name=stop.came_from,
            groups=ATTENTION_GROUPS,
            persons=(),
            actions=stop.answers,
            digest=None,
            opened_at=opened_at,
        )

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """Both groups, or the one that has not said yet what was proposed."""
        if self.proposal is None or len(self.proposal.groups) > 1:
            return ATTENTION_GROUPS
        return tuple(group for group in ATTENTION_GROUPS if group not in self.proposal.groups)

    def part(self) -> dict[str, object]:
        """What people must see before they answer."""
        return {
            "came_from": self.stop.came_from,
            "failure": self.stop.failure,
            "held": self.stop.held.record(),
            "proposal": self.proposal,
        }

    def names(self, act: Act) -> None:
        return None

    def require_open(self, act: Act, state: str) -> None:
        """Raises TaskClosed, ActionNotPossible."""
        if self.answer is not None or self.task is None:
            raise TaskClosed(act.task, state)
        require_possible(act, self.task)

    def check(self, act: Act, standing: Standing, state: str) -> None:
        """Refuse an act of the wrong person, without its reason, or one that counts already.

        Raises:
            TaskClosed, ActionNotPossible: as `require_open`.
            NotAnOperator, OwnCase, PersonNotEligible: who may not decide here.
            ActIncomplete: a skip or a roll-back without a reason.
            AlreadyDecided, SecondGroupNeeded: what was proposed needs another person of the other group.
        """
        self.require_open(act, state)
        mine = self._require_person(act)
        if act.action not in TWO_PERSONS:
            return
        if not act.comment.strip():
            raise ActIncomplete(act.action, "comment")
        if self.proposal is not None and self.proposal.answer == act.action:
            self._require_second(act, mine, self.proposal)

    def take(self, act: Act, standing: Standing, state: str) -> tuple[Told, ...]:
        """Raises as `check`."""
        self.check(act, standing, state)
        first = self.proposal
        said: dict[str, Json] = {"task": act.task, "answer": act.action, "comment": act.comment}
        if act.action not in TWO_PERSONS:
            self.answer, self.proposal = act.action, None
            return (Told(EventKind.ATTENTION_ANSWERED, said),)
        if first is None or first.answer != act.action:
            self.proposal = Proposal(act.action, act.actor.person, _deciding(act), act.comment)
            waiting: list[Json] = [*self.waiting_for]
            return (Told(EventKind.ATTENTION_PROPOSED, {**said, "waiting_for": waiting}),)
        self.answer = act.action
        told = {**said, "proposed_by": first.person, "proposed_because": first.comment}
        return (Told(EventKind.ATTENTION_ANSWERED, told),)

    def _require_person(self, act: Act) -> tuple[Group, ...]:
        """The deciding groups of the actor, who acts in person and has no other part in the case.

        Raises:
            NotAnOperator, OwnCase, PersonNotEligible
        """
        person, mine = act.actor.person, _deciding(act)
        if not mine:
            raise NotAnOperator(person, ATTENTION_GROUPS)
        if act.acting_for not in (None, person):
            raise PersonNotEligible(person, "nobody stands in for others here", "acting_for")
        if person in (self.request.applicant, self.request.on_behalf_of, *self.request.correctors):
            raise OwnCase(person, self.request.id)
        return mine

    def _require_second(self, act: Act, mine: tuple[Group, ...], first: Proposal) -> None:
        if first.person == act.actor.person:
            raise AlreadyDecided(act.actor.person, act.task)
        if not {*mine, *first.groups}.issuperset(ATTENTION_GROUPS):
            raise SecondGroupNeeded(mine[0], self.waiting_for[0])


def _deciding(act: Act) -> tuple[Group, ...]:
    return tuple(group for group in ATTENTION_GROUPS if group in act.actor.groups)
