"""Carry out the whole plan on a copy of the ledger before anyone is asked to release it (design §4, §8)."""

from temporalio import workflow

from workflows.backup_steps import DISCARD, RehearsalLedger, RehearsalOrder, RehearsalSteps
from workflows.case import Case, describe
from workflows.case_log import CaseLog
from workflows.domain.case import SYSTEM, Actor, EventKind
from workflows.domain.digest import Json
from workflows.domain.errors import GateNotPassed, RehearsalFailed
from workflows.domain.findings import blockers
from workflows.domain.ledger import CloseState, Module, Verb
from workflows.domain.period import Period
from workflows.domain.plan import apply, plan_reclose
from workflows.domain.proof import Proof, require_equal, require_open, require_untouched
from workflows.domain.rehearsal import Movement, Rehearsal, why_not_rehearsed
from workflows.domain.request import UncloseRequest
from workflows.errands import Errands
from workflows.examination import Examination, scope_of
from workflows.pointer_moves import PointerMoves
from workflows.steps import CheckOrder, LedgerSteps, Order, ProvenBackup


class Rehearsing:
    """Has the plan rehearsed, and keeps what the rehearsal has shown."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.shown: Rehearsal | None = None
        self.is_outstanding = False
        """The copy was not what is agreed to: another case was at work on the ledger. To be made up for."""

    async def rehearse(self, examined: Examination, backup: ProvenBackup) -> None:
        """Rehearse on a copy made from the backup; the copy never outlives this.

        Raises:
            RehearsalFailed: the plan cannot be carried out, or leaves the copy otherwise than it must.
        """
        self.shown, self.is_outstanding = None, False
        why_not = why_not_rehearsed(examined.plan, examined.books)
        if why_not is not None:
            self._tell_skipped(why_not)
        else:
            await self._rehearse(examined, backup)

    async def _rehearse(self, examined: Examination, backup: ProvenBackup) -> None:
        errands, began = self.case.errands, workflow.now()
        order = RehearsalOrder(**errands.address, backup=backup.id)
        try:
            copy = await errands.copy(RehearsalSteps.prepare, order)
            stage = _Stage(self.case, examined, backup, copy)
            is_whole = await stage.perform()
        except Exception:
            await errands.copy(RehearsalSteps.discard, order, DISCARD)
            raise
        await errands.copy(RehearsalSteps.discard, order, DISCARD)
        if is_whole:
            took = round((workflow.now() - began).total_seconds() * 1000)
            self._keep(stage.result(took))
        elif not self.case.is_interrupted:
            self.is_outstanding = True
            self._tell_skipped("another case was at work on the ledger; it is rehearsed before the release")

    def _keep(self, rehearsal: Rehearsal) -> None:
        self.shown = rehearsal
        self.case.log.tell(EventKind.REHEARSED, rehearsal.record())
        self.case.log.learn(
            rehearsal={"skipped": None, **rehearsal.record(), "movements": rehearsal.movements}
        )

    def _tell_skipped(self, because: str) -> None:
        self.case.log.tell(EventKind.REHEARSED, {"skipped": because})
        self.case.log.learn(rehearsal={"skipped": because})


class _Stage:
    """One copy, and the plan carried out on it by the code that carries it out in production."""

    def __init__(
        self, case: Case, examined: Examination, backup: ProvenBackup, copy: RehearsalLedger
    ) -> None:
        self.case, self.examined, self.backup, self.copy = case, examined, backup, copy
        self.errands: Errands = case.errands.on_copy(copy.ledger)
        self.notes = _Notes(case.request)
        self._opened: Proof | None = None
        self._doing = "reading the copy"

    async def perform(self) -> bool:
        """Un-close, prove, pass the gate, close again, prove.

        False if the copy is not what is agreed to, or the case was interrupted.

        Raises:
            RehearsalFailed: naming the step and what was seen.
        """
        try:
            return await self._perform()
        except Exception as failure:
            seen = str(describe(failure)["says"])
            raise RehearsalFailed(self._failed_at, seen) from failure

    def result(self, took: int) -> Rehearsal:
        assert self._opened is not None, "it was carried out whole"
        return Rehearsal(
            backup=self.backup.id,
            movements=tuple(self.notes.movements),
            opened=self._opened,
            closed=self.backup.proof,
            restore_milliseconds=self.copy.milliseconds,
            milliseconds=took,
        )

    async def _perform(self) -> bool:
        examined, address = self.examined, self.errands.address
        reading = await self.errands.touch(LedgerSteps.read, Order(**address))
        if reading.state.pointers() != examined.state.pointers():
            return False
        moves = PointerMoves(self.errands, self.notes, examined.books, self.copy.fence)
        self._doing = "un-closing"
        if not await moves.perform(
            examined.plan, examined.state, "unclose", lambda: self.case.is_interrupted
        ):
            return False
        self._opened = await self._prove("the opened copy")
        require_open(self._opened, examined.plan.touched)
        require_untouched(self.backup.proof, self._opened, examined.plan.touched)
        # A worker that dies from here on must not begin again at the opening, of which the copy is past.
        await self.errands.make_durable()
        if self.case.is_interrupted:
            return False
        await self._pass_the_gate()
        self._doing = "closing again"
        await moves.close_again(self._goal_opened, examined.state, "reclose")
        require_equal(self.backup.proof, await self._prove("the copy, closed again"))
        return True

    @property
    def _goal_opened(self) -> CloseState:
        state = self.examined.state
        for step in self.examined.plan.steps:
            state = apply(state, step, self.examined.books.calendar)
        return state

    @property
    def _failed_at(self) -> str:
        """The step of the plan that was not done, or what else was under way."""
        opening = self.examined.plan.steps
        closing = plan_reclose(self._goal_opened, self.examined.state, self.examined.books).steps
        done = len(self.notes.movements)
        if self._doing == "un-closing":
            return str(opening[done])
        if self._doing == "closing again":
            return str(closing[done - len(opening)])
        return self._doing

    async def _pass_the_gate(self) -> None:
        self._doing = "the gate before closing again"
        scope = scope_of(self.case.request, self.examined.plan, self.case.profile.executor)
        order = CheckOrder(**self.errands.address, scope=scope.without_documents())
        blocking = blockers((await self.errands.touch(LedgerSteps.check, order)).findings)
        if blocking:
            raise GateNotPassed(tuple(str(finding.code) for finding in blocking))

    async def _prove(self, what: str) -> Proof:
        self._doing = f"proving {what}"
        return await self.errands.touch(LedgerSteps.prove, Order(**self.errands.address))


class _Notes(CaseLog):
    """What the moves on a copy have to tell. It is kept here: on record comes the rehearsal as a whole."""

    def __init__(self, request: UncloseRequest) -> None:
        super().__init__(request)
        self.movements: list[Movement] = []

    def tell(self, kind: EventKind, data: dict[str, Json], actor: Actor = SYSTEM) -> int:
        if kind == EventKind.STEP_DONE:
            pointers = data["pointers"]
            assert isinstance(pointers, dict)
            self.movements.append(
                Movement(
                    Verb(str(data["verb"])),
                    Module(str(data["module"])),
                    Period.parse(str(data["period"])),
                    {Module(module): Period.parse(period) for module, period in pointers.items()},
                )
            )
        return len(self.movements)

    def learn(self, **parts: object) -> None:
        return None
