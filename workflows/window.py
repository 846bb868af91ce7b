"""The correction window: who may write and until when, and the explanation of what nobody had declared."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

from workflows.case import Case, describe
from workflows.desks import CorrectionDesk, Desk
from workflows.domain.case import EventKind, Extension, TaskAction
from workflows.domain.corrections import Change
from workflows.domain.digest import Json, sha256
from workflows.domain.errors import ExtensionAsked, ExtensionTooLong, NotExplained
from workflows.domain.holding import Doors, Holding
from workflows.explanation_desk import ExplanationDesk, ReviewDesk, documents_of
from workflows.extension_desk import ExtensionDesk, Prolonging
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
        self._passed = self._opened_at
        """The last mark at which people were reminded."""
        self._extension: ExtensionDesk | None = None
        self._extensions = 0
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
        self.case.holding = Holding(self.fence, Doors.NAMED, persons)
        await self.case.errands.touch(LedgerSteps.open_window, order)
        self._opened_at, self._until, self._passed = now, until, now
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
        in_time = await self._is_ended_by_people(desk)
        because = "the window ended" if not in_time else "cancelled"
        self._let_extension_lapse("finished" if desk.finished else because)
        if desk.finished is not None:
            case.settle_desk(TaskAction.FINISH, desk.finished)
            return
        case.close_desk(False if in_time else None)
        if not in_time:
            case.window_ended_at = self._until
        case.log.tell(EventKind.WINDOW_CLOSED, {"because": because})

    async def _is_ended_by_people(self, desk: CorrectionDesk) -> bool:
        """Wait until the corrections are finished, or the case interrupted; false if time runs out first."""
        while True:
            mark = self._next_mark()
            in_time = await self.case.wait_at_desk(
                lambda: desk.finished is not None or self._is_answered, mark
            )
            if desk.finished is not None or self.case.is_interrupted:
                return True
            if in_time:
                await self._hear_answer(desk)
            elif mark == self._until:
                return False
            else:
                self._passed = mark
                self._remind()

    # ------------------------------------------------------------------ longer

    def check(self, extension: Extension) -> None:
        """Raises ExtensionAsked, ExtensionTooLong. Whether the window is open the caller knows."""
        case, most = self.case, self.case.profile.max_window_hours
        if self._extension is not None:
            raise ExtensionAsked(case.request.id, self._extension.wanted.hours)
        if self._until + timedelta(hours=extension.hours) > self._opened_at + timedelta(hours=most):
            raise ExtensionTooLong(case.request.id, extension.hours, most)

    def ask_for(self, extension: Extension) -> int:
        """Ask whoever decides; the answer is the number of the event. Raises as `check`."""
        self.check(extension)
        case = self.case
        self._extensions += 1
        would_end = self._until + timedelta(hours=extension.hours)
        wanted = Prolonging(extension.actor.person, extension.hours, extension.reason, self._until, would_end)
        desk = ExtensionDesk(
            case.request, self._extensions, wanted, case.profile.extension_group, workflow.now()
        )
        self._extension = desk
        case.log.learn(**{f"extension-{self._extensions}": wanted.record()})
        asked = case.log.tell(EventKind.EXTENSION_ASKED, wanted.record(), extension.actor)
        case.open_beside(desk)
        return asked

    @property
    def _is_answered(self) -> bool:
        return self._extension is not None and self._extension.answer is not None

    async def _hear_answer(self, window: CorrectionDesk) -> None:
        desk = self._extension
        assert desk is not None, "an extension was asked for"
        assert desk.by is not None, "and somebody has answered"
        if desk.answer == TaskAction.APPROVE:
            await self._prolong(desk.wanted, window)
        self.case.close_beside(str(desk.answer), desk.by)
        self._extension = None

    async def _prolong(self, wanted: Prolonging, window: CorrectionDesk) -> None:
        """Let the right last longer, then everything that hangs on the end of the window.

        An ERP that does not do it leaves the window as it was: the corrections are not lost by it, and the
        periods are not open longer than somebody can write in them.
        """
        case = self.case
        address, persons = case.errands.address, self.persons
        order = WindowOrder(**address, persons=persons, until=wanted.would_end, fence=self.fence)
        try:
            await case.errands.touch(LedgerSteps.open_window, order)
        except FailureError as failure:
            case.log.tell(EventKind.EXTENSION_LAPSED, {"because": describe(failure)})
            return
        self._until = wanted.would_end
        case.log.tell(EventKind.WINDOW_EXTENDED, wanted.record())
        if window.task is not None:
            window.task = replace(window.task, due=self._until)
            case.log.update_task(window.task)

    def _let_extension_lapse(self, because: str) -> None:
        """The window is over: silence has not made it longer."""
        if self._extension is None:
            return
        self.case.log.tell(EventKind.EXTENSION_LAPSED, {"because": because})
        self.case.close_beside("expired")
        self._extension = None

    # ------------------------------------------------------------------ explanations

    async def have_explained(self, undeclared: tuple[Change, ...]) -> None:
        """Whoever changed what nobody had declared says why, and finance confirms it (R77, R84).

        Raises:
            NotExplained: nobody explained, or nobody confirmed, in time. Silence is never a yes.
        """
        new = tuple(change for change in undeclared if change not in self._explained)
        if self.case.skips.has(NotExplained(documents_of(new)), sha256(new)):
            return
        while new:
            explanation = await self._explanation(new)
            if await self._is_confirmed(new, explanation):
                self._explained += new
                return

    def _marks(self) -> tuple[datetime, ...]:
        half = self._opened_at + (self._until - self._opened_at) / 2
        return tuple(sorted({half, max(half, self._until - LAST_CALL)}))

    def _next_mark(self) -> datetime:
        """The next time to remind people, or the end of the window."""
        return next((mark for mark in self._marks() if mark > self._passed), self._until)

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
        desk = ReviewDesk(self.case.request, self._asked, changes, explanation, now, due)
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
            raise self.case.skips.offering(NotExplained(documents_of(changes)), sha256(changes))
