"""What checks notice, and what it adds up to.

A rule of the catalogue is a row: code, severity, owner, and what to do about it. Words for people, in
Chinese and English, stand in `service/texts.py` under the same codes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from workflows.domain.ledger import Module
from workflows.domain.period import Period
from workflows.domain.request import ScopeItem


class Severity(StrEnum):
    BLOCKER = "blocker"
    WARNING = "warning"
    INFO = "info"


class Risk(StrEnum):
    """What the findings and the plan add up to."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class FindingCode(StrEnum):
    """Everything a check can notice. The source of each stands behind it."""

    AUDIT_IN_FLIGHT = "audit_in_flight"  # R20, trap T3: multi-level audit begun and not finished
    DOCUMENT_FROZEN = "document_frozen"  # R20
    COUNT_NOT_ADJUSTED = "count_not_adjusted"  # R27, R95: count differences without a gain/loss bill
    COUNT_INCOMPLETE = "count_incomplete"  # R11, R95: bins that were never counted
    GAIN_LOSS_UNAUDITED = "gain_loss_unaudited"  # R27
    POSTED_VOUCHERS = "posted_vouchers"  # R22, R67: vouchers made from the period's bills
    POSTED_VOUCHERS_GL_CLOSED = "posted_vouchers_gl_closed"  # R67, R68: and the plan leaves gl closed
    REFERENCED_DOWNSTREAM = "referenced_downstream"  # R21, R24
    REVERSAL_ROUTE = "reversal_route"  # R23, R25, trap T4: the target is an invoice or a voucher
    DOCUMENT_UNKNOWN = "document_unknown"  # a document of the scope is not in the target period
    MISSING_RIGHT = "missing_right"  # R16, R107: probed first
    LEDGER_HELD = "ledger_held"  # design §5.4: another case holds the ledger
    FOREIGN_SESSIONS = "foreign_sessions"  # R58: will be warned, then ended
    SESSION_STUCK = "session_stuck"  # R58: cannot be ended
    PERIOD_REOPENED_BEFORE = "period_reopened_before"  # R99: recurrence
    NEGATIVE_STOCK = "negative_stock"  # R27
    STOCK_LEDGER_DIFFERENCE = "stock_ledger_difference"  # R27, trap T9
    TRIAL_BALANCE_OPEN = "trial_balance_open"  # R27, trap T9
    BLAST_RADIUS = "blast_radius"  # R63: what the opening touches, counted
    CROSSES_FISCAL_YEAR = "crosses_fiscal_year"  # R71
    PLAN_REFUSED = "plan_refused"  # the planner itself said no: closed, locked, start period
    NO_APPROVER = "no_approver"  # design §5.7: a level nobody may sign
    POLICY_UNREADABLE = "policy_unreadable"  # design §5.7: the policy, or one of its rules, cannot be read


class Owner(StrEnum):
    """Which group puts a finding right."""

    WAREHOUSE = "warehouse"
    FINANCE = "finance"
    ERP_ADMIN = "erp_admin"
    APPLICANT = "applicant"
    OPERATOR = "operator"


@dataclass(frozen=True)
class FindingRule:
    code: FindingCode
    severity: Severity
    owner: Owner


