"""The record of a case: its events, the tasks it gives to people, and how both change."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from workflows.domain.approval import Group
from workflows.domain.digest import Json, sha256
from workflows.domain.request import CaseState


@dataclass(frozen=True)
class Actor:
    """Who acts: the person, the groups they are in, and on whose behalf a service account speaks."""

    person: str
    groups: tuple[Group, ...] = ()
    on_behalf_of: str | None = None


SYSTEM = Actor("unclose")
"""Unclose itself, as the actor of events no person caused; also its user in the ERP (the executor)."""


class EventKind(StrEnum):
    RECEIVED = "received"
    STATE_CHANGED = "state_changed"
    PLAN_MADE = "plan_made"
    ASKED = "asked"
    DECIDED = "decided"
    DECISIONS_VOID = "decisions_void"
    CONFIRMED = "confirmed"
    COMMENTED = "commented"
    BACKED_UP = "backed_up"
    WAITING_FOR_LEDGER = "waiting_for_ledger"
    LEASE_TAKEN = "lease_taken"
    LEASE_RELEASED = "lease_released"
    ISOLATED = "isolated"
    STEP_DONE = "step_done"
    STEP_FAILED = "step_failed"
    PROVEN = "proven"
    WINDOW_OPENED = "window_opened"
    WINDOW_CLOSED = "window_closed"
    CHANGES_READ = "changes_read"
    RELEASED = "released"
    ATTENTION_NEEDED = "attention_needed"
    ATTENTION_ANSWERED = "attention_answered"
    CANCEL_REQUESTED = "cancel_requested"
    WITHDRAWN = "withdrawn"
    RESUBMITTED = "resubmitted"
    RESUMED = "resumed"
    SEALED = "sealed"


@dataclass(frozen=True)
class CaseEvent:
    """One thing that happened: numbered by the workflow, chained by the register (design §9)."""

    seq: int
    at: datetime
    actor: str
    on_behalf_of: str | None
    kind: EventKind
    data: dict[str, Json]
    digest_of_previous: str = ""
    """Digest of the event before it, as it stands in the register; empty until it is recorded there."""

    def tells_the_same_as(self, other: "CaseEvent") -> bool:
        """Whether both say the same thing, whenever it was said."""
        return (self.kind, self.data, self.actor) == (other.kind, other.data, other.actor)

    @property
    def digest(self) -> str:
        return sha256(self)


class TaskKind(StrEnum):
    """What people are asked to do (design §10)."""

    APPROVAL = "approval"
    AUTHORISATION = "authorisation"
    GUIDED_STEP = "guided_step"
    CORRECTION = "correction"
    ATTENTION = "attention"
    FINDING = "finding"


class TaskAction(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    COMMENT = "comment"
    AUTHORISE = "authorise"
    FINISH = "finish"
    RETRY = "retry"


@dataclass(frozen=True)
class Task:
    """Something one of several people is asked to do for a case."""

    id: str
    kind: TaskKind
    name: str
    groups: tuple[Group, ...]
    persons: tuple[str, ...]
    actions: tuple[TaskAction, ...]
    digest: str | None
    opened_at: datetime
    due: datetime | None = None


@dataclass(frozen=True)
class TaskClosing:
    id: str
    outcome: str
    by: str
    at: datetime


@dataclass(frozen=True)
class CaseChange:
    """All that the register has not been told yet. Recording it twice is recording it once."""

    case: str
    state: CaseState
    events: tuple[CaseEvent, ...]
    waiting_for: tuple[str, ...] = ()
    opened: tuple[Task, ...] = ()
    closed: tuple[TaskClosing, ...] = ()
    parts: dict[str, Json] = field(default_factory=dict)
    """Parts of the case that became known: `digest`, `risk`, `plan`, `findings`, `chain`, `clocks`, …"""


@dataclass(frozen=True)
class Act:
    """One person's act on a task."""

    task: str
    actor: Actor
    action: TaskAction
    digest: str | None = None
    """The digest the person saw; required for every act that consents or refuses."""
    comment: str = ""


@dataclass(frozen=True)
class Withdrawal:
    """The applicant takes the wish back."""

    actor: Actor
    comment: str = ""


@dataclass(frozen=True)
class Resubmission:
    """The applicant has put right what stopped the case and asks for it to be checked anew."""

    actor: Actor
    comment: str = ""


@dataclass(frozen=True)
class Finish:
    """A corrector says that the corrections are done."""

    actor: Actor
    comment: str = ""


@dataclass(frozen=True)
class CaseNow:
    """What a caller learns at once after an act that was taken."""

    case: str
    state: CaseState
    digest: str | None
    waiting_for: tuple[str, ...]


@dataclass(frozen=True)
class CaseOutcome:
    """How a case ended."""

    case: str
    state: CaseState
    digest: str | None
    evidence: str | None
    """Where the sealed evidence lies; none if nothing was executed and nothing sealed."""


def workflow_id(case: str) -> str:
    """The business key under which a case's workflow runs; the platform refuses a second one."""
    return f"unclose/{case}"
