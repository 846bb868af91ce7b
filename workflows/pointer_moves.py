"""Move pointers by a plan: each step under its fence and key, each read back before the next."""

from collections.abc import Callable

from workflows.case_log import CaseLog
from workflows.domain.case import EventKind
from workflows.domain.ledger import CloseState
from workflows.domain.plan import Books, Plan, PlanStep, apply, plan_reclose, verify_progress
from workflows.domain.rehearsal import Rehearsal
from workflows.errands import Errands
from workflows.steps import LedgerSteps, StepOrder


def never() -> bool:
    """Nothing interrupts these moves."""
    return False


class PointerMoves:
    """Performs plans on one ledger under one fence.

    What was rehearsed on a copy must show again: then every read-back is compared with the rehearsal's.
    """

    def __init__(
        self, errands: Errands, log: CaseLog, books: Books, fence: int, rehearsed: Rehearsal | None = None
    ) -> None:
        self.errands, self.log, self.books, self.fence = errands, log, books, fence
        self.rehearsed = rehearsed
        self._told: set[str] = set()

    async def perform(
        self, plan: Plan, start: CloseState, phase: str, interrupted: Callable[[], bool] = never
    ) -> bool:
        """Do all steps; false if the plan was interrupted between two of them.

        Raises:
            PointerMismatch: something else than the one pointer moved (design §5.2), or something else than
                in the rehearsal.
        """
        led_to = start
        for step in plan.steps:
            if interrupted():
                return False
            led_to = apply(led_to, step, self.books.calendar)
            await self._step(step, plan, start, phase, led_to)
        return True

    async def close_again(self, opened: CloseState, goal: CloseState, phase: str) -> None:
        """Plan the mirror of what was opened, and perform it."""
        plan = plan_reclose(opened, goal, self.books)
        self.log.learn(**{f"plan_{phase}": plan})
        await self.perform(plan, opened, phase)

    async def _step(
        self, step: PlanStep, plan: Plan, start: CloseState, phase: str, led_to: CloseState
    ) -> None:
        # The key names what is done, not how often it was planned: planned again after a crash or by a
        # person's retry, the same act is still the same act.
        key = f"{self.log.case}/{phase}/{step.module}/{step.period}"
        order = StepOrder(**self.errands.address, step=step, fence=self.fence, key=key)
        read_back = await self.errands.touch(LedgerSteps.perform, order)
        calendar = self.books.calendar
        verify_progress(start, plan, step, read_back.state, read_back.was_on_record, calendar)
        if self.rehearsed is not None:
            self.rehearsed.require_movement(str(step), read_back.state, read_back.was_on_record)
        if key in self._told:
            return
        self._told.add(key)
        # Where this step has led, which is what was read back when it was done: read back again after a
        # worker has died, the ledger may stand further on, and the same step would be told otherwise.
        pointers = {str(module): str(period) for module, period in led_to.pointers().items()}
        self.log.tell(
            EventKind.STEP_DONE,
            {
                "n": step.n,
                "verb": step.verb,
                "module": step.module,
                "period": str(step.period),
                "mode": step.mode,
                "key": key,
                "pointers": pointers,
            },
        )
