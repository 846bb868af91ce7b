"""All that the ledger's data shows about a plan: every check asked once, over one moment of the ledger."""

from collections.abc import Callable, Iterator

from activities.demo_erp import document_checks, ledger_checks, people_checks
from activities.demo_erp.evidence import Look, Questions
from activities.demo_erp.ledger import DemoLedger
from workflows.domain.findings import Finding, FindingScope, in_order

CHECKS: tuple[Callable[[Look], Iterator[Finding]], ...] = (
    people_checks.missing_right,
    people_checks.foreign_sessions,
    document_checks.document_unknown,
    ledger_checks.blast_radius,
    Questions(*people_checks.QUESTIONS, *document_checks.QUESTIONS, *ledger_checks.QUESTIONS).ask,
)


def find(ledger: DemoLedger, scope: FindingScope) -> tuple[Finding, ...]:
    """Every finding about a plan, in the order people read them. Changes nothing."""
    book = ledger.book
    with ledger.reading() as db:
        look = Look(db, book, scope, ledger.clock())
        return in_order(finding for check in CHECKS for finding in check(look))
