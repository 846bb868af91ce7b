"""The record of a case: its events, the tasks it gives to people, and how both change."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from workflows.domain.approval import Group
from workflows.domain.digest import Json, sha256, to_json
from workflows.domain.request import CaseState, UncloseRequest


@dataclass(frozen=True)
class Actor:
    """Who acts: the person, the groups they are in, and on whose behalf a service account speaks."""

    person: str
    groups: tuple[Group, ...] = ()
    on_behalf_of: str | None = None
    origin: str = ""
    """From where the person acts: the address of the caller, or the channel that spoke for them."""


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
    CONFIRMATION_LAPSED = "confirmation_lapsed"
    TRANSFERRED = "transferred"
    SIGN_ADDED = "sign_added"
    COMMENTED = "commented"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    BACKED_UP = "backed_up"
    REHEARSED = "rehearsed"
    WAITING_FOR_LEDGER = "waiting_for_ledger"
    LEASE_TAKEN = "lease_taken"
    LEASE_RELEASED = "lease_released"
    ISOLATED = "isolated"
    STEP_DONE = "step_done"
    STEP_FAILED = "step_failed"
    INSTRUCTED = "instructed"
    STEP_REPORTED = "step_reported"
    PROVEN = "proven"
    WINDOW_OPENED = "window_opened"
    WINDOW_CLOSED = "window_closed"
    EXTENSION_ASKED = "extension_asked"
    EXTENSION_DECIDED = "extension_decided"
    EXTENSION_LAPSED = "extension_lapsed"
    WINDOW_EXTENDED = "window_extended"
    CHANGES_READ = "changes_read"
    EXPLAINED = "explained"
    EXPLANATION_CONFIRMED = "explanation_confirmed"
    EXPLANATION_RETURNED = "explanation_returned"
    COMPARED = "compared"
    NOT_COMPARED = "not_compared"
    RELEASED = "released"
    RESTORED = "restored"
    ATTENTION_NEEDED = "attention_needed"
    ATTENTION_PROPOSED = "attention_proposed"
    ATTENTION_ANSWERED = "attention_answered"
    CANCEL_REQUESTED = "cancel_requested"
    WITHDRAWN = "withdrawn"
    RESUBMITTED = "resubmitted"
    RESUMED = "resumed"
    SEALED = "sealed"
    ATTACHED = "attached"


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
    RETURN = "return"
    TRANSFER = "transfer"
    ADD_SIGN = "add_sign"
    COMMENT = "comment"
    AUTHORISE = "authorise"
    FINISH = "finish"
    EXPLAIN = "explain"
    DONE = "done"
    RETRY = "retry"
    SKIP = "skip"
    ROLL_BACK = "roll_back"
    CLOSE = "close"
    """For standing tasks, which belong to no case."""


APPLICANT = "applicant"
"""Where an approver returns a case to if not to an earlier level."""


class Resume(StrEnum):
    """What happens after a return has been answered."""

    REPLAY = "replay"
    """Every level from there on is asked again (正常流转)."""
    DIRECT = "direct"
    """Straight back to the level that returned it (直达)."""


class Position(StrEnum):
    """When an added person signs (加签)."""

    BEFORE = "before"
    AFTER = "after"
    PARALLEL = "parallel"


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
    """When people are reminded or others are asked too; for tasks that simply end, when they end."""
    expires: datetime | None = None
    """When the case expires if nobody has acted."""
    cc: tuple[str, ...] = ()
    """Who is told, and not asked."""


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
    updated: tuple[Task, ...] = ()
    """Open tasks that ask other people than before."""
    request: UncloseRequest | None = None
    """What the case asks for now, if that has changed."""
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
    to: str | None = None
    """Whom a task is handed to, or the level (or `applicant`) a case is returned to."""
    resume: Resume | None = None
    """For a return; all levels are asked again if it is not said."""
    persons: tuple[str, ...] = ()
    """Who is to sign besides."""
    position: Position | None = None
    acting_for: str | None = None
    """Whom the actor stands in for; found by itself if it is not said."""


@dataclass(frozen=True)
class Told:
    """What goes on record of an act."""

    kind: EventKind
    data: dict[str, Json]
    holder: str | None = None
    """For whom the actor stood in."""


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
    request: UncloseRequest | None = None
    """What is asked for now; none if the wish is as it was."""


@dataclass(frozen=True)
class Reminder:
    """The applicant asks those who are waited for to act (催办)."""

    actor: Actor
    comment: str = ""


@dataclass(frozen=True)
class Finish:
    """A corrector says that the corrections are done."""

    actor: Actor
    comment: str = ""


@dataclass(frozen=True)
class Extension:
    """The applicant or a corrector needs more time; somebody else decides (design §4)."""

    actor: Actor
    hours: int
    """How much longer."""
    reason: str


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


def request_difference(before: UncloseRequest, after: UncloseRequest) -> dict[str, Json]:
    """Field by field what the applicant asks for otherwise than before."""
    old, new = to_json(before), to_json(after)
    assert isinstance(old, dict)
    assert isinstance(new, dict)
    return {
        name: {"before": old[name], "after": new[name]}
        for name in old
        if old[name] != new[name] and name != "resubmitted_at"
    }


def workflow_id(case: str) -> str:
    """The business key under which a case's workflow runs; the platform refuses a second one."""
    return f"unclose/{case}"
