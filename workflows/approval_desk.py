"""The desk of one round of approval: puts levels before people as tasks, and their acts before the rules."""

from dataclasses import dataclass, replace
from datetime import datetime

from workflows.desks import require_possible
from workflows.domain.case import Act, Task, TaskAction, TaskKind, Told
from workflows.domain.chain import PinnedLevel
from workflows.domain.consent_round import POSSIBLE, Outcome, Round, Standing
from workflows.domain.errors import TaskClosed
from workflows.domain.working_time import WorkingTime


@dataclass(frozen=True)
class Hours:
    """When a level was first put to people, and what follows if they stay silent."""

    level: int
    opened_at: datetime
    deadline: datetime
    expires: datetime


class ApprovalDesk:
    """One round of consent, and the task that is open for it."""

    def __init__(self, case: str, number: int, round_: Round, working_time: WorkingTime) -> None:
        self.case, self.number, self.round, self.working_time = case, number, round_, working_time
        self.task: Task | None = None
        self._asking = 0
        self._asked_before: dict[int, int] = {}
        self._hours: Hours | None = None
        self._deadline_passed = False

    @property
    def level(self) -> PinnedLevel:
        return self.round.now.level

    @property
    def waiting_for(self) -> tuple[str, ...]:
        return self.round.waiting_for

    @property
    def is_asking(self) -> bool:
        """Whether the task that is open still asks what the round wants to know."""
        return self.round.outcome == Outcome.PENDING and self.round.asking == self._asking

    def put(self, now: datetime) -> Task:
        """Make the task of the next asking. The level's deadline goes on from when it was first asked."""
        self._asking = self.round.asking
        level = self.level
        if self._hours is None or self._hours.level != level.n:
            self._hours = self._hours_of(level, now)
            self._deadline_passed = False
        times = self._asked_before[level.n] = self._asked_before.get(level.n, 0) + 1
        again = f"-{times}" if times > 1 else ""
        self.task = Task(
            id=f"{self.case}-approval-{self.number}-{level.n}{again}",
            kind=TaskKind.APPROVAL,
            name=level.name,
            groups=level.groups,
            persons=self.round.asked,
            actions=POSSIBLE,
            digest=self.round.digest,
            opened_at=now,
            due=self._hours.deadline,
            expires=self._hours.expires,
            cc=level.cc,
        )
        return self.task

    def _hours_of(self, level: PinnedLevel, now: datetime) -> Hours:
        deadline = self.working_time.after(now, level.deadline_hours)
        return Hours(level.n, now, deadline, max(deadline, self.working_time.after(now, level.expires_hours)))

    @property
    def next_mark(self) -> datetime:
        """When silence has its next consequence: a reminder or more people asked, then the end."""
        assert self._hours is not None, "the level was put to people"
        return self._hours.expires if self._deadline_passed else self._hours.deadline

    def has_expired(self, now: datetime) -> bool:
        assert self._hours is not None, "the level was put to people"
        return now >= self._hours.expires

    def pass_deadline(self) -> tuple[str, ...]:
        """The deadline is over: the persons who are asked as well from now on. Nobody has consented by it."""
        self._deadline_passed = True
        self.round, more = self.round.escalate()
        self._ask_others()
        return more

    def reopen(self, digest: str) -> tuple[Told, ...]:
        """The applicant has answered a direct return: the level that returned the case is asked again.

        What that level had consented to is void; the answer is what goes on record of it.
        """
        undone = self.round.undone_by_resuming()
        self.round = self.round.resumed_directly(digest)
        self._hours = None
        return undone

    # ------------------------------------------------------------------ acts

    def names(self, act: Act) -> tuple[str, ...] | None:
        """Whom the directory must be asked about before this act; none if nobody."""
        named = (*((act.to,) if act.action == TaskAction.TRANSFER and act.to else ()), *act.persons)
        return named if named or act.actor.person not in self.round.asked or act.acting_for else None

    def check(self, act: Act, standing: Standing, state: str) -> None:
        """Raises what `Round.take` raises, or ActionNotPossible."""
        self.require_open(act, state)
        self.round.take(act, standing, state)

    def require_open(self, act: Act, state: str) -> None:
        """Raises TaskClosed, ActionNotPossible."""
        # An act counts for the asking its task was opened for and for no other, even if several acts come
        # at once and the round has gone on before the next task was put to anyone.
        if self.task is None or not self.is_asking:
            raise TaskClosed(act.task, state)
        require_possible(act, self.task)

    def take(self, act: Act, standing: Standing, state: str) -> tuple[Told, ...]:
        """Raises as `check`."""
        self.require_open(act, state)
        self.round, told = self.round.take(act, standing, state)
        self._ask_others()
        return told

    def _ask_others(self) -> None:
        if self.task is not None and self.is_asking:
            self.task = replace(self.task, persons=self.round.asked)
