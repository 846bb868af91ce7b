"""Where people's acts arrive while a case waits for them: one desk is open at a time."""

from datetime import datetime
from typing import Protocol

from workflows.domain.case import Act, Actor, EventKind, Task, TaskAction, TaskKind, Told
from workflows.domain.consent_round import Standing
from workflows.domain.errors import ActionNotPossible, NotACorrector, TaskClosed


class Desk(Protocol):
    """Checks and takes acts on the one task that is open."""

    @property
    def task(self) -> Task | None: ...

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """The groups or persons whose act is still awaited."""

    def names(self, act: Act) -> tuple[str, ...] | None:
        """Whom the directory must be asked about before this act, besides the actor; none if nobody."""

    def require_open(self, act: Act, state: str) -> None:
        """All that can be said of an act without the directory. Raises TaskClosed, ActionNotPossible."""

    def check(self, act: Act, standing: Standing, state: str) -> None:
        """Refuse an act, without changing anything. Raises domain errors."""

    def take(self, act: Act, standing: Standing, state: str) -> tuple[Told, ...]:
        """Take an act; the answer is what goes on record. Raises as `check`."""


def require_possible(act: Act, task: Task) -> None:
    """Raises ActionNotPossible for an action that this task does not know."""
    if act.action not in task.actions:
        raise ActionNotPossible(act.action, act.task, task.actions)


class CorrectionDesk:
    """The named correctors, or the applicant, say when the corrections are done."""

    def __init__(self, case: str, persons: tuple[str, ...], opened_at: datetime, due: datetime) -> None:
        self.case, self.persons, self.waiting_for = case, persons, persons
        self.finished: Actor | None = None
        """Who said so."""
        self.task: Task | None = Task(
            id=f"{case}-correction",
            kind=TaskKind.CORRECTION,
            name="correction",
            groups=(),
            persons=persons,
            actions=(TaskAction.FINISH,),
            digest=None,
            opened_at=opened_at,
            due=due,
        )

    def check_person(self, actor: Actor) -> None:
        """Raises NotACorrector."""
        if actor.person not in self.persons:
            raise NotACorrector(actor.person, self.case)

    def names(self, act: Act) -> None:
        return None

    def require_open(self, act: Act, state: str) -> None:
        """Raises TaskClosed, ActionNotPossible."""
        if self.task is None or self.finished is not None:
            raise TaskClosed(act.task, state)
        require_possible(act, self.task)

    def check(self, act: Act, standing: Standing, state: str) -> None:
        """Raises NotACorrector, TaskClosed."""
        self.check_person(act.actor)
        self.require_open(act, state)

    def take(self, act: Act, standing: Standing, state: str) -> tuple[Told, ...]:
        """Raises as `check`."""
        self.check(act, standing, state)
        return (self.finish(act.actor, act.comment),)

    def finish(self, actor: Actor, comment: str) -> Told:
        self.finished = actor
        return Told(EventKind.WINDOW_CLOSED, {"because": "finished", "comment": comment})


class ResubmissionDesk:
    """The applicant has a blocker put right; `resubmit` is the only answer, so there is no task to act on."""

    task: Task | None = None

    def __init__(self, applicant: str) -> None:
        self.is_resubmitted = False
        self.waiting_for: tuple[str, ...] = (applicant,)

    def names(self, act: Act) -> None:
        return None

    def require_open(self, act: Act, state: str) -> None:
        raise TaskClosed(act.task, state)

    def check(self, act: Act, standing: Standing, state: str) -> None:
        raise TaskClosed(act.task, state)

    def take(self, act: Act, standing: Standing, state: str) -> tuple[Told, ...]:
        raise TaskClosed(act.task, state)
