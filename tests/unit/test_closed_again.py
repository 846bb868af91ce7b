"""What must hold once everything has been closed again."""

import pytest

from workflows.domain.errors import PointerMismatch, ProofMismatch
from workflows.domain.ledger import CloseState, Module, ModuleState
from workflows.domain.period import Period
from workflows.domain.plan import require_same_pointers
from workflows.domain.proof import Leaf, require_closed, tree

MARCH, JUNE = Period(2025, 3), Period(2025, 6)
TOUCHED = frozenset({(Module.GL, MARCH)})


def a_leaf(module: Module = Module.GL) -> Leaf:
    return Leaf(module, MARCH, 2, "ab")


def a_state(current: Period) -> CloseState:
    return CloseState((ModuleState(Module.GL, Period(2024, 1), current),))


def test_a_touched_period_that_carries_balances_again_is_closed() -> None:
    require_closed(tree([a_leaf()]), tree([Leaf(Module.GL, MARCH, 3, "cd")]), TOUCHED)


def test_a_touched_period_that_lost_its_balances_is_not_closed() -> None:
    with pytest.raises(ProofMismatch, match="gl 2025-03"):
        require_closed(tree([a_leaf()]), tree([]), TOUCHED)


def test_a_period_that_never_had_balances_needs_none() -> None:
    require_closed(tree([]), tree([]), TOUCHED)


def test_two_leaves_for_one_place_are_no_proof() -> None:
    with pytest.raises(ValueError, match="one leaf"):
        tree([a_leaf(), a_leaf()])


def test_pointers_that_are_what_they_were_pass() -> None:
    require_same_pointers(a_state(JUNE), a_state(JUNE))


def test_a_pointer_that_is_elsewhere_is_named() -> None:
    with pytest.raises(PointerMismatch, match="gl at 2025-03"):
        require_same_pointers(a_state(JUNE), a_state(MARCH))
