"""What a workflow may ask of the world: typed contracts that activities implement.

Each method is decorated and empty; `activities/` holds the classes that act. Every step may run twice, and
says why that is harmless. Orders carry, besides what to do, the `change` that the register has not been
told yet: it is recorded before the act (design §3: recording costs no round trip of its own).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

from workflows.domain.approval import Group
from workflows.domain.case import CaseChange
from workflows.domain.consent_round import Standing
from workflows.domain.corrections import Change, Invariants
from workflows.domain.digest import Json
from workflows.domain.findings import Finding, FindingScope
from workflows.domain.ledger import Capabilities, CloseState, ModuleGraph
from workflows.domain.period import FiscalCalendar
from workflows.domain.plan import PlanStep
from workflows.domain.policy import ApprovalPolicy
from workflows.domain.proof import Proof
from workflows.domain.request import UncloseRequest
from workflows.domain.working_time import STANDARD, WorkingTime

WORKFLOW_QUEUE = "unclose"
"""Runs the workflows and everything that needs no access to an ERP."""

CORRECTION_RIGHT = "correct_reopened_period"
"""The time-boxed right that named correctors hold inside the window (R50, R51)."""


def ledger_queue(code: str) -> str:
    """Where everything that touches one ERP runs when a site worker stands beside it."""
    return f"ledger-{code}"


# --------------------------------------------------------------------------- time-outs and retries

_PATIENT = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=0,
)
"""For the register: without it nothing may go on, so it is asked until it answers."""

_FIRM = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=15),
    maximum_attempts=8,
)
"""For an ERP: about a minute of trying, then a person or the compensation takes over."""

RECORD = workflow.LocalActivityConfig(start_to_close_timeout=timedelta(seconds=30), retry_policy=_PATIENT)
"""Steps on Unclose's own register: light, harmless to repeat, run beside the workflow."""

TOUCH = workflow.LocalActivityConfig(start_to_close_timeout=timedelta(minutes=10), retry_policy=_FIRM)
"""Steps on a ledger that this worker reaches itself."""

TOUCH_AT_SITE = workflow.ActivityConfig(
    start_to_close_timeout=timedelta(minutes=10),
    schedule_to_close_timeout=timedelta(hours=1),
    retry_policy=_FIRM,
    cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
)
"""The same, by a site worker on the ledger's own queue."""


def warning_first(grace: timedelta) -> workflow.ActivityConfig:
    """Isolating where people are given time to leave: too long to wait beside the workflow, heartbeating."""
    return {
        **TOUCH_AT_SITE,
        "start_to_close_timeout": timedelta(minutes=10) + grace,
        "schedule_to_close_timeout": timedelta(hours=1) + grace,
        "heartbeat_timeout": timedelta(seconds=10),
    }


COPY = workflow.ActivityConfig(
    start_to_close_timeout=timedelta(hours=6),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=500),
        maximum_interval=timedelta(minutes=1),
        maximum_attempts=5,
    ),
    cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
)
"""Backups and restores: long, heartbeating, started again from nothing after a crash."""

QUEUEING = workflow.ActivityConfig(
    start_to_close_timeout=timedelta(days=30), heartbeat_timeout=timedelta(seconds=10)
)
"""Waiting for another case to let go of the ledger."""


# --------------------------------------------------------------------------- orders and answers


@dataclass(frozen=True, kw_only=True)
class Order:
    """What every step is told: for which case, on which ledger, and what is to be recorded with it."""

    case: str
    ledger: str
    change: CaseChange | None = None


@dataclass(frozen=True, kw_only=True)
class ReceiveOrder(Order):
    request: UncloseRequest


@dataclass(frozen=True)
class LedgerProfile:
    """A ledger's configuration as pinned for a case when it is received."""

    code: str
    name: str
    graph: ModuleGraph
    calendar: FiscalCalendar
    backup_policy: str
    """Names the rules by which backups are made; part of the digest."""
    executor: str
    """The ERP user that acts."""
    approval_hours: int
    """How long a returned case waits for its applicant, in hours; then it expires."""
    authorisation_hours: int
    """How long the joint authorisation may take, in hours; then the case expires."""
    at_site: bool
    """Whether a site worker serves this ledger's own queue."""
    working_time: WorkingTime = STANDARD
    """The hours in which the deadlines of levels run."""
    warning_seconds: int = 0
    """How long people in the ledger are given to leave before their sessions are ended (R58)."""
    max_window_hours: int = 72
    """How long a correction window may be, with all its extensions."""
    extension_group: Group = Group.FINANCE_HEAD
    """Who decides whether a correction window is extended."""


