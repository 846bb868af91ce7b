"""Where the ERP administrator says that a pointer was moved: believed once the ledger has been read."""

from datetime import datetime

from workflows.desks import require_possible
from workflows.domain.approval import Group
from workflows.domain.case import Act, Actor, EventKind, Task, TaskAction, TaskKind, Told
from workflows.domain.consent_round import Standing
from workflows.domain.errors import ActIncomplete, NothingMoved, NotTheErpAdministrator, TaskClosed
from workflows.domain.ledger import CloseState
from workflows.domain.plan import PlanStep
from workflows.domain.request import UncloseRequest

GUIDED_GROUPS = (Group.ERP_ADMIN,)
"""Who moves pointers by hand."""


class GuidedDesk:
    """One step of a plan, to be done by a person in the ERP.

    Whoever asked for the case does not execute it; whoever authorised it may.
    """

    def __init__(
        self, request: UncloseRequest, number: int, step: PlanStep, before: CloseState, opened_at: datetime
    ) -> None:
        self.moved: CloseState | None = None
        """What the ledger showed when somebody said `done` and something had moved."""
        self.by: Actor | None = None
        """Who said so."""
        self.waiting_for: tuple[str, ...] = GUIDED_GROUPS
        self.task: Task | None = Task(
            id=f"{request.id}-guided-{number}",
            kind=TaskKind.GUIDED_STEP,
            name=str(step),
            groups=GUIDED_GROUPS,
            persons=(),
            actions=(TaskAction.DONE, TaskAction.COMMENT),
            digest=None,
            opened_at=opened_at,
        )
        self._askers = (request.applicant, request.on_behalf_of)
        self._step, self._before, self._seen = step, before, before

    def saw(self, state: CloseState) -> None:
        """The ledger as it was read for the act that comes next."""
        self._seen = state

    def names(self, act: Act) -> None:
        return None

    def require_open(self, act: Act, state: str) -> None:
        """Raises TaskClosed, ActionNotPossible."""
        if self.task is None or self.moved is not None:
            raise TaskClosed(act.task, state)
        require_possible(act, self.task)

    def check(self, act: Act, standing: Standing, state: str) -> None:
        """Raises NotTheErpAdministrator, ActIncomplete, TaskClosed, ActionNotPossible."""
        self.require_open(act, state)
        is_asker = act.actor.person in self._askers
        is_admin = bool(set(act.actor.groups) & set(GUIDED_GROUPS)) and not is_asker
        may_comment = is_asker and act.action == TaskAction.COMMENT
        if not is_admin and not may_comment:
            raise NotTheErpAdministrator(act.actor.person, GUIDED_GROUPS)
        if act.action == TaskAction.COMMENT and not act.comment.strip():
            raise ActIncomplete(act.action, "comment")

    def take(self, act: Act, standing: Standing, state: str) -> tuple[Told, ...]:
        """Raises as `check`, and NothingMoved: then the task stays."""
        self.check(act, standing, state)
        if act.action == TaskAction.COMMENT:
            return (Told(EventKind.COMMENTED, {"task": act.task, "comment": act.comment}),)
        if self._seen.pointers() == self._before.pointers():
            raise NothingMoved(str(self._step))
        self.moved, self.by = self._seen, act.actor
        reported = {"task": act.task, "step": str(self._step), "comment": act.comment}
        return (Told(EventKind.STEP_REPORTED, {**reported}),)
