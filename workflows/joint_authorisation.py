"""Joint control: two live persons of two groups release the execution of exactly one digest (R55)."""

from datetime import datetime

from workflows.desks import require_possible
from workflows.domain.approval import Confirmation, Group, Parties, confirm
from workflows.domain.case import Act, EventKind, Task, TaskAction, TaskKind
from workflows.domain.digest import Json
from workflows.domain.errors import StaleDigest, TaskClosed


class JointAuthorisation:
    """Gathers the two confirmations."""

    kind = EventKind.CONFIRMED

    def __init__(
        self,
        case: str,
        number: int,
        groups: tuple[Group, Group],
        parties: Parties,
        digest: str,
    ) -> None:
        self.case, self.number, self.groups, self.digest = case, number, groups, digest
        self.parties = parties
        self.given: tuple[Confirmation, ...] = ()
        self.task: Task | None = None

    @property
    def is_complete(self) -> bool:
        return {confirmation.group for confirmation in self.given} == set(self.groups)

    @property
    def waiting_for(self) -> tuple[str, ...]:
        done = {confirmation.group for confirmation in self.given}
        return tuple(group for group in self.groups if group not in done)

    def ask(self, now: datetime, due: datetime) -> Task:
        self.task = Task(
            id=f"{self.case}-authorisation-{self.number}",
            kind=TaskKind.AUTHORISATION,
            name="authorisation",
            groups=self.groups,
            persons=(),
            actions=(TaskAction.AUTHORISE,),
            digest=self.digest,
            opened_at=now,
            due=due,
        )
        return self.task

    def check(self, act: Act, state: str) -> None:
        """Raises what `confirm` raises, TaskClosed, or ActionNotPossible."""
        if self.is_complete or self.task is None:
            raise TaskClosed(act.task, state)
        require_possible(act, self.task)
        self._confirmation(act)

    def take(self, act: Act) -> dict[str, Json]:
        """Append the confirmation; the answer is its record."""
        confirmation = self._confirmation(act)
        self.given = (*self.given, confirmation)
        return {
            "task": act.task,
            "group": confirmation.group,
            "digest": confirmation.digest,
            "comment": act.comment,
        }

    def _confirmation(self, act: Act) -> Confirmation:
        if act.digest is None:
            raise StaleDigest("none", self.digest)
        return confirm(
            act.actor.person,
            act.actor.groups,
            self.given,
            self.groups,
            self.parties,
            act.digest,
            self.digest,
            act.task,
        )
