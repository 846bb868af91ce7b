"""One changed byte in one balance row changes the root, and the place of it is told."""

import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.builders import Rows, a_leaf, a_period, a_proof
from tests.strategies import balances
from workflows.domain.errors import ProofMismatch
from workflows.domain.ledger import Module
from workflows.domain.proof import (
    FORMAT,
    LeafHash,
    differing,
    require_equal,
    require_open,
    require_untouched,
    tree,
)

GL, INVENTORY = Module.GL, Module.INVENTORY
Balances = dict[tuple[Module, str], Rows]
MARCH = frozenset({(INVENTORY, a_period("2025-03"))})


def hexadecimal(*lines: str) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def three_months(**changes: Rows) -> Balances:
    """Two modules in three periods; `inventory_04=...` gives one of them other rows."""
    return {
        (module, f"2025-{month}"): changes.get(f"{module}_{month}", (("A", "1.00"), ("B", "2.00")))
        for module in (INVENTORY, GL)
        for month in ("03", "04", "05")
    }


# ------------------------------------------------------------------ leaves


def test_a_leaf_is_the_digest_of_its_rows_and_tells_how_many_they_are() -> None:
    leaf = a_leaf(INVENTORY, "2025-03", (("仓", "1.00"), ("B", "2.00")))
    assert (leaf.module, leaf.period, leaf.rows) == (INVENTORY, a_period("2025-03"), 2)
    assert leaf.place == "inventory 2025-03"
    assert leaf.digest == hashlib.sha256("仓\x1f1.00\nB\x1f2.00\n".encode()).hexdigest()


def test_a_leaf_without_rows_is_told_from_one_with_an_empty_row() -> None:
    assert a_leaf(rows=()) != a_leaf(rows=(("",),))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param((("ab", "c"),), (("a", "bc"),), id="between two fields"),
        pytest.param((("a", "b"),), (("a",), ("b",)), id="between two rows"),
        pytest.param((("a\x1fb", "c"),), (("a", "b\x1fc"),), id="a field that holds the separator"),
        pytest.param((("a\nb",), ("c",)), (("a",), ("b\nc",)), id="a field that holds a line end"),
        pytest.param((("a\x1fb",),), (("a", "b"),), id="one field that looks like two"),
        pytest.param(((),), (("",),), id="no field and an empty one"),
        pytest.param((("a", ""),), (("a",),), id="an empty field at the end"),
        pytest.param((("a",), ("b",)), (("b",), ("a",)), id="order of rows"),
    ],
)
def test_rows_that_differ_in_where_a_field_ends_have_different_leaves(one: Rows, other: Rows) -> None:
    assert a_leaf(rows=one) != a_leaf(rows=other)


def cut(characters: list[tuple[str, bool]]) -> Rows:
    """Rows and fields of a text in which each separator may also be a character that someone typed."""
    rows: list[list[str]] = [[""]]
    for character, separates in characters:
        if separates and character == "\n":
            rows.append([""])
        elif separates and character == "\x1f":
            rows[-1].append("")
        else:
            rows[-1][-1] += character
    return tuple(map(tuple, rows))


@given(st.lists(st.tuples(st.sampled_from("A\n\x1f\x1e"), st.booleans(), st.booleans()), max_size=8))
def test_one_text_cut_in_two_ways_has_two_leaves(characters: list[tuple[str, bool, bool]]) -> None:
    one = cut([(character, separates) for character, separates, _ in characters])
    other = cut([(character, separates) for character, _, separates in characters])
    assert (a_leaf(rows=one) == a_leaf(rows=other)) == (one == other)


@given(balances(), st.integers(1, 4))
def test_a_leaf_does_not_depend_on_how_many_rows_arrive_at_once(ledger: Balances, size: int) -> None:
    for rows in ledger.values():
        hashing = LeafHash(INVENTORY, a_period())
        for at in range(0, len(rows), size):
            hashing.add(rows[at : at + size])
        assert hashing.leaf() == hashing.leaf() == a_leaf(rows=rows)


# ------------------------------------------------------------------ the tree


def test_the_tree_is_what_its_description_says() -> None:
    leaves = [a_leaf(GL, "2025-03"), a_leaf(INVENTORY, "2025-03"), a_leaf(INVENTORY, "2025-04")]
    a, b, c = (hexadecimal("leaf", f"{leaf.place} {leaf.rows} {leaf.digest}") for leaf in leaves)
    assert tree(leaves).root == hexadecimal(FORMAT, hexadecimal("node", hexadecimal("node", a, b), c))
    assert tree(leaves[:2]).root == hexadecimal(FORMAT, hexadecimal("node", a, b))
    assert tree(leaves[:1]).root == hexadecimal(FORMAT, a)
    assert tree([]).root == hexadecimal(FORMAT)


