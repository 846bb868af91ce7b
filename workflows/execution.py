"""The stages that act: isolate, un-close, verify, correct, re-close, verify, archive; and the way back."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.case import Case, CaseEnds, describe
from workflows.domain.case import EventKind
from workflows.domain.corrections import Change, require_sound, undeclared
from workflows.domain.difference import past_the_log
from workflows.domain.digest import Json, sha256
from workflows.domain.errors import GateNotPassed, NotCompared
from workflows.domain.findings import blockers
from workflows.domain.holding import Doors, Holding
from workflows.domain.ledger import CloseState
from workflows.domain.plan import apply, require_same_pointers
from workflows.domain.proof import (
    Proof,
    differing,
    require_closed,
    require_equal,
    require_open,
    require_untouched,
)
from workflows.domain.rehearsal import Rehearsal
from workflows.domain.request import CaseState
from workflows.examination import Examination, scope_of
from workflows.guided_steps import GuidedSteps
from workflows.ledger_steps import CompareOrder, ComparisonSteps
from workflows.pointer_moves import PointerMoves
from workflows.steps import (
    BackupOrder,
    BackupSteps,
    CaseSteps,
    CheckOrder,
    CloseWindowOrder,
    Isolated,
    IsolateOrder,
    LeaseSteps,
    LeaveOrder,
    LedgerSteps,
    Order,
    ProvenBackup,
    SealOrder,
    warning_first,
)
from workflows.window import Window


class Interrupted(Exception):  # not an error: a cancellation heard between two steps
    """The platform asked to cancel while periods are being opened."""


class Execution:
    """Carries out what was authorised, under one fence, and leaves the ledger as it must be left."""

    def __init__(
        self, case: Case, examined: Examination, fence: int, rehearsal: Rehearsal | None = None
    ) -> None:
        self.case, self.examined, self.fence, self.rehearsal = case, examined, fence, rehearsal
        self.window = Window(case, fence)
        self.evidence: str | None = None
        self._guide = GuidedSteps(case, examined.books.calendar)
        self._moves = PointerMoves(case.errands, case.log, examined.books, fence, self._guide, rehearsal)
        self._point_b: ProvenBackup | None = None
        self.mark = ""
        """The place in the ledger's change log from which on every change is a correction."""
        self.shut_at = workflow.now()
        """Since when nobody but the correctors has been in the ledger."""
        self._undeclared: tuple[Change, ...] = ()

    @property
    def point_b(self) -> ProvenBackup:
        """The roll-back point."""
        assert self._point_b is not None, "the ledger has been isolated"
        return self._point_b

    @property
    def before(self) -> Proof:
        """The proof of roll-back point B: how the ledger was before anything moved."""
        return self.point_b.proof

    @property
    def _opened(self) -> CloseState:
        """The close state that the plan, done whole, leads to."""
        state = self.examined.state
        for step in self.examined.plan.steps:
            state = apply(state, step, self.examined.books.calendar)
        return state

    async def isolate(self) -> None:
        """Everybody out, proven; then the roll-back point. Nothing is touched yet if this fails."""
        await self.case.persist(CaseState.ISOLATING, self._isolate)

    async def unclose(self) -> None:
        """Open what was planned, pointer by pointer."""
        self.case.log.enter(CaseState.UNCLOSING)
        self.case.may_roll_back = True
        whole = await self._moves.perform(
            self.examined.plan, self.examined.state, "unclose", lambda: self.case.is_interrupted
        )
        if not whole:
            raise Interrupted

    async def verify_open(self) -> None:
        """Touched periods are open, untouched ones byte-equal, all as rehearsed; then people are let in."""
        self.case.log.enter(CaseState.VERIFYING_OPEN)
        proof = await self.prove("verified_open")
        require_open(proof, self.examined.plan.touched)
        require_untouched(self.before, proof, self.examined.plan.touched)
        if self.rehearsal is not None:
            self.rehearsal.require_opened(proof)
        # What was proven must not be proven again when the correctors are at work already.
        await self.case.errands.make_durable()
        if self.case.is_interrupted:
            raise Interrupted
        await self.window.open("verified open")
        self.case.log.verified_open(workflow.now())

    async def correct(self) -> None:
        """The named people correct; they finish, or the window ends by itself."""
        self.case.log.enter(CaseState.CORRECTING)
        await self.window.correct()

    async def reclose(self) -> None:
        """Gate, shut the correctors out, close again in mirror order with the same read-back."""
        await self.case.persist(CaseState.RECLOSING, self._reclose)

    async def verify_closed(self) -> None:
        """Pointers and untouched balances are what they were, books balance, nothing was done unseen."""
        await self.case.persist(CaseState.VERIFYING_CLOSED, self._verify_closed)

    async def archive(self) -> None:
        """Rights withdrawn, sessions allowed, lease released, evidence sealed."""
        self.case.may_roll_back = False  # proven closed: there is nothing to go back for
        await self.case.persist(CaseState.ARCHIVING, self._archive)

    async def compensate(self, failure: Exception) -> None:
        """Close again what was opened, prove the ledger equal to before, and let go of it."""
        self.case.log.tell(EventKind.STEP_FAILED, {"failure": describe(failure)})
        await self.case.persist(CaseState.COMPENSATING, self._compensate)
        raise CaseEnds(CaseState.ROLLED_BACK, str(describe(failure)["says"]) or type(failure).__name__)

    async def let_go(self) -> None:
        """Withdraw rights, let people in, give the lease back. Safe to repeat, on every ending."""
        await self._let_people_in()
        await self._give_back()

    async def _let_people_in(self) -> None:
        errands = self.case.errands
        await errands.make_durable()
        order = LeaveOrder(**errands.address, persons=self.window.persons, fence=self.fence)
        await errands.touch(LedgerSteps.leave, order)
        self.case.holding = Holding(self.fence)

    async def _give_back(self) -> None:
        errands = self.case.errands
        await errands.record(LeaseSteps.release_lease, Order(**errands.address))
        self.case.holding = Holding()
        self.case.log.tell(EventKind.RELEASED, {"fence": self.fence})

    async def _compare(self) -> None:
        """Tell what the case has changed (R79), and have explained what was changed past the ERP (R84).

        Nobody is let in before: what is found can still be rolled back without anybody's work being lost.

        Raises:
            NotCompared: then nobody knows. Two persons may go on without it.
            NotExplained: as for changes that the ERP's own log tells.
        """
        errands, touched = self.case.errands, tuple(sorted(self.examined.plan.touched))
        order = CompareOrder(**errands.address, backup=self.point_b.id, touched=touched, mark=self.mark)
        try:
            difference = await errands.compare(ComparisonSteps.compare, order)
        except ActivityError as failure:
            self._go_on_uncompared(failure)
            return
        self.case.log.learn(difference=difference)
        self.case.log.tell(EventKind.COMPARED, difference.record())
        past = past_the_log(difference, self.shut_at)
        if past:
            self.case.log.learn(undeclared=(*self._undeclared, *past))
            await self.window.have_explained(past)

    def _go_on_uncompared(self, failure: ActivityError) -> None:
        """Raises NotCompared, unless that was skipped."""
        why, skips = describe(failure), self.case.skips
        lacking = NotCompared(self.case.request.ledger, str(why["says"]))
        if not skips.has(lacking, self.point_b.id):
            raise skips.offering(lacking, self.point_b.id) from failure
        self.case.log.tell(EventKind.NOT_COMPARED, {"failure": why})

    # ------------------------------------------------------------------ the stages that may be tried again

    async def _isolate(self) -> None:
        errands = self.case.errands
        reason = f"{self.case.request.id}: {self.case.request.reason}"
        try:
            self.case.holding = Holding(self.fence, Doors.SHUT)
            isolated = await self._send_everybody_out(reason)
            # Asked again, the ledger would tell of nobody: those who were in it have been sent out.
            await errands.make_durable()
            self.mark, self.shut_at = isolated.mark, workflow.now()
            self.case.log.tell(EventKind.ISOLATED, {"ended": list(isolated.ended), "fence": self.fence})
            self._point_b = await errands.copy(BackupSteps.back_up, BackupOrder(**errands.address, point="B"))
            self.case.log.tell(EventKind.BACKED_UP, self._point_b.record())
            self.case.log.learn(proof_before=self.before)
        except Exception:
            # Nothing has been touched: people must not stand before a shut door while somebody decides.
            await errands.touch(
                LedgerSteps.leave,
                LeaveOrder(**errands.address, persons=self.window.persons, fence=self.fence),
            )
            self.case.holding = Holding(self.fence)
            raise

    async def _send_everybody_out(self, reason: str) -> Isolated:
        errands, seconds = self.case.errands, self.case.profile.warning_seconds
        order = IsolateOrder(**errands.address, fence=self.fence, reason=reason, grace_seconds=seconds)
        if not seconds:
            return await errands.touch(LedgerSteps.isolate, order)
        return await errands.copy(LedgerSteps.isolate, order, warning_first(timedelta(seconds=seconds)))

    async def _reclose(self) -> None:
        errands, request = self.case.errands, self.case.request
        await self._gate()
        self.case.holding = Holding(self.fence, Doors.SHUT, self.window.persons)
        closed = await errands.touch(
            LedgerSteps.close_window,
            CloseWindowOrder(
                **errands.address, persons=self.window.persons, fence=self.fence, mark=self.mark
            ),
        )
        self.case.holding = Holding(self.fence, Doors.SHUT)
        unexplained = undeclared(closed.changes, request.scope)
        self._undeclared = unexplained
        self.case.log.learn(changes=closed.changes, undeclared=unexplained)
        beside = [change.document for change in unexplained]
        self.case.log.tell(
            EventKind.CHANGES_READ, {"changes": len(closed.changes), "undeclared": list(beside)}
        )
        await self.window.have_explained(unexplained)
        try:
            await self._moves.close_again(self._opened, self.examined.state, "reclose")
        except ApplicationError as failure:
            if failure.type == GateNotPassed.__name__:
                # The ledger's own gate: only the correctors can make what is still open fit to be closed.
                await self.window.open("the ledger's gate before closing again")
            raise

    async def _gate(self) -> None:
        """No blocker in what is about to be closed. Raises GateNotPassed; the correctors can still act."""
        plan = self.examined.plan
        scope = scope_of(self.case.request, plan, self.case.profile.executor)
        order = CheckOrder(**self.case.errands.address, scope=scope.without_documents())
        checked = await self.case.errands.touch(LedgerSteps.check, order)
        blocking = blockers(checked.findings)
        if blocking:
            # Their right may have run out with the window, and nobody else could put this right.
            await self.window.open("the gate before closing again")
            raise GateNotPassed(tuple(str(finding.code) for finding in blocking))

    async def _verify_closed(self) -> None:
        proof = await self.prove("verified_closed")
        require_closed(self.before, proof, self.examined.plan.touched)
        reading = await self.case.errands.touch(LedgerSteps.read, Order(**self.case.errands.address))
        require_same_pointers(self.examined.state, reading.state)
        weighed = await self.case.errands.touch(LedgerSteps.weigh, Order(**self.case.errands.address))
        # Everything is closed again and as it was: what else is found may be gone on over by two persons.
        skips, touched = self.case.skips, self.examined.plan.touched
        skips.require(lambda: require_untouched(self.before, proof, touched), proof.root)
        skips.require(lambda: require_sound(weighed.invariants), sha256(weighed.invariants))
        await self._compare()
        self.case.log.verified_closed(workflow.now())
        self.case.log.learn(moved=differing(self.before, proof))

    async def _archive(self) -> None:
        await self.let_go()
        errands = self.case.errands
        sealed = await errands.record(CaseSteps.seal, SealOrder(**errands.address))
        self.evidence = sealed.path
        self.case.log.learn(evidence=sealed)
        self.case.log.tell(EventKind.SEALED, {"path": sealed.path, "sha256": sealed.sha256})

    async def _compensate(self) -> None:
        if self._point_b is not None:
            # Whatever was opened, by us or by a wrong movement: read it, do not assume it.
            reading = await self.case.errands.touch(LedgerSteps.read, Order(**self.case.errands.address))
            # Read again after a worker has died half-way, the ledger would tell of fewer steps: what the dead
            # one has closed would be missing from the case's own tale.
            await self.case.errands.make_durable()
            way_back = PointerMoves(
                self.case.errands, self.case.log, self.examined.books, self.fence, self._guide
            )
            await way_back.close_again(reading.state, self.examined.state, "compensate")
            # A pointer that somebody moved forward has nothing to close again, and a period without
            # balances shows in no proof.
            reading = await self.case.errands.touch(LedgerSteps.read, Order(**self.case.errands.address))
            require_same_pointers(self.examined.state, reading.state)
            require_equal(self.before, await self.prove("compensated"))
        await self.let_go()

    async def prove(self, moment: str) -> Proof:
        """Compute the proof and put it on record."""
        proof = await self.case.errands.touch(LedgerSteps.prove, Order(**self.case.errands.address))
        told: dict[str, Json] = {"moment": moment, "root": proof.root, "leaves": len(proof.leaves)}
        self.case.log.tell(EventKind.PROVEN, told)
        self.case.log.learn(**{f"proof_{moment}": proof})
        return proof
