"""A case while it runs: its record, its errands, the desk that is open, and who has interrupted it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.attention_desk import TWO_PERSONS, AttentionDesk, Stop
from workflows.case_log import CaseLog
from workflows.desks import Desk
from workflows.domain.attachments import MOST, Attaching
from workflows.domain.case import (
    SYSTEM,
    Act,
    Actor,
    CaseNow,
    EventKind,
    Reminder,
    Resubmission,
    TaskAction,
    Told,
    Withdrawal,
    request_difference,
)
from workflows.domain.consent_round import Standing
from workflows.domain.digest import Json
from workflows.domain.errors import (
    NotTheApplicant,
    RemindedTooSoon,
    TaskClosed,
    TooManyAttachments,
    UncloseError,
    WrongState,
)
from workflows.domain.holding import Holding
from workflows.domain.request import (
    FINAL_STATES,
    HUMAN_STATES,
    WITHDRAWABLE_STATES,
    CaseState,
    UncloseRequest,
)
from workflows.errands import Errands
from workflows.guided_desk import GuidedDesk
from workflows.skips import Skips
from workflows.steps import CaseSteps, LedgerProfile, LookUpOrder

REMIND_AGAIN_AFTER = timedelta(hours=1)
"""An applicant may remind people at most this often (design §7)."""

TASK_COMES_WITHIN = timedelta(seconds=30)
"""How long an act waits for its task while the steps before it are being repeated."""


@dataclass
class CaseEnds(Exception):  # not an error: the way out of the process
    """The case goes to a final state from wherever it is."""

    state: CaseState
    because: str


class RollBackDecided(Exception):  # not an error: the way out of whatever stage could not be done
    """Two persons want roll-back point B in the place of the ledger; the text says who and why."""


class Case:
    """What all stages of a case share."""

    def __init__(self, request: UncloseRequest) -> None:
        self.request = request
        self.log = CaseLog(request)
        self.errands = Errands(self.log, request.ledger)
        self.desk: Desk | None = None
        self.beside: Desk | None = None
        """A question to others that stands open beside what the case waits for."""
        self.interrupted_by: str | None = None
        self.digest: str | None = None
        self.window_ended_at: datetime | None = None
        """When a correction window ran out unfinished."""
        self.holding = Holding()
        """What of the ledger is held until the case lets go of it."""
        self.may_roll_back = False
        """Whether there is a point B and the ledger may have been touched since."""
        self.skips = Skips()
        self._skipped: list[Json] = []
        self._profile: LedgerProfile | None = None
        self._last_act: Act | None = None
        self._reminded_at: datetime | None = None
        self._tasks_seen: set[str] = set()
        self._attentions = 0
        self._attached = 0
        self._came_from: CaseState | None = None

    @property
    def profile(self) -> LedgerProfile:
        """The ledger's configuration, pinned when the case was received."""
        assert self._profile is not None, "the case has been received"
        return self._profile

    def pin(self, profile: LedgerProfile) -> None:
        self._profile = profile
        self.errands.at_site = profile.at_site

    @property
    def is_interrupted(self) -> bool:
        return self.interrupted_by is not None

    def now(self) -> CaseNow:
        return CaseNow(self.request.id, self.log.state, self.digest, self.log.waiting_for)

    # ------------------------------------------------------------------ people's acts

    def check(self, act: Act) -> None:
        """Whether the desk that is open takes this act. Raises domain errors; changes nothing.

        A task this run has not opened yet is judged when it has: the register showed it before its worker
        died, and the steps up to it are being repeated. So is an act that the directory must be asked about.
        """
        if act.task in self._tasks_seen:
            desk = self._desk_of(act)
            desk.require_open(act, self.log.state)
            if desk.names(act) is None:
                desk.check(act, Standing(), self.log.state)

    async def expect_task(self, task: str) -> None:
        """Wait until a task that people have seen is open in this run as well, or the case is over."""
        if task in self._tasks_seen:
            return
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: task in self._tasks_seen or self.log.state in FINAL_STATES,
                timeout=TASK_COMES_WITHIN,
            )

    async def look_up(self, act: Act) -> Standing:
        """What the directory says now about the people of an act, if the act depends on it."""
        names = self._desk_of(act).names(act)
        if names is None:
            return Standing()
        order = LookUpOrder(**self.errands.address, actor=act.actor.person, names=names)
        return await self.errands.ask(CaseSteps.look_up, order)

    async def read_back(self, act: Act) -> None:
        """Read the ledger for an act that says something has been done in it."""
        desk = self._desk_of(act)
        if isinstance(desk, GuidedDesk) and act.action == TaskAction.DONE:
            reading = await self.errands.read_now()
            desk.saw(reading.state)

    def _desk_of(self, act: Act) -> Desk:
        for desk in (self.desk, self.beside):
            if desk is not None and desk.task is not None and desk.task.id == act.task:
                return desk
        raise TaskClosed(act.task, self.log.state)

    @property
    def _awaited(self) -> tuple[str, ...]:
        desks = (desk for desk in (self.desk, self.beside) if desk is not None)
        return tuple(dict.fromkeys(who for desk in desks for who in desk.waiting_for))

    def take(self, act: Act, standing: Standing) -> int:
        """Take an act, or refuse it; the answer is the number of its last event. Raises domain errors."""
        desk = self._desk_of(act)
        asked = desk.task
        told = desk.take(act, standing, self.log.state)
        if act.action != TaskAction.COMMENT:
            self._last_act = act
        self.log.waiting_for = self._awaited
        if isinstance(desk, AttentionDesk):
            self.log.learn(attention=desk.part())
        if desk.task is not None and desk.task != asked:
            self.log.update_task(desk.task)
        return self._tell(told, act.actor)

    def _tell(self, told: tuple[Told, ...], actor: Actor) -> int:
        assert told, "every act goes on record"
        return [
            self.log.tell(one.kind, one.data, replace(actor, on_behalf_of=one.holder or actor.on_behalf_of))
            for one in told
        ][-1]

    def check_reminder(self, reminder: Reminder) -> None:
        """Raises NotTheApplicant, WrongState, RemindedTooSoon."""
        if reminder.actor.person != self.request.applicant:
            raise NotTheApplicant(reminder.actor.person, self.request.id)
        if self.desk is None or self.desk.task is None or not self.log.waiting_for:
            raise WrongState(self.request.id, self.log.state, tuple(sorted(HUMAN_STATES)))
        if self._reminded_at is not None:
            left = self._reminded_at + REMIND_AGAIN_AFTER - workflow.now()
            if left > timedelta():
                raise RemindedTooSoon(self.request.id, max(1, round(left.total_seconds())))

    def remind(self, reminder: Reminder) -> int:
        """Those who are waited for are asked once more. Raises as `check_reminder`."""
        self.check_reminder(reminder)
        self._reminded_at = workflow.now()
        told: dict[str, Json] = {
            "because": "the applicant asks",
            "waiting_for": list(self.log.waiting_for),
            "comment": reminder.comment,
        }
        return self.log.tell(EventKind.REMINDED, told, reminder.actor)

    def check_withdrawal(self, withdrawal: Withdrawal) -> None:
        """Raises NotTheApplicant, WrongState."""
        if withdrawal.actor.person != self.request.applicant:
            raise NotTheApplicant(withdrawal.actor.person, self.request.id)
        if self.is_interrupted or not self._can_still_withdraw:
            allowed = tuple(sorted(WITHDRAWABLE_STATES))
            raise WrongState(self.request.id, self.log.state, allowed)

    def withdraw(self, withdrawal: Withdrawal) -> int:
        self.check_withdrawal(withdrawal)
        self.interrupted_by = withdrawal.actor.person
        return self.log.tell(EventKind.WITHDRAWN, {"comment": withdrawal.comment}, withdrawal.actor)

    def resubmit(self, resubmission: Resubmission) -> int:
        """Take what the applicant asks for now. What a case is about stays: its ledger, and who asks."""
        before, told = self.request, {"comment": resubmission.comment}
        if resubmission.request is not None:
            self.request = replace(
                resubmission.request,
                id=before.id,
                ledger=before.ledger,
                applicant=before.applicant,
                on_behalf_of=before.on_behalf_of,
                accepted_at=before.accepted_at,
                expedited=before.expedited,
            )
            self.log.ask_for(self.request)
        changed = request_difference(before, self.request)
        return self.log.tell(EventKind.RESUBMITTED, {**told, "changed": changed}, resubmission.actor)

    def check_attaching(self) -> None:
        """Raises WrongState, TooManyAttachments."""
        if self.log.state in FINAL_STATES:
            running = sorted(state for state in CaseState if state not in FINAL_STATES)
            raise WrongState(self.request.id, self.log.state, tuple(running))
        if self._attached >= MOST:
            raise TooManyAttachments(self.request.id, MOST)

    def attach(self, attaching: Attaching) -> None:
        """A file belongs to the case from here on. Raises as `check_attaching`."""
        self.check_attaching()
        self._attached += 1
        told = {"id": attaching.id, "name": attaching.name, "media_type": attaching.media_type}
        size: dict[str, Json] = {"bytes": attaching.bytes, "sha256": attaching.sha256}
        self.log.tell(EventKind.ATTACHED, {**told, **size, "note": attaching.note}, attaching.actor)

    def cancel(self, reason: str) -> None:
        """The platform was asked to cancel: recorded, and heard at the next safe point (ADR-0010)."""
        if self.interrupted_by is None:
            self.interrupted_by = SYSTEM.person
        self.log.tell(EventKind.CANCEL_REQUESTED, {"reason": reason})

    @property
    def _can_still_withdraw(self) -> bool:
        untouched = WITHDRAWABLE_STATES | {CaseState.ISOLATING}
        if self.log.state == CaseState.ATTENTION:
            return self._came_from in untouched
        return self.log.state in WITHDRAWABLE_STATES

    # ------------------------------------------------------------------ waiting and failing

    async def wait_for_people(
        self, desk: Desk, settled: Callable[[], bool], due: datetime | None, interruptible: bool = True
    ) -> bool:
        """Wait until people have settled what the desk asks; false if time ran out first.

        An interruption ends the wait too: the caller looks at `is_interrupted`.
        """
        await self.open_desk(desk)
        in_time = await self.wait_at_desk(settled, due, interruptible)
        self.close_desk(settled() if in_time else None)
        return in_time

    async def open_desk(self, desk: Desk) -> None:
        """Put the desk's task before people."""
        self.desk = desk
        self._put(desk)
        await self.errands.publish()

    def open_beside(self, desk: Desk) -> None:
        """Put a further task before people, while the case waits at its desk: the wait publishes it."""
        self.beside = desk
        self._put(desk)

    def close_beside(self, outcome: str, by: Actor = SYSTEM) -> None:
        """Take the further task away."""
        if self.beside is not None and self.beside.task is not None:
            self.log.close_task(self.beside.task, outcome, by)
        self.beside = None
        self.log.waiting_for = self._awaited

    def _put(self, desk: Desk) -> None:
        self.log.waiting_for = desk.waiting_for  # what is told of a task is whom this task waits for
        if desk.task is not None:
            self.log.open_task(desk.task)
            self._tasks_seen.add(desk.task.id)
        self.log.waiting_for = self._awaited

    async def wait_at_desk(
        self, settled: Callable[[], bool], due: datetime | None, interruptible: bool = True
    ) -> bool:
        """Wait until it is settled, or the case is interrupted; false if `due` comes first.

        Every act is put on record as it comes, before its caller gets an answer.
        """

        def over() -> bool:
            return settled() or (interruptible and self.is_interrupted)

        try:
            while not over():
                timeout = None if due is None else max(due - workflow.now(), timedelta())
                await workflow.wait_condition(lambda: over() or self.log.has_news, timeout=timeout)
                if not over():
                    await self.errands.publish()
        except TimeoutError:
            return over()
        return True

    def close_desk(self, settled: bool | None) -> None:
        """Take the task away: settled, interrupted (false), or out of time (none)."""
        if settled is None:
            self._leave_desk("expired", SYSTEM)
        else:
            self._leave_desk(*self._outcome(settled))

    def settle_desk(self, outcome: str, by: Actor = SYSTEM) -> None:
        """Take the task away, because what it asks for has come about otherwise than by an act on it."""
        self._leave_desk(outcome, by)

    def _outcome(self, settled: bool) -> tuple[str, Actor]:
        if settled and self._last_act is not None:
            return str(self._last_act.action), self._last_act.actor
        return "withdrawn", SYSTEM

    def require_going_on(self) -> None:
        """Raises CaseEnds if the case was withdrawn or cancelled meanwhile."""
        if self.is_interrupted:
            raise CaseEnds(CaseState.WITHDRAWN, f"interrupted by {self.interrupted_by}")

    async def persist(self, state: CaseState, stage: Callable[[], Awaitable[None]]) -> None:
        """Do one stage; when it fails, a person decides, and it is done again (design §4, attention).

        Raises:
            RollBackDecided: or two persons do, and it is not.
        """
        self.log.enter(state)
        while True:
            self.skips.begin()
            try:
                return await stage()
            except CaseEnds:
                raise
            except Exception as failure:
                await self._attend(failure)
                self.log.enter(state)

    async def _attend(self, failure: Exception) -> None:
        self._attentions += 1
        self._came_from = self.log.state
        self.log.enter(CaseState.ATTENTION, because=describe(failure))
        stop = Stop(
            self._came_from,
            describe(failure),
            self.holding,
            may_skip=self.skips.offered is not None,
            may_roll_back=self.may_roll_back,
        )
        desk = AttentionDesk(self.request, self._attentions, stop, workflow.now())
        self.log.learn(attention=desk.part())
        told: dict[str, Json] = {"came_from": stop.came_from, "failure": stop.failure}
        self.log.tell(EventKind.ATTENTION_NEEDED, {**told, "held": stop.held.record()})
        await self.wait_for_people(
            desk, lambda: desk.answer is not None, None, interruptible=self._can_still_withdraw
        )
        if desk.answer is None:
            self.require_going_on()
        if desk.answer in TWO_PERSONS:
            self._follow(desk)

    def _follow(self, desk: AttentionDesk) -> None:
        """Two persons have decided alike. Raises RollBackDecided if that is what they want."""
        first, second = desk.proposal, self._last_act
        assert first is not None, "one has proposed it"
        assert second is not None, "another has confirmed it"
        if desk.answer == TaskAction.ROLL_BACK:
            persons = f"{first.person} and {second.actor.person}"
            raise RollBackDecided(f"rolled back by {persons}: {first.comment}")
        decided: dict[str, Json] = {
            "proposed_by": first.person,
            "proposed_because": first.comment,
            "confirmed_by": second.actor.person,
            "confirmed_because": second.comment,
        }
        self._skipped.append({**self.skips.decide(), **decided})
        self.log.learn(skipped=[*self._skipped])

    def _leave_desk(self, outcome: str, by: Actor) -> None:
        if self.desk is not None and self.desk.task is not None:
            self.log.close_task(self.desk.task, outcome, by)
        self.desk = None


def describe(failure: BaseException) -> dict[str, Json]:
    """The root of a failure, by name and sentence, as it goes on record."""
    cause: BaseException = failure
    while isinstance(cause, ActivityError) and cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, ApplicationError):
        facts = cause.details[0] if cause.details and isinstance(cause.details[0], dict) else {}
        return {"error": cause.type or "Error", "says": cause.message, "facts": facts}
    if isinstance(cause, UncloseError):
        return {"error": type(cause).__name__, "says": str(cause), "facts": dict(cause.facts)}
    return {"error": type(cause).__name__, "says": str(cause), "facts": {}}
