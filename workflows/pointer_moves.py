"""Move pointers by a plan: each step under its fence and key, each read back before the next."""

from collections.abc import Callable

from workflows.case_log import CaseLog
from workflows.domain.case import EventKind
from workflows.domain.digest import Json
from workflows.domain.ledger import CloseState, StepMode
from workflows.domain.plan import Books, Plan, PlanStep, apply, plan_reclose, verify_progress
from workflows.domain.rehearsal import Rehearsal
from workflows.errands import Errands
from workflows.guided_steps import GuidedSteps, Moved
from workflows.steps import LedgerSteps, StepOrder


def never() -> bool:
    """Nothing interrupts these moves."""
    return False


class PointerMoves:
    """Performs plans on one ledger under one fence.

    Without a guide every step is automatic: so it is on a copy that a rehearsal runs on. What was rehearsed
    there must show again: then every read-back is compared with the rehearsal's.
    """

    def __init__(
        self,
        errands: Errands,
        log: CaseLog,
        books: Books,
        fence: int,
        guide: GuidedSteps | None = None,
        rehearsed: Rehearsal | None = None,
    ) -> None:
        self.errands, self.log, self.books, self.fence = errands, log, books, fence
        self.guide, self.rehearsed = guide, rehearsed
        self._told: set[str] = set()

    async def perform(
        self, plan: Plan, start: CloseState, phase: str, interrupted: Callable[[], bool] = never
    ) -> bool:
        """Do all steps; false if the plan was interrupted between two of them.

        Raises:
            PointerMismatch: something else than the one pointer moved (design §5.2), or something else than
                in the rehearsal.
        """
        before = start
        for step in plan.steps:
            if interrupted():
                return False
            # The key names what is done, not how often it was planned: planned again after a crash or by a
            # person's retry, the same act is still the same act.
            key = f"{self.log.case}/{phase}/{step.module}/{step.period}"
            moved = await self._move(step, before, key, interrupted)
            if moved is None:
                return False
            before = apply(before, step, self.books.calendar)
            verify_progress(start, plan, step, moved.state, moved.was_on_record, self.books.calendar)
            if self.rehearsed is not None:
                self.rehearsed.require_movement(str(step), moved.state, moved.was_on_record)
            self._tell(step, key, moved, before)
        return True

    async def close_again(self, opened: CloseState, goal: CloseState, phase: str) -> None:
        """Plan the mirror of what was opened, and perform it."""
        plan = plan_reclose(opened, goal, self.books)
        self.log.learn(**{f"plan_{phase}": plan})
        await self.perform(plan, opened, phase)

    async def _move(
        self, step: PlanStep, before: CloseState, key: str, interrupted: Callable[[], bool]
    ) -> Moved | None:
        """One step, by the connector or by a person; none if a person's was interrupted."""
        if step.mode == StepMode.GUIDED and self.guide is not None:
            return await self.guide.perform(step, before, key in self._told, interrupted)
        order = StepOrder(**self.errands.address, step=step, fence=self.fence, key=key)
        read_back = await self.errands.touch(LedgerSteps.perform, order)
        return Moved(read_back.state, read_back.was_on_record)

    def _tell(self, step: PlanStep, key: str, moved: Moved, led_to: CloseState) -> None:
        if key in self._told:
            return
        self._told.add(key)
        # Where this step has led, which is what was read back when it was done: read back again after a
        # worker has died, the ledger may stand further on, and the same step would be told otherwise.
        pointers = {str(module): str(period) for module, period in led_to.pointers().items()}
        told: dict[str, Json] = {
            "n": step.n,
            "verb": step.verb,
            "module": step.module,
            "period": str(step.period),
            "mode": step.mode,
            "key": key,
            "pointers": dict(pointers),
        }
        if moved.note:
            told["note"] = moved.note
        self.log.tell(EventKind.STEP_DONE, told, moved.by)
