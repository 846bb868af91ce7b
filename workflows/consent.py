"""The stages that decide whether: receive, check, approve, protect, authorise."""

from datetime import datetime, timedelta

from temporalio import workflow

from workflows.approval_round import ApprovalRound
from workflows.case import Case, CaseEnds
from workflows.desks import ResubmissionDesk
from workflows.domain.approval import Outcome, PinnedLevel, pin_chain
from workflows.domain.case import Actor, EventKind
from workflows.domain.digest import sha256
from workflows.domain.errors import NoApprover
from workflows.domain.findings import EvidenceRow, Finding, FindingCode
from workflows.domain.request import CaseState
from workflows.examination import Examination, blocked_by, difference, examine
from workflows.joint_authorisation import JointAuthorisation
from workflows.steps import (
    BackupOrder,
    BackupSteps,
    CaseSteps,
    LeaseSteps,
    Order,
    PeopleOrder,
    ReceiveOrder,
)


class Consent:
    """Leads a case from received to authorised, on one digest."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.fence = 0
        """The fence of the lease, once the case holds the ledger."""
        self._noticed: tuple[Finding, ...] = ()
        self._chain: tuple[PinnedLevel, ...] = ()
        self._examined: Examination | None = None
        self._rounds = 0

    @property
    def examined(self) -> Examination:
        """What everyone agrees to."""
        assert self._examined is not None, "the case has been checked"
        return self._examined

    async def receive(self) -> None:
        """Write the case's row; pin its ledger's configuration."""
        order = ReceiveOrder(**self.case.errands.address, request=self.case.request)
        received = await self.case.errands.record(CaseSteps.receive, order)
        self.case.pin(received.profile)
        request = self.case.request
        asker = Actor(request.applicant, on_behalf_of=request.on_behalf_of)
        self.case.log.tell(EventKind.RECEIVED, {"request_digest": sha256(request)}, asker)
        self.case.log.learn(policy_version=received.profile.policy.version)
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
        """Ask the pinned chain level by level, on the digest in force."""
        self._rounds += 1
        digest = self.examined.digest
        round_ = ApprovalRound(self.case.request.id, self._rounds, self._chain, self.case.parties, digest)
        hours = timedelta(hours=self.case.profile.approval_hours)
        while (level := round_.resolution.level) is not None:
            due = workflow.now() + hours
            await self._ask(round_, level, due)
        if round_.resolution.outcome != Outcome.APPROVED:
            raise CaseEnds(CaseState.REJECTED, "rejected by an approver")

    async def protect(self) -> None:
        """Backup A, restored and proven, before anyone is asked to release the execution."""

        async def back_up() -> None:
            order = BackupOrder(**self.case.errands.address, point="A")
            backup = await self.case.errands.copy(BackupSteps.back_up, order)
            self.case.log.tell(EventKind.BACKED_UP, backup.record())
            self.case.require_going_on()

        await self.case.persist(CaseState.PROTECTING, back_up)

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

    async def _ask(self, round_: ApprovalRound, level: PinnedLevel, due: datetime) -> None:
        round_.ask(level, workflow.now(), due)
        in_time = await self.case.wait_for_people(round_, lambda: round_.resolution.level != level, due)
        self.case.require_going_on()
        if not in_time:
            raise CaseEnds(CaseState.EXPIRED, f"level {level.name} did not decide in time")

    async def _joint_confirmation(self) -> None:
        due = workflow.now() + timedelta(hours=self.case.profile.authorisation_hours)
        joint = JointAuthorisation(
            self.case.request.id,
            self._rounds,
            self.case.profile.policy.authorising_groups,
            self.case.parties,
            self.examined.digest,
        )
        joint.ask(workflow.now(), due)
        in_time = await self.case.wait_for_people(joint, lambda: joint.is_complete, due)
        self.case.require_going_on()
        if not in_time:
            raise CaseEnds(CaseState.EXPIRED, "the joint authorisation was not complete in time")

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
        self.case.log.tell(EventKind.DECISIONS_VOID, {"difference": difference(before, after)})
        self._take(after)
        return True

    async def _approve_again(self) -> None:
        self.case.log.enter(CaseState.APPROVING, because="the digest has changed")
        while self.examined.is_blocked:
            await self._wait_for_resubmission()

    async def _wait_for_resubmission(self) -> None:
        """A blocker has appeared: the applicant has it put right and asks for another check, or withdraws."""
        self.case.log.enter(CaseState.RETURNED, because="blocked by findings")
        due = workflow.now() + timedelta(hours=self.case.profile.approval_hours)
        desk = ResubmissionDesk(self.case.request.applicant)
        in_time = await self.case.wait_for_people(desk, lambda: desk.is_resubmitted, due)
        self.case.require_going_on()
        if not in_time:
            raise CaseEnds(CaseState.EXPIRED, "nothing was put right in time")
        self.case.log.enter(CaseState.CHECKING)
        self._take(await self._examine(()))
        if self.examined.is_blocked:
            raise CaseEnds(CaseState.CHECKS_FAILED, "still blocked by findings")
        self.case.log.enter(CaseState.APPROVING)

    async def give_back(self) -> None:
        """Let go of the ledger if it was taken and nothing has been executed."""
        if self.fence:
            errands = self.case.errands
            await errands.make_durable()
            await errands.record(LeaseSteps.release_lease, Order(**errands.address))
            self.case.log.tell(EventKind.LEASE_RELEASED, {"fence": self.fence})
            self.fence = 0

    # ------------------------------------------------------------------ examining

    async def _examine(self, noticed: tuple[Finding, ...]) -> Examination:
        """Examine the ledger and resolve the chain; a level that nobody may sign blocks (design §5.7)."""
        case = self.case
        examined = await examine(case.errands, case.request, case.profile, noticed)
        policy = case.profile.policy
        groups = {level.group for level in policy.levels} | {policy.cross_year_level.group}
        wanted = tuple(sorted(groups | set(policy.authorising_groups)))
        found = await case.errands.record(
            CaseSteps.find_people, PeopleOrder(**case.errands.address, groups=wanted)
        )
        try:
            self._chain = pin_chain(policy, found.people, case.parties, examined.crosses_year)
        except NoApprover as refusal:
            self._chain = ()
            return blocked_by(examined, refusal, FindingCode.NO_APPROVER)
        return examined

    def _take(self, examined: Examination) -> None:
        self._examined = examined
        self.case.digest = examined.digest
        self.case.log.learn(**examined.parts(), chain=self._chain)
        self.case.log.tell(
            EventKind.PLAN_MADE,
            {
                "digest": examined.digest,
                "risk": examined.risk,
                "steps": len(examined.plan.steps),
                "blocked": examined.is_blocked,
            },
        )
