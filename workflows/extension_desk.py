"""Whether a correction window stays open longer: one person without another part in the case decides."""

from dataclasses import dataclass
from datetime import datetime

from workflows.desks import require_possible
from workflows.domain.approval import Group
from workflows.domain.case import Act, Actor, EventKind, Task, TaskAction, TaskKind, Told
from workflows.domain.consent_round import Standing
from workflows.domain.digest import Json, sha256
from workflows.domain.errors import NotAnOperator, NotStandingIn, OwnCase, StaleDigest, TaskClosed
from workflows.domain.request import UncloseRequest


@dataclass(frozen=True)
class Prolonging:
    """What is asked for: a window that ends later."""

    by: str
    hours: int
    reason: str
    ends: datetime
    """When the window ends if nobody agrees."""
    would_end: datetime

    def record(self) -> dict[str, Json]:
        """What goes on record, and before whoever decides."""
        return {
            "by": self.by,
            "hours": self.hours,
            "reason": self.reason,
            "ends": self.ends.isoformat(),
            "would_end": self.would_end.isoformat(),
        }


class ExtensionDesk:
    """Takes one answer from one group. Without an answer by the end of the window there is no extension."""

    def __init__(
        self, request: UncloseRequest, number: int, wanted: Prolonging, group: Group, opened_at: datetime
    ) -> None:
        self.wanted = wanted
        self.answer: TaskAction | None = None
        self.by: Actor | None = None
        """Who gave it."""
        self.waiting_for: tuple[str, ...] = (group,)
        self._case, self._group = request.id, group
        self._parties = {request.applicant, request.on_behalf_of, *request.correctors}
        self._digest = sha256({"case": request.id, "extension": number, **wanted.record()})
        self.task: Task | None = Task(
            id=f"{request.id}-extension-{number}",
            kind=TaskKind.APPROVAL,
            name="extension",
            groups=(group,),
            persons=(),
            actions=(TaskAction.APPROVE, TaskAction.REJECT),
            digest=self._digest,
            opened_at=opened_at,
            due=wanted.ends,
            expires=wanted.ends,
        )

    def names(self, act: Act) -> tuple[str, ...] | None:
        """The directory says for whom they stand in, of those who are not of the group themselves."""
        return None if self._acts_in_person(act) else ()

    def require_open(self, act: Act, state: str) -> None:
        """Raises TaskClosed, ActionNotPossible."""
        if self.task is None or self.answer is not None:
            raise TaskClosed(act.task, state)
        require_possible(act, self.task)

    def check(self, act: Act, standing: Standing, state: str) -> None:
        """Raises OwnCase, NotStandingIn, NotAnOperator, StaleDigest, TaskClosed, ActionNotPossible."""
        self.require_open(act, state)
        self._seat(act, standing)
        if act.digest != self._digest:
            raise StaleDigest(act.digest or "none", self._digest)

    def take(self, act: Act, standing: Standing, state: str) -> tuple[Told, ...]:
        """Raises as `check`."""
        self.check(act, standing, state)
        holder = self._seat(act, standing)
        self.answer, self.by = act.action, act.actor
        told: dict[str, Json] = {
            "task": act.task,
            "answer": act.action,
            "digest": self._digest,
            "group": self._group,
            "hours": self.wanted.hours,
            "comment": act.comment,
            "from_where": act.actor.origin,
        }
        stood_in = None if holder == act.actor.person else holder
        return (Told(EventKind.EXTENSION_DECIDED, told, stood_in),)

    def _acts_in_person(self, act: Act) -> bool:
        return self._group in act.actor.groups and act.acting_for in (None, act.actor.person)

    def _seat(self, act: Act, standing: Standing) -> str:
        """Whose say this is: the actor's own, or that of somebody of the group whom they stand in for.

        Raises:
            OwnCase: the actor has asked for the case or corrects in it.
            NotStandingIn: not for the one they name.
            NotAnOperator: nobody of the group, or only one who has another part in the case.
        """
        person = act.actor.person
        if person in self._parties:
            raise OwnCase(person, self._case)
        if self._acts_in_person(act):
            return person
        if act.acting_for is not None and act.acting_for not in (person, *standing.principals):
            raise NotStandingIn(person, act.acting_for)
        for holder in standing.principals:
            is_meant = act.acting_for in (None, holder) and holder not in self._parties
            if is_meant and self._group in (standing.groups.get(holder) or ()):
                return holder
        raise NotAnOperator(person, (self._group,))
