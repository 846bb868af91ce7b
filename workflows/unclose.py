"""Un-close a period of a ledger with everyone's consent, let it be corrected, close it again, prove it."""

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.case import Case, CaseEnds, RollBackDecided
    from workflows.consent import Consent
    from workflows.desks import CorrectionDesk, ResubmissionDesk
    from workflows.domain.attachments import Attaching
    from workflows.domain.case import (
        Act,
        Actor,
        CaseNow,
        CaseOutcome,
        Extension,
        Finish,
        Reminder,
        Resubmission,
        Withdrawal,
    )
    from workflows.domain.errors import NotTheApplicant, UncloseError, WindowExpired, WrongState
    from workflows.domain.request import CaseState, UncloseRequest
    from workflows.execution import Execution
    from workflows.recovery import Recovery
    from workflows.window import Window


MISTAKES = [ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError]
"""What a mistake in our own code raises: it fails the act of the person that ran into it."""


class Stalled(Exception):  # not in the list above, on purpose
    """The process itself met a mistake outside every stage that a person could decide about.

    The workflow task fails and is tried again until a corrected worker goes on where this one stopped: a
    case that stands still can be helped, one that has ended with a ledger open cannot.
    """


@workflow.defn(failure_exception_types=[UncloseError, *MISTAKES])
class UncloseWorkflow:
    """The whole process of design §4. `_govern` reads as the process; each stage has its own file."""

    @workflow.init
    def __init__(self, request: UncloseRequest) -> None:
        self.case = Case(request)
        self.consent = Consent(self.case)
        self.execution: Execution | None = None

    @workflow.run
    async def run(self, request: UncloseRequest) -> CaseOutcome:
        """Run the case to one of its final states. A cancellation is heard at the next safe point."""
        process = asyncio.create_task(self._run_to_the_end())
        while True:
            try:
                await asyncio.shield(process)
                break
            except asyncio.CancelledError:
                # Eviction from the cache looks the same but has no reason: then nothing may go on here.
                reason = workflow.cancellation_reason()
                if reason is None or process.done():
                    raise
                self.case.cancel(reason)
        await workflow.wait_condition(workflow.all_handlers_finished)
        evidence = self.execution.evidence if self.execution else None
        return CaseOutcome(request.id, self.case.log.state, self.case.digest, evidence)

    async def _run_to_the_end(self) -> None:
        try:
            await self._govern()
        except CaseEnds as end:
            await self._let_go_before(end)
            self.case.log.enter(end.state, because=end.because)
        except Exception as mistake:
            raise Stalled(str(mistake)) from mistake
        await self.case.errands.publish()

    async def _govern(self) -> None:
        await self.consent.receive()
        await self.consent.check()
        authorised = False
        while not authorised:
            await self.consent.approve()
            await self.consent.protect()
            authorised = await self.consent.authorise()

        consent = self.consent
        self.execution = Execution(self.case, consent.examined, consent.fence, consent.rehearsal)
        await self.execution.isolate()
        try:
            await self._execute(self.execution)
        except RollBackDecided as decided:
            await Recovery(self.case, self.execution).roll_back(decided)
        self.case.log.enter(CaseState.COMPLETED)

    async def _execute(self, execution: Execution) -> None:
        try:
            await execution.unclose()
            await execution.verify_open()
        except Exception as failure:
            await execution.compensate(failure)
        await execution.correct()
        await execution.reclose()
        await execution.verify_closed()
        await execution.archive()

    async def _let_go_before(self, end: CaseEnds) -> None:
        """Whatever the end, nothing stays held (design §4)."""
        if end.state == CaseState.ROLLED_BACK:
            return  # compensation has let go already
        if self.execution is not None:
            await self.execution.let_go()
        else:
            await self.consent.give_back()

    # ------------------------------------------------------------------ what people say

    @workflow.update
    async def act(self, act: Act) -> CaseNow:
        """One person's act on the open task. Answered when it is on record."""
        await self.case.expect_task(act.task)
        standing = await self.case.look_up(act)
        await self.case.read_back(act)
        return await self._on_record(self.case.take(act, standing))

    @act.validator
    def _check_act(self, act: Act) -> None:
        self.case.check(act)

    @workflow.update
    async def withdraw(self, withdrawal: Withdrawal) -> CaseNow:
        """The applicant takes the wish back, as long as nothing has been released."""
        return await self._on_record(self.case.withdraw(withdrawal))

    @withdraw.validator
    def _check_withdrawal(self, withdrawal: Withdrawal) -> None:
        self.case.check_withdrawal(withdrawal)

    @workflow.update
    async def resubmit(self, resubmission: Resubmission) -> CaseNow:
        """The applicant has had a blocker put right; everything is checked and asked for anew."""
        self._resubmission_desk(resubmission).is_resubmitted = True
        return await self._on_record(self.case.resubmit(resubmission))

    @resubmit.validator
    def _check_resubmission(self, resubmission: Resubmission) -> None:
        self._resubmission_desk(resubmission)

    @workflow.update
    async def remind(self, reminder: Reminder) -> CaseNow:
        """The applicant asks those who are waited for to act; at most once an hour."""
        return await self._on_record(self.case.remind(reminder))

    @remind.validator
    def _check_reminder(self, reminder: Reminder) -> None:
        self.case.check_reminder(reminder)

    @workflow.update
    async def finish_corrections(self, finish: Finish) -> CaseNow:
        """A corrector says that the corrections are done; the periods are closed again."""
        desk = self._correction_desk(finish.actor)
        told = desk.finish(finish.actor, finish.comment)
        return await self._on_record(self.case.log.tell(told.kind, told.data, finish.actor))

    @finish_corrections.validator
    def _check_finish(self, finish: Finish) -> None:
        self._correction_desk(finish.actor)

    @workflow.update
    async def extend(self, extension: Extension) -> CaseNow:
        """The applicant or a corrector asks for a longer window; another person decides."""
        return await self._on_record(self._window_for(extension.actor).ask_for(extension))

    @extend.validator
    def _check_extension(self, extension: Extension) -> None:
        self._window_for(extension.actor).check(extension)

    @workflow.update
    async def attach(self, attaching: Attaching) -> CaseNow:
        """A file belongs to the case from here on; it goes on record with whatever comes next."""
        self.case.attach(attaching)
        return self.case.now()

    @attach.validator
    def _check_attaching(self, attaching: Attaching) -> None:
        self.case.check_attaching()

    async def _on_record(self, seq: int) -> CaseNow:
        await workflow.wait_condition(lambda: self.case.log.recorded >= seq)
        return self.case.now()

    def _resubmission_desk(self, resubmission: Resubmission) -> ResubmissionDesk:
        request = self.case.request
        if resubmission.actor.person != request.applicant:
            raise NotTheApplicant(resubmission.actor.person, request.id)
        desk = self.case.desk
        if not isinstance(desk, ResubmissionDesk) or desk.is_resubmitted:
            raise WrongState(request.id, self.case.log.state, (CaseState.RETURNED,))
        return desk

    def _window_for(self, actor: Actor) -> Window:
        """The window, while it is open for this person. Raises as `_correction_desk`."""
        self._correction_desk(actor)
        assert self.execution is not None, "people correct what was opened"
        return self.execution.window

    def _correction_desk(self, actor: Actor) -> CorrectionDesk:
        """Raises NotACorrector, WindowExpired, WrongState."""
        case, desk = self.case, self.case.desk
        if isinstance(desk, CorrectionDesk):
            desk.check_person(actor)
            if desk.finished is None:
                return desk
        if case.window_ended_at is not None:
            raise WindowExpired(case.request.id, case.window_ended_at.isoformat())
        raise WrongState(case.request.id, case.log.state, (CaseState.CORRECTING,))
