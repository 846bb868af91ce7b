"""The request, and the life cycle of the case it becomes (design §4)."""

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from workflows.domain.errors import AcknowledgementNotOfToday, CrossesFiscalYear, IllegalTransition
from workflows.domain.ledger import Module
from workflows.domain.period import Period


class ReasonCode(StrEnum):
    """Why a period must be opened again (R7 to R11)."""

    ENTRY_ERROR = "entry_error"
    MISSED_DOCUMENT = "missed_document"
    FINANCE_ADJUSTMENT = "finance_adjustment"
    STOCKTAKE_OMISSION = "stocktake_omission"
    STOCKTAKE_ERROR = "stocktake_error"
    DELETED_DOCUMENT = "deleted_document"
    SYSTEM_UPGRADE = "system_upgrade"
    DATA_ANOMALY = "data_anomaly"


class Intent(StrEnum):
    """What is to happen to a document inside the correction window."""

    CORRECT = "correct"
    DELETE = "delete"
    ADD = "add"
    AUDIT = "audit"
    REVERSE = "reverse"


@dataclass(frozen=True)
class ScopeItem:
    """One document that the applicant means to change."""

    document: str
    intent: Intent
    note: str = ""


@dataclass(frozen=True)
class UncloseRequest:
    """Someone's wish to un-close: what, why, and who will correct."""

    id: str
    ledger: str
    target_period: Period
    modules: tuple[Module, ...]
    reason_code: ReasonCode
    reason: str
    applicant: str
    accepted_at: datetime
    scope: tuple[ScopeItem, ...] = ()
    correctors: tuple[str, ...] = ()
    window_hours: int = 24
    expedited: bool = False
    vendor_ticket: str | None = None
    acknowledgement: str | None = None
    external_ref: str | None = None
    on_behalf_of: str | None = None
    resubmitted_at: datetime | None = None
    """When the applicant last asked for it anew, in the ledger's own time."""

    @property
    def asked_at(self) -> datetime:
        """When the wish was last stated: an acknowledgement carries the date of this day."""
        return self.resubmitted_at or self.accepted_at


class CaseState(StrEnum):
    RECEIVED = "received"
    CHECKING = "checking"
    APPROVING = "approving"
    RETURNED = "returned"
    PROTECTING = "protecting"
    AUTHORISING = "authorising"
    ISOLATING = "isolating"
    UNCLOSING = "unclosing"
    VERIFYING_OPEN = "verifying_open"
    CORRECTING = "correcting"
    RECLOSING = "reclosing"
    VERIFYING_CLOSED = "verifying_closed"
    ARCHIVING = "archiving"
    COMPENSATING = "compensating"
    ATTENTION = "attention"
    COMPLETED = "completed"
    CHECKS_FAILED = "checks_failed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    ROLLED_BACK = "rolled_back"


_S = CaseState

TRANSITIONS: dict[CaseState, frozenset[CaseState]] = {
    _S.RECEIVED: frozenset({_S.CHECKING}),
    _S.CHECKING: frozenset({_S.APPROVING, _S.CHECKS_FAILED, _S.WITHDRAWN}),
    _S.APPROVING: frozenset({_S.PROTECTING, _S.RETURNED, _S.REJECTED, _S.WITHDRAWN, _S.EXPIRED}),
    _S.RETURNED: frozenset({_S.CHECKING, _S.WITHDRAWN, _S.EXPIRED}),
    _S.PROTECTING: frozenset({_S.AUTHORISING, _S.ATTENTION, _S.WITHDRAWN}),
    _S.AUTHORISING: frozenset(
        {_S.ISOLATING, _S.APPROVING, _S.CHECKS_FAILED, _S.EXPIRED, _S.WITHDRAWN, _S.ATTENTION}
    ),
    _S.ISOLATING: frozenset({_S.UNCLOSING, _S.COMPENSATING, _S.ATTENTION}),
    _S.UNCLOSING: frozenset({_S.VERIFYING_OPEN, _S.COMPENSATING}),
    _S.VERIFYING_OPEN: frozenset({_S.CORRECTING, _S.COMPENSATING}),
    _S.CORRECTING: frozenset({_S.RECLOSING, _S.ATTENTION}),
    _S.RECLOSING: frozenset({_S.VERIFYING_CLOSED, _S.ATTENTION}),
    _S.VERIFYING_CLOSED: frozenset({_S.ARCHIVING, _S.ATTENTION}),
    _S.ARCHIVING: frozenset({_S.COMPLETED, _S.ATTENTION}),
    _S.COMPENSATING: frozenset({_S.ROLLED_BACK, _S.ATTENTION}),
    # A person decides where to go on; it is always the place it came from (design §4), or an ending that
    # changes nothing in the ledger.
    _S.ATTENTION: frozenset(
        {
            _S.PROTECTING,
            _S.AUTHORISING,
            _S.ISOLATING,
            _S.CORRECTING,
            _S.RECLOSING,
            _S.VERIFYING_CLOSED,
            _S.ARCHIVING,
            _S.COMPENSATING,
            _S.WITHDRAWN,
        }
    ),
    _S.COMPLETED: frozenset(),
    _S.CHECKS_FAILED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.WITHDRAWN: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.ROLLED_BACK: frozenset(),
}
"""The whole life cycle as one table of allowed transitions."""

