"""The way back when closing again cannot be proven: point B in the place of the ledger (design §4, §8)."""

from typing import NoReturn

from workflows.backup_steps import RestoreOrder, RestoreSteps
from workflows.case import Case, CaseEnds, RollBackDecided
from workflows.domain.case import EventKind
from workflows.domain.corrections import undeclared
from workflows.domain.digest import Json
from workflows.domain.holding import Doors, Holding
from workflows.domain.plan import require_same_pointers
from workflows.domain.proof import require_equal
from workflows.domain.request import CaseState
from workflows.execution import Execution
from workflows.steps import CloseWindowOrder, LedgerSteps, Order


class Recovery:
    """Restores the roll-back point under the lease of the case, proves it, and lets go of the ledger."""

    def __init__(self, case: Case, execution: Execution) -> None:
        self.case, self.execution = case, execution
        self._is_shut = False

    async def roll_back(self, decided: RollBackDecided) -> NoReturn:
        """Two persons have decided. Raises CaseEnds, once everything is as it was and nothing is held."""
        self.case.may_roll_back = False  # it is being done: what fails from here on is tried again
        await self.case.persist(CaseState.COMPENSATING, self._restore)
        raise CaseEnds(CaseState.ROLLED_BACK, str(decided))

    async def _restore(self) -> None:
        case, execution = self.case, self.execution
        if not self._is_shut:
            await self._shut_correctors_out()
        order = RestoreOrder(**case.errands.address, backup=execution.point_b.id, fence=execution.fence)
        restored = await case.errands.copy(RestoreSteps.restore_in_place, order)
        reading = await case.errands.touch(LedgerSteps.read, Order(**case.errands.address))
        require_same_pointers(execution.examined.state, reading.state)
        require_equal(execution.before, await execution.prove("rolled_back"))
        told: dict[str, Json] = {
            "backup": restored.backup,
            "root": restored.root,
            "kept": restored.kept,
            "milliseconds": restored.milliseconds,
        }
        case.log.tell(EventKind.RESTORED, told)
        case.log.learn(restored=told)
        await execution.let_go()

    async def _shut_correctors_out(self) -> None:
        """What they have changed goes on record: from now on it is only in the ledger that is replaced."""
        case, execution = self.case, self.execution
        order = CloseWindowOrder(
            **case.errands.address,
            persons=execution.window.persons,
            fence=execution.fence,
            mark=execution.mark,
        )
        case.holding = Holding(execution.fence, Doors.SHUT, execution.window.persons)
        closed = await case.errands.touch(LedgerSteps.close_window, order)
        self._is_shut = True
        case.holding = Holding(execution.fence, Doors.SHUT)
        beside = undeclared(closed.changes, case.request.scope)
        case.log.learn(changes=closed.changes, undeclared=beside)
        names: list[Json] = [change.document for change in beside]
        case.log.tell(EventKind.CHANGES_READ, {"changes": len(closed.changes), "undeclared": names})