@given(balances(), st.data())
def test_the_order_in_which_leaves_arrive_does_not_matter(ledger: Balances, data: st.DataObject) -> None:
    leaves = [a_leaf(module, period, rows) for (module, period), rows in ledger.items()]
    assert tree(data.draw(st.permutations(leaves))) == tree(leaves)


def test_leaves_stand_in_order_of_module_and_period() -> None:
    places = [leaf.place for leaf in a_proof(three_months()).leaves]
    assert places == sorted(places)


def test_rows_that_move_to_another_place_change_the_root() -> None:
    there = a_proof({(INVENTORY, "2025-03"): (("A", "1"),), (INVENTORY, "2025-04"): ()})
    elsewhere = a_proof({(INVENTORY, "2025-03"): (), (INVENTORY, "2025-04"): (("A", "1"),)})
    assert there.root != elsewhere.root
    assert differing(there, elsewhere) == ("inventory 2025-03", "inventory 2025-04")


def test_a_place_without_rows_is_not_a_place_that_is_missing() -> None:
    empty = a_proof({(GL, "2025-03"): (("A", "1"),), (GL, "2025-04"): ()})
    missing = a_proof({(GL, "2025-03"): (("A", "1"),)})
    assert empty.root != missing.root
    assert differing(empty, missing) == differing(missing, empty) == ("gl 2025-04",)


@given(ledger=balances(), data=st.data())
def test_any_flipped_character_changes_the_root_and_is_located(ledger: Balances, data: st.DataObject) -> None:
    cells = [
        (place, r, f, c)
        for place, rows in ledger.items()
        for r, row in enumerate(rows)
        for f, field in enumerate(row)
        for c in range(len(field))
    ]
    assume(cells)
    place, r, f, c = data.draw(st.sampled_from(cells))
    rows = [list(row) for row in ledger[place]]
    field = rows[r][f]
    rows[r][f] = field[:c] + chr(ord(field[c]) ^ 1) + field[c + 1 :]
    before, flipped = a_proof(ledger), a_proof({**ledger, place: tuple(map(tuple, rows))})
    assert before.root != flipped.root
    assert differing(before, flipped) == (f"{place[0]} {place[1]}",)


@given(balances(), balances())
def test_equal_roots_mean_equal_balances(one: Balances, other: Balances) -> None:
    assert (a_proof(one).root == a_proof(other).root) == (one == other)
    assert (differing(a_proof(one), a_proof(other)) == ()) == (one == other)


# ------------------------------------------------------------------ what is required of two proofs


def test_balances_outside_the_touched_periods_must_be_equal() -> None:
    before, after = a_proof(three_months()), a_proof(three_months(inventory_03=()))
    require_untouched(before, after, MARCH)
    with pytest.raises(ProofMismatch) as stopped:
        require_untouched(before, after, frozenset())
    assert stopped.value.where == ("inventory 2025-03",)


def test_every_place_that_moved_and_must_not_have_is_named() -> None:
    after = a_proof(three_months(inventory_03=(), inventory_04=(("A", "9"),), gl_03=()))
    with pytest.raises(ProofMismatch) as stopped:
        require_untouched(a_proof(three_months()), after, MARCH)
    assert stopped.value.where == ("gl 2025-03", "inventory 2025-04")


def test_a_place_that_vanished_was_not_left_untouched() -> None:
    after = {place: rows for place, rows in three_months().items() if place != (GL, "2025-05")}
    with pytest.raises(ProofMismatch) as stopped:
        require_untouched(a_proof(three_months()), a_proof(after), MARCH)
    assert stopped.value.where == ("gl 2025-05",)


def test_an_opened_period_has_no_closing_balances() -> None:
    require_open(a_proof(three_months(inventory_03=())), MARCH)
    without = {place: rows for place, rows in three_months().items() if place != (INVENTORY, "2025-03")}
    require_open(a_proof(without), MARCH)
    with pytest.raises(ProofMismatch) as stopped:
        require_open(a_proof(three_months()), MARCH)
    assert stopped.value.where == ("inventory 2025-03",)


def test_after_a_roll_back_everything_is_as_it_was() -> None:
    require_equal(a_proof(three_months()), a_proof(three_months()))
    with pytest.raises(ProofMismatch) as stopped:
        require_equal(a_proof(three_months()), a_proof(three_months(gl_05=(("A", "1.01"), ("B", "2.00")))))
    assert stopped.value.where == ("gl 2025-05",)
