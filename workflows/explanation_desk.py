"""Why documents were changed that nobody had declared: explained, and confirmed by finance (R84)."""

from datetime import datetime

from workflows.desks import require_possible
from workflows.domain.approval import Group
from workflows.domain.case import Act, Actor, EventKind, Task, TaskAction, TaskKind, Told
from workflows.domain.consent_round import Standing
from workflows.domain.corrections import Change
from workflows.domain.digest import Json, sha256
from workflows.domain.errors import (
    ActIncomplete,
    NotACorrector,
    NotAnOperator,
    OwnCase,
    OwnExplanation,
    StaleDigest,
    TaskClosed,
)
from workflows.domain.request import UncloseRequest

REVIEW_GROUPS = (Group.FINANCE,)
"""Who confirms an explanation: one person, neither the one who gave it nor one who asked or corrects."""


class ExplanationDesk:
    """The correctors, or the applicant, explain the changes that are listed."""

    def __init__(
        self,
        case: str,
        number: int,
        persons: tuple[str, ...],
        changes: tuple[Change, ...],
        opened_at: datetime,
        due: datetime,
    ) -> None:
        self.case, self.persons, self.waiting_for = case, persons, persons
        self.by: Actor | None = None
        self.comment = ""
        self._documents: list[Json] = [*documents_of(changes)]
        self.task: Task | None = Task(
            id=f"{case}-explanation-{number}",
            kind=TaskKind.CORRECTION,
            name="explanation",
            groups=(),
            persons=persons,
            actions=(TaskAction.EXPLAIN,),
            digest=None,
            opened_at=opened_at,
            due=due,
        )

    def names(self, act: Act) -> None:
        return None

    def require_open(self, act: Act, state: str) -> None:
        """Raises TaskClosed, ActionNotPossible."""
        if self.task is None or self.by is not None:
            raise TaskClosed(act.task, state)
        require_possible(act, self.task)

    def check(self, act: Act, standing: Standing, state: str) -> None:
        """Raises NotACorrector, ActIncomplete, TaskClosed, ActionNotPossible."""
        self.require_open(act, state)
        if act.actor.person not in self.persons:
            raise NotACorrector(act.actor.person, self.case)
        if not act.comment.strip():
            raise ActIncomplete(act.action, "comment")

    def take(self, act: Act, standing: Standing, state: str) -> tuple[Told, ...]:
        """Raises as `check`."""
        self.check(act, standing, state)
        self.by, self.comment = act.actor, act.comment
        data: dict[str, Json] = {"task": act.task, "documents": self._documents, "comment": act.comment}
        return (Told(EventKind.EXPLAINED, data),)


class ReviewDesk:
    """Somebody of finance confirms an explanation, or hands it back for a better one."""

    def __init__(
        self,
        request: UncloseRequest,
        number: int,
        changes: tuple[Change, ...],
        explanation: dict[str, Json],
        opened_at: datetime,
        due: datetime,
    ) -> None:
        self.answer: TaskAction | None = None
        self.waiting_for: tuple[str, ...] = REVIEW_GROUPS
        self._case = request.id
        self._parties = {request.applicant, request.on_behalf_of, *request.correctors}
        self._explained_by = str(explanation["by"])
        self._digest = sha256({"changes": changes, "explanation": explanation})
        self.task: Task | None = Task(
            id=f"{request.id}-explanation-{number}-review",
            kind=TaskKind.CORRECTION,
            name="explanation_review",
            groups=REVIEW_GROUPS,
            persons=(),
            actions=(TaskAction.APPROVE, TaskAction.RETURN),
            digest=self._digest,
            opened_at=opened_at,
            due=due,
        )

    def names(self, act: Act) -> None:
        return None

    def require_open(self, act: Act, state: str) -> None:
        """Raises TaskClosed, ActionNotPossible."""
        if self.task is None or self.answer is not None:
            raise TaskClosed(act.task, state)
        require_possible(act, self.task)

    def check(self, act: Act, standing: Standing, state: str) -> None:
        """Who explained, asked or corrects does not confirm (design §5.5).

        Raises:
            NotAnOperator, OwnExplanation, OwnCase, StaleDigest, ActIncomplete, TaskClosed, ActionNotPossible
        """
        self.require_open(act, state)
        if not set(act.actor.groups) & set(REVIEW_GROUPS):
            raise NotAnOperator(act.actor.person, REVIEW_GROUPS)
        if act.actor.person == self._explained_by:
            raise OwnExplanation(act.actor.person)
        if act.actor.person in self._parties:
            raise OwnCase(act.actor.person, self._case)
        if act.digest != self._digest:
            raise StaleDigest(act.digest or "", self._digest)
        if act.action == TaskAction.RETURN and not act.comment.strip():
            raise ActIncomplete(act.action, "comment")

    def take(self, act: Act, standing: Standing, state: str) -> tuple[Told, ...]:
        """Raises as `check`."""
        self.check(act, standing, state)
        self.answer = act.action
        kind = EventKind.EXPLANATION_RETURNED
        if act.action == TaskAction.APPROVE:
            kind = EventKind.EXPLANATION_CONFIRMED
        return (Told(kind, {"task": act.task, "digest": self._digest, "comment": act.comment}),)


def documents_of(changes: tuple[Change, ...]) -> tuple[str, ...]:
    """The documents of some changes, each once."""
    return tuple(dict.fromkeys(change.document for change in changes))
