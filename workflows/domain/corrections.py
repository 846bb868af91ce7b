"""What people changed inside the window, and whether the ledger is fit to be closed again."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from workflows.domain.errors import GateNotPassed
from workflows.domain.ledger import Module
from workflows.domain.period import Period
from workflows.domain.request import Intent, ScopeItem


@dataclass(frozen=True)
class FieldChange:
    """One field that is not what it was."""

    line: str
    """Which line of the document; empty for its head."""
    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """One document (or voucher, count, …) that was added, changed or deleted in the ledger."""

    document: str
    action: str
    """`added`, `changed` or `deleted`."""
    module: Module
    period: Period
    person: str
    at: datetime
    note: str = ""
    fields: tuple[FieldChange, ...] = ()
    """What was changed in it, as far as the ERP keeps a record of that."""
    reverses: str = ""
    """The document that this one takes back in red (R25); empty for any other."""


class Invariant(StrEnum):
    """What must hold in a sound ledger."""

    OPENING_IS_CLOSING = "opening_is_closing"
    """The opening of a period is the closing of the period before."""
    STOCK_IS_LEDGER = "stock_is_ledger"
    """The value of all stock is what the inventory account says."""
    TRIAL_BALANCE_IS_ZERO = "trial_balance_is_zero"
    """The closings of all accounts add up to zero."""


@dataclass(frozen=True)
class Broken:
    """One place where an invariant does not hold."""

    invariant: Invariant
    module: Module
    period: Period
    what: str
    """Warehouse and item, partner, account; empty where it is about all of them together."""
    measure: str
    expected: Decimal
    seen: Decimal

    def __str__(self) -> str:
        place = f"{self.module} {self.period} {self.what}".strip()
        return f"{self.invariant}: {self.measure} of {place} is {self.seen}, expected {self.expected}"


MAX_BROKEN = 20
"""Places told one by one; the rest is counted."""


@dataclass(frozen=True)
class Invariants:
    """What must hold in a sound ledger, in amounts of its own currency (R27, R75)."""

    stock_value: Decimal
    stock_account: Decimal
    trial_balance: Decimal
    """Debits minus credits over all accounts; zero in a sound ledger."""
    broken_openings: tuple[str, ...] = ()
    """Places, `inventory 2025-04`, whose opening is not the closing of the period before."""
    broken: tuple[Broken, ...] = ()
    """What does not hold, by period, warehouse, item and account; at most MAX_BROKEN of each invariant."""
    more: int = 0
    """Places that are broken and only counted."""


def require_sound(invariants: Invariants, since: Period | None = None) -> None:
    """Stock value equals the ledger's account, the trial balance is zero, openings follow closings.

    Places before `since` are left out: what was broken in a period that nobody opened is not this case's.

    Raises:
        GateNotPassed: naming each condition that does not hold (design §4, reclosing and verifying_closed).
    """
    reasons: list[str] = []
    if invariants.stock_value != invariants.stock_account:
        reasons.append(f"stock value {invariants.stock_value} is not the ledger's {invariants.stock_account}")
    if invariants.trial_balance != 0:
        reasons.append(f"trial balance is off by {invariants.trial_balance}")
    broken = [each for each in invariants.broken if since is None or each.period >= since]
    told = {f"{each.module} {each.period}" for each in invariants.broken}
    unnamed = [place for place in invariants.broken_openings if place not in told]
    reasons.extend(f"opening of {place} is not the closing before it" for place in unnamed)
    reasons.extend(str(each) for each in broken)
    if invariants.more:
        reasons.append(f"{invariants.more} more places")
    if reasons:
        raise GateNotPassed(tuple(reasons))


def undeclared(changes: tuple[Change, ...], scope: tuple[ScopeItem, ...]) -> tuple[Change, ...]:
    """Changes to documents that the request did not name, or not with this intent."""
    declared = {(item.document, action) for item in scope for action in _ACTIONS[item.intent]}
    reversed_ = {item.document for item in scope if item.intent == Intent.REVERSE}
    red = {change.document for change in changes if change.reverses in reversed_}
    return tuple(
        change
        for change in changes
        if (change.document, change.action) not in declared and change.document not in red
    )


_ACTIONS: dict[Intent, tuple[str, ...]] = {
    Intent.CORRECT: ("changed",),
    Intent.AUDIT: ("changed",),
    Intent.DELETE: ("changed", "deleted"),
    Intent.ADD: ("added", "changed"),
    Intent.REVERSE: ("added", "changed"),
}
"""What may happen to a document for each intent; deleting and adding may take an un-audit or audit too."""
