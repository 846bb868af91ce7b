"""The desk of joint control: two live persons of two groups release the execution (R55)."""

from datetime import datetime

from temporalio import workflow

from workflows.desks import require_possible
from workflows.domain.authorisation import Release
from workflows.domain.case import Act, EventKind, Task, TaskAction, TaskKind, Told
from workflows.domain.consent_round import Standing
from workflows.domain.errors import TaskClosed


class AuthorisationDesk:
    """Gathers the two confirmations."""

    def __init__(self, case: str, number: int, release: Release, now: datetime, due: datetime) -> None:
        self.release, self.due = release, due
        self.task: Task | None = Task(
            id=f"{case}-authorisation-{number}",
            kind=TaskKind.AUTHORISATION,
            name="authorisation",
            groups=release.rule.groups,
            persons=(),
            actions=(TaskAction.AUTHORISE,),
            digest=release.digest,
            opened_at=now,
            due=due,
            expires=due,
        )

    @property
    def is_complete(self) -> bool:
        return self.release.is_complete

    @property
    def waiting_for(self) -> tuple[str, ...]:
        return tuple(self.release.missing)

    @property
    def mark(self) -> datetime:
        """When waiting has its next consequence: a confirmation lapses, or the case expires."""
        lapses = self.release.lapses_at
        return self.due if lapses is None else min(self.due, lapses)

    def lapse(self, now: datetime) -> tuple[str, ...]:
        """Forget a confirmation that has grown too old; whose it was."""
        live = self.release.without_lapsed(now)
        gone = tuple(c.person for c in self.release.given if c not in live.given)
        self.release = live
        return gone

    def names(self, act: Act) -> tuple[str, ...] | None:
        """The directory is asked for whom the actor stands in, unless they act for themselves."""
        own = set(act.actor.groups) & set(self.release.rule.groups)
        return None if own and not act.acting_for else ()

    def require_open(self, act: Act, state: str) -> None:
        """Raises TaskClosed, ActionNotPossible."""
        if self.is_complete or self.task is None:
            raise TaskClosed(act.task, state)
        require_possible(act, self.task)

    def check(self, act: Act, standing: Standing, state: str) -> None:
        """Raises what `Release.confirm` raises, or ActionNotPossible."""
        self.require_open(act, state)
        self.release.confirm(act, standing, workflow.now())

    def take(self, act: Act, standing: Standing, state: str) -> tuple[Told, ...]:
        """Raises as `check`."""
        self.require_open(act, state)
        self.release, given = self.release.confirm(act, standing, workflow.now())
        told = Told(
            EventKind.CONFIRMED,
            {
                "task": act.task,
                "group": given.group,
                "digest": self.release.digest,
                "comment": act.comment,
                "from_where": act.actor.origin,
            },
            None if given.holder == given.person else given.holder,
        )
        return (told,)
