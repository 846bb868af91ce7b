"""The stages that decide whether: receive, check, approve, protect, authorise."""

from datetime import datetime, timedelta
from functools import partial

from temporalio import workflow

from workflows.approval_desk import ApprovalDesk
from workflows.authorisation_desk import AuthorisationDesk
from workflows.case import Case, CaseEnds
from workflows.desks import ResubmissionDesk
from workflows.domain.authorisation import Release
from workflows.domain.case import Actor, EventKind, Resume, request_difference
from workflows.domain.consent_round import Outcome, Round
from workflows.domain.digest import Json, sha256
from workflows.domain.findings import EvidenceRow, Finding, FindingCode
from workflows.domain.holding import Holding
from workflows.domain.rehearsal import Rehearsal
from workflows.domain.request import CaseState
from workflows.examination import Examination, difference, examine
from workflows.rehearsal import Rehearsing
from workflows.steps import (
    BackupOrder,
    BackupSteps,
    CaseSteps,
    LeaseSteps,
    Order,
    ReceiveOrder,
)


class Consent:
    """Leads a case from received to authorised, on one digest."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.fence = 0
        """The fence of the lease, once the case holds the ledger."""
        self._noticed: tuple[Finding, ...] = ()
        self._rehearsing = Rehearsing(case)
        self._examined: Examination | None = None
        self._rounds = 0
        self._signed: tuple[str, ...] = ()
        """Who has agreed to what is in force."""

    @property
    def examined(self) -> Examination:
        """What everyone agrees to."""
        assert self._examined is not None, "the case has been checked"
        return self._examined

    @property
    def rehearsal(self) -> Rehearsal | None:
        """What production must show again; none if no copy could be acted on."""
        return self._rehearsing.shown

    async def receive(self) -> None:
        """Write the case's row; pin its ledger's configuration."""
        order = ReceiveOrder(**self.case.errands.address, request=self.case.request)
        received = await self.case.errands.record(CaseSteps.receive, order)
        self.case.pin(received.profile)
        request = self.case.request
        asker = Actor(request.applicant, on_behalf_of=request.on_behalf_of)
        self.case.log.tell(EventKind.RECEIVED, {"request_digest": sha256(request)}, asker)
        if received.held_by is not None:
            holder = EvidenceRow(received.held_by, (("ledger", self.case.request.ledger),))
            self._noticed = (Finding(FindingCode.LEDGER_HELD, rows=(holder,)),)

    async def check(self) -> None:
        """Plan and check; a blocker ends the case with its remedy named (R28)."""
        self.case.log.enter(CaseState.CHECKING)
        self._take(await self._examine(self._noticed))
        self.case.require_going_on()
        if self.examined.is_blocked:
            raise CaseEnds(CaseState.CHECKS_FAILED, "blocked by findings")
        self.case.log.enter(CaseState.APPROVING)

    async def approve(self) -> None:
        """Ask the pinned chain level by level, on the digest in force, until all have agreed."""
        desk = self._new_round()
        while desk.round.outcome != Outcome.APPROVED:
            if desk.round.outcome == Outcome.REJECTED:
                raise CaseEnds(CaseState.REJECTED, "rejected by an approver")
            if desk.round.outcome == Outcome.RETURNED:
                desk = await self._have_it_put_right(desk)
            else:
                await self._ask(desk)
        self._signed = desk.round.signed

    async def protect(self) -> None:
        """Backup A, restored and proven, and the plan rehearsed on it, before anyone releases it."""
        await self.case.persist(CaseState.PROTECTING, self._back_up_and_rehearse)

    async def _back_up_and_rehearse(self) -> None:
        order = BackupOrder(**self.case.errands.address, point="A")
        backup = await self.case.errands.copy(BackupSteps.back_up, order)
        self.case.log.tell(EventKind.BACKED_UP, backup.record())
        self.case.require_going_on()
        await self._rehearsing.rehearse(self.examined, backup)
        self.case.require_going_on()

    async def authorise(self) -> bool:
        """Two live persons release exactly this digest, and the case takes the ledger (R55, design §5.8).

        False if anything had drifted: then every consent is void and the case is approving again.
        """
        holds = False

        async def release() -> None:
            nonlocal holds
            await self._wait_for_the_ledger()
            if await self._has_drifted():
                return
            if self._rehearsing.is_outstanding:
                await self._back_up_and_rehearse()
            await self._joint_confirmation()
            await self._take_the_ledger()
            holds = not await self._has_drifted()
            self.case.require_going_on()

        await self.case.persist(CaseState.AUTHORISING, release)
        if not holds:
            await self.give_back()
            await self._approve_again()
        return holds

    # ------------------------------------------------------------------ parts of approving and authorising

    def _new_round(self) -> ApprovalDesk:
        self._rounds += 1
        panel = self.examined.panel
        round_ = Round.of(panel.chain, panel.parties, self.examined.digest)
        return ApprovalDesk(self.case.request.id, self._rounds, round_, self.case.profile.working_time)

    async def _ask(self, desk: ApprovalDesk) -> None:
        """Put one level before its approvers. Silence reminds, escalates, and in the end expires (§5.7)."""
        desk.put(workflow.now())
        await self.case.open_desk(desk)
        while not await self.case.wait_at_desk(lambda: not desk.is_asking, desk.next_mark):
            if desk.has_expired(workflow.now()):
                self.case.close_desk(None)
                raise CaseEnds(CaseState.EXPIRED, f"level {desk.level.name} did not decide in time")
            self._pass_deadline(desk)
        self.case.close_desk(not desk.is_asking)
        self.case.require_going_on()

    def _pass_deadline(self, desk: ApprovalDesk) -> None:
        more = desk.pass_deadline()
        log, level = self.case.log, desk.level
        told: dict[str, Json] = {"level": level.n, "name": level.name, "because": "the deadline has passed"}
        if more:
            log.tell(EventKind.ESCALATED, {**told, "to": list(more)})
        else:
            log.tell(EventKind.REMINDED, {**told, "waiting_for": list(desk.waiting_for)})
        log.waiting_for = desk.waiting_for
        if desk.task is not None:
            log.update_task(desk.task)

    async def _have_it_put_right(self, desk: ApprovalDesk) -> ApprovalDesk:
        """An approver has returned the case: the applicant answers, everything is checked anew."""
        returned = desk.round.returned
        assert returned is not None, "it was returned"
        drift = await self._wait_for_resubmission("returned by an approver")
        if returned.resume == Resume.DIRECT and not drift:
            for told in desk.reopen(self.examined.digest):
                self.case.log.tell(told.kind, told.data)
        else:
            self._void("asked for anew by the applicant", drift, desk.round.signed)
            desk = self._new_round()
        self.case.log.enter(CaseState.APPROVING)
        return desk

    async def _joint_confirmation(self) -> None:
        """Both confirmations, close together: one that has grown too old must be given again (§5.5)."""
        now, panel = workflow.now(), self.examined.panel
        due = now + timedelta(hours=self.case.profile.authorisation_hours)
        release = Release(panel.authorising, panel.parties, self.examined.digest)
        desk = AuthorisationDesk(self.case.request.id, self._rounds, release, now, due)
        await self.case.open_desk(desk)
        while not (desk.is_complete or self.case.is_interrupted):
            mark = desk.mark
            if await self.case.wait_at_desk(partial(_is_different, desk, mark), mark):
                continue
            if workflow.now() >= due:
                self.case.close_desk(None)
                raise CaseEnds(CaseState.EXPIRED, "the joint authorisation was not complete in time")
            self._lapse(desk)
        self.case.close_desk(desk.is_complete)
        self.case.require_going_on()

    def _lapse(self, desk: AuthorisationDesk) -> None:
        gone = desk.lapse(workflow.now())
        if gone:
            self.case.log.waiting_for = desk.waiting_for
            told: dict[str, Json] = {"persons": list(gone), "waiting_for": list(desk.waiting_for)}
            self.case.log.tell(EventKind.CONFIRMATION_LAPSED, told)

    async def _wait_for_the_ledger(self) -> None:
        errands = self.case.errands
        lease = await errands.record(LeaseSteps.look_at_lease, Order(**errands.address))
        if lease.holder not in (None, self.case.request.id):
            await self._queue_up(str(lease.holder))

    async def _take_the_ledger(self) -> None:
        errands = self.case.errands
        while True:
            lease = await errands.record(LeaseSteps.take_lease, Order(**errands.address))
            if lease.holder == self.case.request.id:
                self.fence = lease.fence
                self.case.holding = Holding(lease.fence)
                self.case.log.tell(EventKind.LEASE_TAKEN, {"fence": lease.fence})
                return
            await self._queue_up(str(lease.holder))

    async def _queue_up(self, holder: str) -> None:
        """Wait for the other case to end; the applicant may still withdraw meanwhile."""
        errands, log = self.case.errands, self.case.log
        log.waiting_for = (holder,)
        log.tell(EventKind.WAITING_FOR_LEDGER, {"holder": holder})
        await errands.publish()
        turn = errands.queue_up(LeaseSteps.await_turn, Order(**errands.address))
        await workflow.wait_condition(lambda: turn.done() or self.case.is_interrupted)
        if not turn.done():
            turn.cancel()
        self.case.require_going_on()
        await turn
        log.waiting_for = ()

    async def _has_drifted(self) -> bool:
        """Check again; if the digest is not what was agreed to, all consent is void (design §5.6)."""
        before, after = self.examined, await self._examine(())
        if after.digest == before.digest:
            return False
        self._void("what was agreed to has changed", {**difference(before, after)}, self._signed)
        self._take(after)
        return True

    def _void(self, because: str, drift: dict[str, Json], signed: tuple[str, ...] = ()) -> None:
        """Every consent is void; the difference is shown to those who gave it, and to who is asked next."""
        self.case.log.learn(drift={"because": because, "signed": list(signed), **drift})
        told: dict[str, Json] = {"because": because, "signed": list(signed), "difference": drift}
        self.case.log.tell(EventKind.DECISIONS_VOID, told)

    async def _approve_again(self) -> None:
        self.case.log.enter(CaseState.APPROVING, because="the digest has changed")
        while self.examined.is_blocked:
            drift = await self._wait_for_resubmission("blocked by findings")
            if drift:
                self._void("asked for anew by the applicant", drift)
            self.case.log.enter(CaseState.APPROVING)

    async def _wait_for_resubmission(self, because: str) -> dict[str, Json]:
        """The applicant has it put right and asks for another check, or withdraws; what is new since."""
        self.case.log.enter(CaseState.RETURNED, because=because)
        due = workflow.now() + timedelta(hours=self.case.profile.approval_hours)
        asked_for = self.case.request
        desk = ResubmissionDesk(asked_for.applicant)
        in_time = await self.case.wait_for_people(desk, lambda: desk.is_resubmitted, due)
        self.case.require_going_on()
        if not in_time:
            raise CaseEnds(CaseState.EXPIRED, "nothing was put right in time")
        self.case.log.enter(CaseState.CHECKING)
        before = self.examined
        self._take(await self._examine(()))
        if self.examined.is_blocked:
            raise CaseEnds(CaseState.CHECKS_FAILED, "still blocked by findings")
        changed = request_difference(asked_for, self.case.request)
        if not changed and self.examined.digest == before.digest:
            return {}
        return {"request": changed, **difference(before, self.examined)}

    async def give_back(self) -> None:
        """Let go of the ledger if it was taken and nothing has been executed."""
        if self.fence:
            errands = self.case.errands
            await errands.make_durable()
            await errands.record(LeaseSteps.release_lease, Order(**errands.address))
            self.case.log.tell(EventKind.LEASE_RELEASED, {"fence": self.fence})
            self.fence = 0
            self.case.holding = Holding()

    # ------------------------------------------------------------------ examining

    async def _examine(self, noticed: tuple[Finding, ...]) -> Examination:
        case = self.case
        return await examine(case.errands, case.request, case.profile, noticed)

    def _take(self, examined: Examination) -> None:
        self._examined = examined
        self.case.digest = examined.digest
        self.case.log.learn(**examined.parts())
        self.case.log.tell(
            EventKind.PLAN_MADE,
            {
                "digest": examined.digest,
                "risk": examined.risk,
                "steps": len(examined.plan.steps),
                "blocked": examined.is_blocked,
                "policy": examined.panel.policy_version,
                "levels": [level.name for level in examined.panel.chain],
            },
        )


def _is_different(desk: AuthorisationDesk, mark: datetime) -> bool:
    """Whether the joint authorisation is complete, or its next consequence comes at another time."""
    return desk.is_complete or desk.mark != mark
