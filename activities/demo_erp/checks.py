"""All that the ledger's data shows about a plan: every check asked once, over one moment of the ledger."""

from collections.abc import Callable, Iterator

from activities.demo_erp import document_checks, ledger_checks, people_checks
from activities.demo_erp.evidence import Look
from activities.demo_erp.ledger import DemoLedger
from workflows.domain.findings import Finding, FindingScope, in_order

CHECKS: tuple[Callable[[Look], Iterator[Finding]], ...] = (
    people_checks.missing_right,
    people_checks.foreign_sessions,
    people_checks.period_reopened_before,
    document_checks.audit_in_flight,
    document_checks.document_frozen,
    document_checks.gain_loss_unaudited,
    document_checks.count_not_adjusted,
    document_checks.count_incomplete,
    document_checks.referenced_downstream,
    document_checks.reversal_route,
    document_checks.document_unknown,
    ledger_checks.posted_vouchers,
    ledger_checks.negative_stock,
    ledger_checks.stock_ledger_difference,
    ledger_checks.trial_balance_open,
    ledger_checks.blast_radius,
)


def find(ledger: DemoLedger, scope: FindingScope) -> tuple[Finding, ...]:
    """Every finding about a plan, in the order people read them. Changes nothing."""
    book = ledger.book
    with ledger.reading() as db:
        look = Look(db, book, scope, ledger.clock())
        return in_order(finding for check in CHECKS for finding in check(look))
