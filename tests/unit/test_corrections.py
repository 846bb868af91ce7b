"""The gate before closing again, and what was changed beside what was declared."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workflows.domain.corrections import (
    Broken,
    Change,
    Invariant,
    Invariants,
    require_sound,
    undeclared,
)
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


BROKEN = Broken(
    Invariant.OPENING_IS_CLOSING,
    Module.INVENTORY,
    Period(2025, 4),
    "B M-1102",
    "open_qty",
    Decimal("80.00"),
    Decimal("100.00"),
)


def test_a_broken_place_is_named_down_to_its_row() -> None:
    with pytest.raises(GateNotPassed, match="open_qty of inventory 2025-04 B M-1102 is 100"):
        require_sound(replace(SOUND, broken_openings=("inventory 2025-04",), broken=(BROKEN,)))


def test_what_was_broken_before_the_oldest_opened_period_does_not_stop_the_case() -> None:
    flawed = replace(SOUND, broken=(BROKEN,))
    require_sound(flawed, since=Period(2025, 5))
    with pytest.raises(GateNotPassed):
        require_sound(flawed, since=Period(2025, 4))


def test_broken_places_that_are_only_counted_stop_the_case_too() -> None:
    with pytest.raises(GateNotPassed, match="3 more"):
        require_sound(replace(SOUND, more=3), since=Period(2025, 5))


def test_a_reversal_explains_itself_by_what_it_reverses() -> None:
    red = replace(a_change("SI-2025-03-0099"), action="added", reverses="SI-2025-03-0001")
    assert undeclared((red,), (ScopeItem("SI-2025-03-0001", Intent.REVERSE),)) == ()
    assert undeclared((red,), (ScopeItem("SI-2025-03-0001", Intent.CORRECT),)) == (red,)


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
