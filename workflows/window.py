"""The correction window: who may write and until when, and the explanation of what nobody had declared."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

from workflows.case import Case
from workflows.desks import CorrectionDesk, Desk
from workflows.domain.case import EventKind, TaskAction
from workflows.domain.corrections import Change
from workflows.domain.digest import Json
from workflows.domain.errors import NotExplained
from workflows.explanation_desk import ExplanationDesk, ReviewDesk, documents_of
from workflows.steps import LedgerSteps, WindowOrder

LAST_CALL = timedelta(hours=1)
"""So long before the end of the window its correctors are reminded for the last time."""

EXPLAIN_WITHIN = 24
"""Working hours that an explanation may take, and its confirmation again."""


class Window:
    """Lets the correctors in under one fence, and out again."""

    def __init__(self, case: Case, fence: int) -> None:
        self.case, self.fence = case, fence
        self._opened_at = self._until = workflow.now()
        self._explained: tuple[Change, ...] = ()
        self._asked = 0

    @property
    def persons(self) -> tuple[str, ...]:
        """The named correctors; the applicant corrects if nobody else is named."""
        request = self.case.request
        return request.correctors or (request.applicant,)

    @property
    def _askable(self) -> tuple[str, ...]:
        """Who may say that the corrections are done, and explain them."""
        return tuple(dict.fromkeys((*self.persons, self.case.request.applicant)))

    async def open(self, because: str) -> None:
        """Give the correctors their right, from now on for as long as was asked for."""
        now = workflow.now()
        until = now + timedelta(hours=self.case.request.window_hours)
        address, persons = self.case.errands.address, self.persons
        order = WindowOrder(**address, persons=persons, until=until, fence=self.fence)
        await self.case.errands.touch(LedgerSteps.open_window, order)
        self._opened_at, self._until = now, until
        told: dict[str, Json] = {
            "persons": list(persons),
            "until": until.isoformat(),
            "because": because,
        }
        self.case.log.tell(EventKind.WINDOW_OPENED, told)

    async def correct(self) -> None:
        """The named people correct; they finish, or the window ends by itself. They are reminded before."""
        case = self.case
        desk = CorrectionDesk(case.request.id, self._askable, workflow.now(), self._until)
        await case.open_desk(desk)
        in_time, marks = False, self._marks()
        for mark in (*marks, self._until):
            in_time = await case.wait_at_desk(lambda: desk.finished_by is not None, mark)
            if in_time:
                break
            if mark in marks:
                self._remind()
        case.close_desk(desk.finished_by is not None if in_time else None)
        if not in_time:
            case.window_ended_at = self._until
        if desk.finished_by is None:
            because = "cancelled" if in_time else "the window ended"
            case.log.tell(EventKind.WINDOW_CLOSED, {"because": because})

    async def have_explained(self, undeclared: tuple[Change, ...]) -> None:
        """Whoever changed what nobody had declared says why, and finance confirms it (R77, R84).

        Raises:
            NotExplained: nobody explained, or nobody confirmed, in time. Silence is never a yes.
        """
        new = tuple(change for change in undeclared if change not in self._explained)
        while new:
            explanation = await self._explanation(new)
            if await self._is_confirmed(new, explanation):
                self._explained += new
                return

    def _marks(self) -> tuple[datetime, ...]:
        half = self._opened_at + (self._until - self._opened_at) / 2
        return tuple(sorted({half, max(half, self._until - LAST_CALL)}))

    def _remind(self) -> None:
        waiting: list[Json] = [*self.case.log.waiting_for]
        told: dict[str, Json] = {"because": "the window ends", "until": self._until.isoformat()}
        self.case.log.tell(EventKind.REMINDED, {**told, "waiting_for": waiting})

    async def _explanation(self, changes: tuple[Change, ...]) -> dict[str, Json]:
        self._asked += 1
        now, due = self._term()
        desk = ExplanationDesk(self.case.request.id, self._asked, self._askable, changes, now, due)
        await self._ask(desk, lambda: desk.by is not None, changes, due)
        assert desk.by is not None, "somebody has explained"
        documents: list[Json] = [*documents_of(changes)]
        explanation: dict[str, Json] = {
            "by": desk.by.person,
            "comment": desk.comment,
            "documents": documents,
        }
        self.case.log.learn(explanation=explanation)
        return explanation

    async def _is_confirmed(self, changes: tuple[Change, ...], explanation: dict[str, Json]) -> bool:
        now, due = self._term()
        desk = ReviewDesk(self.case.request.id, self._asked, changes, explanation, now, due)
        await self._ask(desk, lambda: desk.answer is not None, changes, due)
        return desk.answer == TaskAction.APPROVE

    def _term(self) -> tuple[datetime, datetime]:
        now = workflow.now()
        return now, self.case.profile.working_time.after(now, EXPLAIN_WITHIN)

    async def _ask(
        self, desk: Desk, settled: Callable[[], bool], changes: tuple[Change, ...], due: datetime
    ) -> None:
        log = self.case.log
        log.book()
        in_time = await self.case.wait_for_people(desk, settled, due, interruptible=False)
        log.book(for_people=True)
        log.waiting_for = ()
        if not in_time:
            raise NotExplained(documents_of(changes))
