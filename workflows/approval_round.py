"""One round of approval: the pinned chain is asked level by level, on one digest."""

from datetime import datetime

from workflows.desks import require_possible
from workflows.domain.approval import (
    Answer,
    Decision,
    Parties,
    PinnedLevel,
    Resolution,
    check_decision,
    resolve,
)
from workflows.domain.case import Act, EventKind, Task, TaskAction, TaskKind
from workflows.domain.digest import Json
from workflows.domain.errors import StaleDigest, TaskClosed


class ApprovalRound:
    """Gathers decisions. Pure apart from its list: the same acts give the same resolution."""

    kind = EventKind.DECIDED

    def __init__(
        self, case: str, number: int, chain: tuple[PinnedLevel, ...], parties: Parties, digest: str
    ) -> None:
        self.case, self.number = case, number
        self.chain, self.parties, self.digest = chain, parties, digest
        self.decisions: list[Decision] = []
        self.task: Task | None = None
        self._asked: PinnedLevel | None = None

    @property
    def resolution(self) -> Resolution:
        return resolve(self.chain, self.decisions, self.digest)

    @property
    def waiting_for(self) -> tuple[str, ...]:
        level = self.resolution.level
        return (level.group,) if level else ()

    def ask(self, level: PinnedLevel, now: datetime, due: datetime) -> Task:
        """The task that puts one level's decision before its approvers."""
        self._asked = level
        self.task = Task(
            id=f"{self.case}-approval-{self.number}-{level.n}",
            kind=TaskKind.APPROVAL,
            name=level.name,
            groups=(level.group,),
            persons=level.persons,
            actions=(TaskAction.APPROVE, TaskAction.REJECT),
            digest=self.digest,
            opened_at=now,
            due=due,
        )
        return self.task

    def check(self, act: Act, state: str) -> None:
        """Raises what `check_decision` raises, TaskClosed, or ActionNotPossible."""
        level = self._asked
        # An act counts for the level its task was asked for and for no other, even if several acts come at
        # once and the chain has gone on before the next task was put to anyone.
        if level is None or self.task is None or self.resolution.level != level:
            raise TaskClosed(act.task, state)
        require_possible(act, self.task)
        check_decision(self._decision(act, level), level, self.decisions, self.parties, self.digest, act.task)

    def take(self, act: Act) -> dict[str, Json]:
        """Append the decision; the answer is its record."""
        level = self._asked
        assert level is not None, "check() has let this act through"
        decision = self._decision(act, level)
        self.decisions.append(decision)
        return {
            "task": act.task,
            "level": level.n,
            "name": level.name,
            "group": level.group,
            "answer": decision.answer,
            "digest": decision.digest,
            "comment": decision.comment,
        }

    def _decision(self, act: Act, level: PinnedLevel) -> Decision:
        if act.digest is None:
            raise StaleDigest("none", self.digest)
        return Decision(level.n, act.actor.person, Answer(act.action), act.digest, act.comment)