FINAL_STATES = frozenset(state for state, targets in TRANSITIONS.items() if not targets)

EXECUTING_STATES = frozenset(
    {
        _S.ISOLATING,
        _S.UNCLOSING,
        _S.VERIFYING_OPEN,
        _S.CORRECTING,
        _S.RECLOSING,
        _S.VERIFYING_CLOSED,
        _S.ARCHIVING,
        _S.COMPENSATING,
    }
)
"""Beyond authorising: at most one case per ledger (design §5.8)."""

WITHDRAWABLE_STATES = frozenset({_S.CHECKING, _S.APPROVING, _S.RETURNED, _S.PROTECTING, _S.AUTHORISING})
"""As long as the execution has not been released, the applicant may take the wish back."""

HUMAN_STATES = frozenset({_S.APPROVING, _S.RETURNED, _S.AUTHORISING, _S.CORRECTING, _S.ATTENTION})
"""States whose time is spent waiting for people; the rest is machine time."""


def advance(state: CaseState, target: CaseState) -> CaseState:
    """The target, if the life cycle allows the step. Raises IllegalTransition."""
    if target not in TRANSITIONS[state]:
        raise IllegalTransition(state, target)
    return target


def require_cross_year_consent(request: UncloseRequest, current_year: int, today: date) -> None:
    """Across a fiscal-year boundary only with a vendor ticket and an acknowledgement of that day (R71, §5.3).

    Raises:
        CrossesFiscalYear: ticket or acknowledgement is missing.
        AcknowledgementNotOfToday: the acknowledgement does not carry today's date.
    """
    absent = [
        name
        for name, value in (
            ("vendor_ticket", request.vendor_ticket),
            ("acknowledgement", request.acknowledgement),
        )
        if not (value and value.strip())
    ]
    if absent:
        raise CrossesFiscalYear(str(request.target_period), str(current_year), " and ".join(absent))
    if not re.search(rf"(?<!\d){today.isoformat()}(?!\d)", request.acknowledgement or ""):
        raise AcknowledgementNotOfToday(today.isoformat())


@dataclass
class Clocks:
    """Clock A: accepted → verified open (R104). Clock B: verified open → verified closed (R106).

    Each is split into the seconds spent waiting for people and the seconds of machine work.
    """

    a_human: float = 0.0
    a_machine: float = 0.0
    b_human: float = 0.0
    b_machine: float = 0.0
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    _since: datetime | None = field(default=None)

    def spend(self, state: CaseState, until: datetime, for_people: bool = False) -> None:
        """Book the time since the last call to the clock that runs, under the state that has just ended.

        `for_people`: it was spent waiting for a person, although the state is the machine's.
        """
        since, self._since = self._since, until
        if since is None or self.closed_at is not None:
            return
        seconds = (until - since).total_seconds()
        clock = "a" if self.opened_at is None else "b"
        part = "human" if for_people or state in HUMAN_STATES else "machine"
        name = f"{clock}_{part}"
        setattr(self, name, getattr(self, name) + seconds)

    @property
    def a_seconds(self) -> float | None:
        """Clock A, once the period has been verified open."""
        return None if self.opened_at is None else self.a_human + self.a_machine

    @property
    def b_seconds(self) -> float | None:
        """Clock B, once the period has been verified closed again."""
        return None if self.closed_at is None else self.b_human + self.b_machine
