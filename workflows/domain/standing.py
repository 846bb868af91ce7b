"""Standing tasks: what people are asked to do that belongs to no case (ADR on standing tasks)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from workflows.domain.approval import Group
from workflows.domain.case import TaskKind
from workflows.domain.digest import Json, sha256
from workflows.domain.findings import Owner


class AlarmCode(StrEnum):
    """What somebody must look into, though no check of a case has noticed it."""

    POINTER_MOVED_BACK = "pointer_moved_back"
    POINTER_MOVED_AND_RETURNED = "pointer_moved_and_returned"
    LOCK_REMOVED = "lock_removed"
    CLOSED_BALANCES_CHANGED = "closed_balances_changed"
    CLOSED_DOCUMENTS_CHANGED = "closed_documents_changed"
    LEASE_ORPHANED = "lease_orphaned"
    JOB_FAILING = "job_failing"
    DELIVERY_DEAD = "delivery_dead"
    ROOT_CAUSE_UNNAMED = "root_cause_unnamed"
    PREVENTION_DUE = "prevention_due"
    """The cause of an earlier case that only a person can look after (R93, R99)."""


OWNERS: Mapping[Owner, Group] = {
    Owner.WAREHOUSE: Group.WAREHOUSE,
    Owner.FINANCE: Group.FINANCE,
    Owner.ERP_ADMIN: Group.ERP_ADMIN,
    Owner.APPLICANT: Group.FINANCE,
    Owner.OPERATOR: Group.OPERATOR,
}
"""Who puts right what no case is there for: there is no applicant, so finance looks after the books."""


@dataclass(frozen=True, kw_only=True)
class StandingTask:
    """One thing to look into. While it is open, no second one about the same subject is opened."""

    subject: str
    """What it is about, for ever the same: what is opened twice under it is opened once."""
    raised_by: str
    """The run that noticed it: repeated, it notices the same."""
    kind: TaskKind
    code: str
    """A code of an alarm or of a finding; the words for it stand in `service/texts.py`."""
    owner: Group
    ledger: str | None
    facts: dict[str, Json] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"ST-{sha256([self.subject, self.raised_by])[:24]}"
