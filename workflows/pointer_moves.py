"""Move pointers by a plan: each step under its fence and key, each read back before the next."""

from collections.abc import Callable

from workflows.case_log import CaseLog
from workflows.domain.case import EventKind
from workflows.domain.ledger import CloseState
from workflows.domain.plan import Books, Plan, PlanStep, plan_reclose, verify_movement
from workflows.errands import Errands
from workflows.steps import LedgerSteps, Order, StepOrder


def never() -> bool:
    """Nothing interrupts these moves."""
    return False


class PointerMoves:
    """Performs plans on one ledger under one fence."""

    def __init__(self, errands: Errands, log: CaseLog, books: Books, fence: int) -> None:
        self.errands, self.log, self.books, self.fence = errands, log, books, fence

    async def perform(
        self, plan: Plan, start: CloseState, phase: str, interrupted: Callable[[], bool] = never
    ) -> bool:
        """Do all steps; false if the plan was interrupted between two of them.

        Raises:
            PointerMismatch: something else than the one pointer moved (design §5.2).
        """
        state = start
        for step in plan.steps:
            if interrupted():
                return False
            state = await self._step(step, state, phase)
        return True

    async def close_again(self, goal: CloseState, phase: str) -> Plan:
        """Read what is open now, plan the mirror, and perform it."""
        reading = await self.errands.touch(LedgerSteps.read, Order(**self.errands.address))
        plan = plan_reclose(reading.state, goal, self.books)
        self.log.learn(**{f"plan_{phase}": plan})
        await self.perform(plan, reading.state, phase)
        return plan

    async def _step(self, step: PlanStep, before: CloseState, phase: str) -> CloseState:
        # The key names what is done, not how often it was planned: planned again after a crash or by a
        # person's retry, the same act is still the same act.
        key = f"{self.log.case}/{phase}/{step.module}/{step.period}"
        order = StepOrder(**self.errands.address, step=step, fence=self.fence, key=key)
        after = await self.errands.touch(LedgerSteps.perform, order)
        verify_movement(before, after, step, self.books.calendar)
        pointers = {str(module): str(period) for module, period in after.pointers().items()}
        self.log.tell(
            EventKind.STEP_DONE,
            {
                "n": step.n,
                "verb": step.verb,
                "module": step.module,
                "period": str(step.period),
                "mode": step.mode,
                "key": key,
                "pointers": dict(pointers),
            },
        )
        return after