@dataclass(frozen=True)
class Received:
    """The case is on record."""

    profile: LedgerProfile
    held_by: str | None
    """The case that executes on the ledger now, if any."""


@dataclass(frozen=True, kw_only=True)
class ChainOrder(Order):
    facts: Mapping[str, Json]
    """What the rules of the policy may ask about: request, plan, findings, risk."""


@dataclass(frozen=True)
class ChainFound:
    """The policy in force, which of its levels apply, and who is in their groups now."""

    policy: ApprovalPolicy | None
    """None if it cannot be read; then `refusal` says why."""
    reasons: tuple[tuple[str, ...] | None, ...] = ()
    """For each level the rules that hold, or none if it is not asked."""
    people: Mapping[Group, tuple[str, ...]] = field(default_factory=dict)
    refusal: Mapping[str, str] | None = None
    """The facts of `PolicyUnreadable`."""


@dataclass(frozen=True, kw_only=True)
class LookUpOrder(Order):
    actor: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SealOrder(Order):
    """Seal the evidence of a case; everything to be sealed is in the register by then."""


@dataclass(frozen=True)
class Sealed:
    """Where the evidence lies, and its SHA-256."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Lease:
    """Who holds a ledger. The fence rises with every taking; a lower one may not act any more."""

    holder: str | None
    """The case that holds it; none if it is free."""
    fence: int


@dataclass(frozen=True)
class Reading:
    """The close state of a ledger and what its connector can do, read together."""

    state: CloseState
    capabilities: Capabilities


@dataclass(frozen=True, kw_only=True)
class CheckOrder(Order):
    scope: FindingScope


@dataclass(frozen=True)
class Checked:
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class IsolateOrder(Order):
    fence: int
    reason: str
    grace_seconds: int = 0
    """How long people in the ledger are given to leave by themselves, once they have been warned."""


@dataclass(frozen=True)
class Isolated:
    """Who was in the ledger and has been sent out; proven empty afterwards."""

    ended: tuple[str, ...]
    mark: str
    """The place in the ledger's change log from which on every change is a correction."""


@dataclass(frozen=True, kw_only=True)
class StepOrder(Order):
    """One step of a plan, to be done once under this key (design §5.2)."""

    step: PlanStep
    fence: int
    key: str


@dataclass(frozen=True)
class StepReadBack:
    """What every module's pointer was when it was read back."""

    state: CloseState
    was_on_record: bool
    """Whether the ledger had this act on record already, from a worker that died after it."""


@dataclass(frozen=True, kw_only=True)
class WindowOrder(Order):
    persons: tuple[str, ...]
    until: datetime
    fence: int


@dataclass(frozen=True, kw_only=True)
class CloseWindowOrder(Order):
    persons: tuple[str, ...]
    fence: int
    mark: str


@dataclass(frozen=True)
class WindowClosed:
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class LeaveOrder(Order):
    persons: tuple[str, ...]
    fence: int


@dataclass(frozen=True, kw_only=True)
class BackupOrder(Order):
    point: str
    """`A` before authorisation, `B` under exclusive mode: the roll-back point."""


@dataclass(frozen=True)
class ProvenBackup:
    """A backup that has been restored and whose proof equals the source's; anything less is no backup."""

    id: str
    point: str
    location: str
    bytes: int
    sha256: str
    proof: Proof
    restore_milliseconds: int
    """How long the restore test took: what a roll-back would cost."""
    taken_at: datetime

    def record(self) -> dict[str, Json]:
        """The backup as it goes on record; the proof's leaves are kept apart."""
        return {
            "id": self.id,
            "point": self.point,
            "location": self.location,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "root": self.proof.root,
            "restore_milliseconds": self.restore_milliseconds,
            "taken_at": self.taken_at.isoformat(),
        }


