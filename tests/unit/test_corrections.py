"""The gate before closing again, and what was changed beside what was declared."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workflows.domain.corrections import Change, Invariants, require_sound, undeclared
from workflows.domain.errors import GateNotPassed
from workflows.domain.ledger import Module
from workflows.domain.period import Period
from workflows.domain.request import Intent, ScopeItem

SOUND = Invariants(Decimal("10.00"), Decimal("10.00"), Decimal("0.00"))


def a_change(document: str) -> Change:
    now = datetime(2025, 6, 3, tzinfo=UTC)
    return Change(document, "changed", Module.INVENTORY, Period(2025, 3), "clerk", now)


def test_a_sound_ledger_passes_the_gate() -> None:
    require_sound(SOUND)


@pytest.mark.parametrize(
    ("invariants", "named"),
    [
        (Invariants(Decimal(11), Decimal(10), Decimal(0)), "stock value"),
        (Invariants(Decimal(10), Decimal(10), Decimal("0.01")), "trial balance"),
        (Invariants(Decimal(10), Decimal(10), Decimal(0), ("gl 2025-04",)), "gl 2025-04"),
    ],
)
def test_whatever_does_not_hold_is_named(invariants: Invariants, named: str) -> None:
    with pytest.raises(GateNotPassed, match=named):
        require_sound(invariants)


def test_everything_that_does_not_hold_is_named_at_once() -> None:
    with pytest.raises(GateNotPassed) as caught:
        require_sound(Invariants(Decimal(11), Decimal(10), Decimal(1), ("gl 2025-04",)))
    assert len(caught.value.reasons) == 3


def test_deleting_what_was_only_to_be_corrected_is_told() -> None:
    deleted = replace(a_change("IN-2025-03-0007"), action="deleted")
    assert undeclared((deleted,), (ScopeItem("IN-2025-03-0007", Intent.CORRECT),)) == (deleted,)
    assert undeclared((deleted,), (ScopeItem("IN-2025-03-0007", Intent.DELETE),)) == ()


def test_a_change_to_a_document_outside_the_declared_scope_is_told() -> None:
    changes = (a_change("IN-2025-03-0007"), a_change("IN-2025-03-0008"))
    scope = (ScopeItem("IN-2025-03-0007", Intent.CORRECT),)
    assert [change.document for change in undeclared(changes, scope)] == ["IN-2025-03-0008"]