CATALOGUE: tuple[FindingRule, ...] = (
    FindingRule(FindingCode.MISSING_RIGHT, Severity.BLOCKER, Owner.ERP_ADMIN),
    FindingRule(FindingCode.PLAN_REFUSED, Severity.BLOCKER, Owner.APPLICANT),
    FindingRule(FindingCode.NO_APPROVER, Severity.BLOCKER, Owner.OPERATOR),
    FindingRule(FindingCode.POLICY_UNREADABLE, Severity.BLOCKER, Owner.OPERATOR),
    FindingRule(FindingCode.AUDIT_IN_FLIGHT, Severity.BLOCKER, Owner.WAREHOUSE),
    FindingRule(FindingCode.DOCUMENT_FROZEN, Severity.BLOCKER, Owner.WAREHOUSE),
    FindingRule(FindingCode.COUNT_NOT_ADJUSTED, Severity.BLOCKER, Owner.WAREHOUSE),
    FindingRule(FindingCode.GAIN_LOSS_UNAUDITED, Severity.BLOCKER, Owner.WAREHOUSE),
    FindingRule(FindingCode.POSTED_VOUCHERS_GL_CLOSED, Severity.BLOCKER, Owner.FINANCE),
    FindingRule(FindingCode.REFERENCED_DOWNSTREAM, Severity.BLOCKER, Owner.FINANCE),
    FindingRule(FindingCode.REVERSAL_ROUTE, Severity.BLOCKER, Owner.FINANCE),
    FindingRule(FindingCode.DOCUMENT_UNKNOWN, Severity.BLOCKER, Owner.APPLICANT),
    FindingRule(FindingCode.LEDGER_HELD, Severity.BLOCKER, Owner.OPERATOR),
    FindingRule(FindingCode.SESSION_STUCK, Severity.BLOCKER, Owner.ERP_ADMIN),
    FindingRule(FindingCode.TRIAL_BALANCE_OPEN, Severity.BLOCKER, Owner.FINANCE),
    FindingRule(FindingCode.STOCK_LEDGER_DIFFERENCE, Severity.BLOCKER, Owner.FINANCE),
    FindingRule(FindingCode.NEGATIVE_STOCK, Severity.WARNING, Owner.WAREHOUSE),
    FindingRule(FindingCode.COUNT_INCOMPLETE, Severity.WARNING, Owner.WAREHOUSE),
    FindingRule(FindingCode.POSTED_VOUCHERS, Severity.WARNING, Owner.FINANCE),
    FindingRule(FindingCode.CROSSES_FISCAL_YEAR, Severity.WARNING, Owner.FINANCE),
    FindingRule(FindingCode.PERIOD_REOPENED_BEFORE, Severity.INFO, Owner.FINANCE),
    FindingRule(FindingCode.FOREIGN_SESSIONS, Severity.INFO, Owner.ERP_ADMIN),
    FindingRule(FindingCode.BLAST_RADIUS, Severity.INFO, Owner.APPLICANT),
)


@dataclass(frozen=True)
class EvidenceRow:
    """One thing in the ledger that shows the finding: what it is, and its facts as text."""

    what: str
    facts: tuple[tuple[str, str], ...] = ()


MAX_EVIDENCE_ROWS = 20
"""Rows kept with a finding; `count` tells how many there are in all."""


@dataclass(frozen=True)
class Finding:
    """One thing a check noticed."""

    code: FindingCode
    count: int = 1
    rows: tuple[EvidenceRow, ...] = ()
    module: Module | None = None
    period: Period | None = None
    bound: bool = True
    """Whether it is part of the digest. False for what changes by itself, such as who is logged in."""

    @property
    def rule(self) -> FindingRule:
        return _RULES[self.code]

    @property
    def severity(self) -> Severity:
        return self.rule.severity


_RULES = {rule.code: rule for rule in CATALOGUE}


def blockers(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.severity == Severity.BLOCKER)


def assess(findings: Iterable[Finding], periods_opened: int) -> Risk:
    """The risk level: high across a fiscal year or over three periods, medium with a warning, else low."""
    seen = tuple(findings)
    if periods_opened > 3 or any(f.code == FindingCode.CROSSES_FISCAL_YEAR for f in seen):
        return Risk.HIGH
    if periods_opened > 1 or any(f.severity != Severity.INFO for f in seen):
        return Risk.MEDIUM
    return Risk.LOW


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings by severity and place in the catalogue, the order people read them and digests see them."""
    rank = {rule.code: n for n, rule in enumerate(CATALOGUE)}
    return tuple(sorted(findings, key=lambda f: (rank[f.code], str(f.period), str(f.module), repr(f))))


@dataclass(frozen=True)
class FindingScope:
    """What the checks look at: the request's documents and every module and period the plan opens."""

    target: Period
    modules: tuple[Module, ...]
    """The modules asked for."""
    opened: tuple[tuple[Module, Period], ...]
    """Every module and period the plan would open."""
    documents: tuple[ScopeItem, ...]
    executor: str
    """The ERP user who will act."""

    def without_documents(self) -> "FindingScope":
        """The same modules and periods, whatever the request wanted to change in them."""
        return replace(self, documents=())