@dataclass(frozen=True)
class Soundness:
    invariants: Invariants


@dataclass(frozen=True)
class Nothing:
    """A step that has nothing to tell."""


# --------------------------------------------------------------------------- the contracts


class CaseSteps:
    """Steps on the register and the people directory."""

    @activity.defn
    async def receive(self, order: ReceiveOrder) -> Received:
        """Write the case's row and pin the ledger's configuration. Rows are keyed by the case.

        Raises:
            UnknownLedger: the ledger is not configured.
        """
        raise NotImplementedError

    @activity.defn
    async def publish(self, order: Order) -> Nothing:
        """Put tasks and state before the people who must act next. Recorded once per event number."""
        raise NotImplementedError

    @activity.defn
    async def find_chain(self, order: ChainOrder) -> ChainFound:
        """The policy in force, its rules judged by these facts, and its people. Reads only."""
        raise NotImplementedError

    @activity.defn
    async def look_up(self, order: LookUpOrder) -> Standing:
        """For whom a person may stand in now, and the groups of these and of everyone named. Reads only."""
        raise NotImplementedError

    @activity.defn
    async def seal(self, order: SealOrder) -> Sealed:
        """Write the evidence of the case. The same case gives the same file."""
        raise NotImplementedError


class LeaseSteps:
    """The lease on a ledger: one case beyond authorising, with a rising fence number (design §5.8)."""

    @activity.defn
    async def look_at_lease(self, order: Order) -> Lease:
        """Who holds the ledger now. Reads only."""
        raise NotImplementedError

    @activity.defn
    async def take_lease(self, order: Order) -> Lease:
        """Take the ledger if it is free, and tell who holds it in any case. The holder keeps its fence."""
        raise NotImplementedError

    @activity.defn
    async def await_turn(self, order: Order) -> Lease:
        """Wait until no other case holds the ledger. Takes nothing; heartbeats."""
        raise NotImplementedError

    @activity.defn
    async def release_lease(self, order: Order) -> Nothing:
        """Give the ledger back if this case holds it."""
        raise NotImplementedError


class LedgerSteps:
    """Steps that touch one ERP, through its connector."""

    @activity.defn
    async def read(self, order: Order) -> Reading:
        """Read what is closed. Reads only."""
        raise NotImplementedError

    @activity.defn
    async def check(self, order: CheckOrder) -> Checked:
        """Run all checks on the plan's scope. Reads only."""
        raise NotImplementedError

    @activity.defn
    async def isolate(self, order: IsolateOrder) -> Isolated:
        """Warn and end sessions, enter exclusive mode, prove that nobody is left. Repeating finds it done.

        Raises:
            SessionsRemain: somebody would not leave.
        """
        raise NotImplementedError

    @activity.defn
    async def perform(self, order: StepOrder) -> StepReadBack:
        """Do one step under its fence and key, then read back every module. The key makes it once."""
        raise NotImplementedError

    @activity.defn
    async def open_window(self, order: WindowOrder) -> Nothing:
        """Grant the named correctors their right and let only them write. Granting twice is granting once."""
        raise NotImplementedError

    @activity.defn
    async def close_window(self, order: CloseWindowOrder) -> WindowClosed:
        """Withdraw the right, shut everyone out again, tell what was changed. Repeating tells the same."""
        raise NotImplementedError

    @activity.defn
    async def weigh(self, order: Order) -> Soundness:
        """Read what must hold in a sound ledger. Reads only."""
        raise NotImplementedError

    @activity.defn
    async def prove(self, order: Order) -> Proof:
        """Compute the proof over all closed periods. Reads only; memory does not grow with the ledger."""
        raise NotImplementedError

    @activity.defn
    async def leave(self, order: LeaveOrder) -> Nothing:
        """Withdraw rights and let everybody in again. Nothing held is nothing done."""
        raise NotImplementedError


class BackupSteps:
    """Copies of a ledger that count."""

    @activity.defn
    async def back_up(self, order: BackupOrder) -> ProvenBackup:
        """Copy, store, restore to scratch, compare by proof. Repeating makes a fresh copy under the same id.

        Raises:
            BackupUnproven: the restored copy is damaged or differs from the source.
        """
        raise NotImplementedError
