"""Have a person move a pointer in the ERP, and prove by reading that it moved (design §6, guided step)."""

from collections.abc import Callable
from dataclasses import dataclass

from temporalio import workflow

from workflows.case import Case
from workflows.domain.case import SYSTEM, Actor, EventKind
from workflows.domain.ledger import CloseState
from workflows.domain.period import FiscalCalendar
from workflows.domain.plan import PlanStep
from workflows.guided_desk import GuidedDesk
from workflows.ledger_steps import GuidingSteps, Instructions, InstructOrder, MovementOrder
from workflows.steps import LedgerSteps, Order, StepReadBack

UNANNOUNCED = "moved without a word"
"""The note on a step that was found done before anybody said so."""


@dataclass(frozen=True)
class Moved:
    """What the ledger showed after a step, and who did it."""

    state: CloseState
    was_on_record: bool = False
    by: Actor = SYSTEM
    note: str = ""


class GuidedSteps:
    """Asks the ERP administrator for one step after another. The caller judges what has moved."""

    def __init__(self, case: Case, calendar: FiscalCalendar) -> None:
        self.case, self.calendar = case, calendar
        self._number = 0

    async def perform(
        self, step: PlanStep, before: CloseState, was_done: bool, interrupted: Callable[[], bool]
    ) -> Moved | None:
        """Wait until something has moved; none if the case was interrupted before."""
        errands = self.case.errands
        reading = await errands.touch(LedgerSteps.read, Order(**errands.address))
        if was_done:
            return Moved(reading.state, was_on_record=True)
        if reading.state.pointers() != before.pointers():
            return Moved(reading.state, note=UNANNOUNCED)
        desk = await self._put(step, before)
        watch = errands.watch(GuidingSteps.await_movement, MovementOrder(**errands.address, state=before))
        await self._wait(desk, watch, interrupted)
        if not watch.done():
            watch.cancel()
        if desk.moved is not None and desk.by is not None:
            self.case.close_desk(settled=True)
            return Moved(desk.moved, by=desk.by)
        if _noticed(watch):
            self.case.settle_desk("noticed")
            return Moved(watch.result().state, note=UNANNOUNCED)
        self.case.close_desk(settled=False)
        return None

    async def _put(self, step: PlanStep, before: CloseState) -> GuidedDesk:
        """The instruction goes on record before the task that shows it."""
        errands, log = self.case.errands, self.case.log
        order = InstructOrder(**errands.address, step=step, calendar=self.calendar)
        instructions = await errands.touch(GuidingSteps.instruct, order)
        self._number += 1
        desk = GuidedDesk(self.case.request, self._number, step, before, workflow.now())
        log.learn(**{f"guided-{self._number}": instructions})
        log.tell(EventKind.INSTRUCTED, {"step": str(step), **_version(instructions)})
        return desk

    async def _wait(
        self,
        desk: GuidedDesk,
        watch: workflow.ActivityHandle[StepReadBack],
        interrupted: Callable[[], bool],
    ) -> None:
        log = self.case.log
        log.book()
        await self.case.open_desk(desk)
        await self.case.wait_at_desk(
            lambda: desk.moved is not None or _noticed(watch) or interrupted(), None, interruptible=False
        )
        log.book(for_people=True)
        log.waiting_for = ()


def _noticed(watch: workflow.ActivityHandle[StepReadBack]) -> bool:
    """Whether the watch has seen a movement. One that has failed sees nothing; people can still say so."""
    return watch.done() and not watch.cancelled() and watch.exception() is None


def _version(instructions: Instructions) -> dict[str, str]:
    shown = instructions.en
    return {"runbook": shown.runbook, "version": shown.version, "sha256": shown.sha256}
