"""What people say to running cases, and what they are told when the case has ended."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime

from service.beginnings import PAUSES, Sleep, require_begun
from service.queries import Reader, Slice, TaskFilter
from service.temporal_gateway import Gateway
from workflows.domain.case import (
    Act,
    Actor,
    CaseEvent,
    CaseNow,
    EventKind,
    Extension,
    Finish,
    Reminder,
    Resubmission,
    TaskAction,
    TaskKind,
    Withdrawal,
)
from workflows.domain.errors import CaseStandsStill, TaskClosed, UnknownRequest, WindowExpired, WrongState
from workflows.domain.request import (
    FINAL_STATES,
    HUMAN_STATES,
    WITHDRAWABLE_STATES,
    CaseState,
    UncloseRequest,
)


@dataclass(frozen=True)
class Call:
    """Who acts, and the name under which a repeated act is the same act."""

    actor: Actor
    update: str


class Acts:
    """Passes acts on. A case that does not run any more is answered for from the register."""

    def __init__(self, reader: Reader, gateway: Gateway, sleep: Sleep = asyncio.sleep) -> None:
        self._reader, self._gateway, self._sleep = reader, gateway, sleep

    async def on_task(self, call: Call, act: Act) -> CaseNow:
        """Raises UnknownTask, TaskClosed, and what the case refuses with."""
        task = act.task
        view = await self._reader.task(task)
        case = view.case.request.id
        try:
            return await self._gateway.act(case, act, call.update)
        except UnknownRequest:
            now = await self._reader.task(task)  # it may have ended since it was looked at
            if now.is_open and now.case.state not in FINAL_STATES:
                raise CaseStandsStill(case, now.case.state) from None
            raise TaskClosed(task, now.case.state) from None

    async def withdraw(self, call: Call, case: str, comment: str) -> CaseNow:
        """Raises UnknownRequest, NotTheApplicant, WrongState, CaseNotBegun.

        What a case refuses is not kept under the name of the act, so it can be asked again under it.
        """
        for pause in PAUSES:
            try:
                return await self._withdraw(call, case, comment)
            except WrongState as refused:
                if refused.state != CaseState.RECEIVED:
                    raise
            await self._sleep(pause)
        try:
            return await self._withdraw(call, case, comment)
        except WrongState as refused:
            require_begun(case, refused)
            raise

    async def _withdraw(self, call: Call, case: str, comment: str) -> CaseNow:
        withdrawal = Withdrawal(call.actor, comment)
        asked = self._gateway.withdraw(case, withdrawal, call.update)
        return await self._unless_ended(case, asked, tuple(sorted(WITHDRAWABLE_STATES)))

    async def resubmit(
        self, call: Call, case: str, comment: str, request: UncloseRequest | None = None
    ) -> CaseNow:
        """Raises UnknownRequest, NotTheApplicant, WrongState."""
        resubmission = Resubmission(call.actor, comment, request)
        asked = self._gateway.resubmit(case, resubmission, call.update)
        return await self._unless_ended(case, asked, (CaseState.RETURNED,))

    async def remind(self, call: Call, case: str, comment: str) -> CaseNow:
        """Raises UnknownRequest, NotTheApplicant, RemindedTooSoon, WrongState."""
        asked = self._gateway.remind(case, Reminder(call.actor, comment), call.update)
        return await self._unless_ended(case, asked, tuple(sorted(HUMAN_STATES)))

    async def finish(self, call: Call, case: str, comment: str) -> CaseNow:
        """Raises UnknownRequest, NotACorrector, WindowExpired, WrongState."""
        return await self._in_window(
            case, self._gateway.finish(case, Finish(call.actor, comment), call.update)
        )

    async def extend(self, call: Call, case: str, hours: int, reason: str) -> CaseNow:
        """Raises ExtensionAsked, ExtensionTooLong, and what `finish` raises."""
        extension = Extension(call.actor, hours, reason)
        return await self._in_window(case, self._gateway.extend(case, extension, call.update))

    async def _in_window(self, case: str, asked: Awaitable[CaseNow]) -> CaseNow:
        """Raises UnknownRequest, WrongState, and WindowExpired for a case whose window ran out."""
        try:
            return await self._unless_ended(case, asked, (CaseState.CORRECTING,))
        except WrongState:
            ended = _window_ran_out((await self._reader.news(case)).events)
            if ended is None:
                raise
            raise WindowExpired(case, ended.isoformat()) from None

    async def roll_back(self, call: Call, case: str, comment: str) -> CaseNow:
        """The answer `roll_back` on the attention task that is open.

        Raises:
            UnknownRequest, WrongState: the case does not need a person.
            ActionNotPossible, and what the case refuses with.
        """
        wanted = TaskFilter(None, True, TaskKind.ATTENTION, case)
        found = await self._reader.tasks(wanted, Slice(limit=1))
        if not found.items:
            head = await self._reader.case(case)
            raise WrongState(case, head.state, (CaseState.ATTENTION,))
        act = Act(found.items[0].id, call.actor, TaskAction.ROLL_BACK, comment=comment)
        return await self.on_task(call, act)

    async def _unless_ended(
        self, case: str, asked: Awaitable[CaseNow], allowed: tuple[CaseState, ...]
    ) -> CaseNow:
        try:
            return await asked
        except UnknownRequest:
            head = await self._reader.case(case)
            if head.state not in FINAL_STATES:
                raise CaseStandsStill(case, head.state) from None
            raise WrongState(case, head.state, allowed) from None


def _window_ran_out(events: tuple[CaseEvent, ...]) -> datetime | None:
    """When the correction window ended by itself, if it did."""
    return next(
        (
            event.at
            for event in events
            if event.kind == EventKind.WINDOW_CLOSED and event.data.get("because") == "the window ended"
        ),
        None,
    )
