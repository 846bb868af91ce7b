"""What the back-door watch takes for ordinary, and what nobody was to move."""

from dataclasses import replace

from workflows.domain.standing import AlarmCode
from workflows.domain.watch import Opened, Sighting, ordinary, remembered, unaccounted

KNOWN = Sighting(
    pointers={"inventory": "2025-06", "gl": "2025-06"},
    locks=("gl 2024-12",),
    balances={"inventory 2025-05": "a", "gl 2025-05": "b"},
    documents={"inventory 2025-05": "c", "gl 2025-05": ""},
    revision="34",
)


def codes(seen: Sighting, opened: Opened | None = None, known: Sighting = KNOWN) -> list[AlarmCode]:
    return [movement.code for movement in unaccounted(known, seen, opened)]


def test_nothing_moved_is_nothing_told() -> None:
    assert codes(KNOWN) == []


def test_a_months_end_alarms_nobody_and_is_told() -> None:
    seen = replace(
        KNOWN,
        pointers={"inventory": "2025-07", "gl": "2025-06"},
        locks=("gl 2024-12", "inventory 2025-05"),
        balances={**KNOWN.balances, "inventory 2025-06": "n"},
        documents={**KNOWN.documents, "inventory 2025-06": "n"},
        revision="35",
    )
    assert codes(seen) == []
    assert ordinary(KNOWN, seen) == {"inventory": "2025-06 → 2025-07"}


def test_a_pointer_moved_back_is_one_alarm_and_its_period_is_not_another() -> None:
    seen = replace(
        KNOWN,
        pointers={**KNOWN.pointers, "gl": "2025-05"},
        balances={"inventory 2025-05": "a"},
        documents={"inventory 2025-05": "c"},
    )
    (movement,) = unaccounted(KNOWN, seen, None)
    assert (movement.code, movement.places) == (AlarmCode.POINTER_MOVED_BACK, ("gl",))
    assert (movement.was, movement.now) == (("2025-06",), ("2025-05",))


def test_there_and_back_shows_where_the_erp_counts_movements() -> None:
    assert codes(replace(KNOWN, revision="36")) == [AlarmCode.POINTER_MOVED_AND_RETURNED]
    assert codes(replace(KNOWN, revision="")) == []
    assert codes(replace(KNOWN, revision="36"), Opened()) == []


def test_a_lock_that_is_gone_alarms() -> None:
    assert codes(replace(KNOWN, locks=())) == [AlarmCode.LOCK_REMOVED]


def test_what_is_closed_and_differs_alarms_also_where_nothing_was() -> None:
    seen = replace(KNOWN, balances={**KNOWN.balances, "gl 2025-05": "x"})
    assert codes(seen) == [AlarmCode.CLOSED_BALANCES_CHANGED]
    assert codes(replace(KNOWN, documents={**KNOWN.documents, "gl 2025-05": "x"})) == [
        AlarmCode.CLOSED_DOCUMENTS_CHANGED
    ]
    gone = replace(KNOWN, balances={**KNOWN.balances, "gl 2025-05": ""})
    assert codes(gone) == [AlarmCode.CLOSED_BALANCES_CHANGED]


def test_what_a_case_has_opened_may_differ_and_must_be_as_it_has_proven() -> None:
    opened = Opened(frozenset({"inventory 2025-05"}), {"inventory 2025-05": "proven"})
    opened = replace(opened, untold=opened.places)
    as_proven = replace(
        KNOWN,
        balances={**KNOWN.balances, "inventory 2025-05": "proven"},
        documents={**KNOWN.documents, "inventory 2025-05": "corrected"},
    )
    assert codes(as_proven, opened) == []
    later = replace(as_proven, balances={**KNOWN.balances, "inventory 2025-05": "edited since"})
    assert codes(later, opened) == [AlarmCode.CLOSED_BALANCES_CHANGED]
    elsewhere = replace(as_proven, documents={**as_proven.documents, "gl 2025-05": "x"})
    assert codes(elsewhere, opened) == [AlarmCode.CLOSED_DOCUMENTS_CHANGED]


def test_documents_are_held_against_those_a_case_has_left() -> None:
    place = "inventory 2025-05"
    left = replace(KNOWN, documents={**KNOWN.documents, place: "corrected"})
    opened = Opened(frozenset({place}), {place: KNOWN.balances[place]}, {place: "corrected"})
    assert codes(left, opened) == []
    edited = replace(KNOWN, documents={**KNOWN.documents, place: "edited since"})
    assert codes(edited, opened) == [AlarmCode.CLOSED_DOCUMENTS_CHANGED]
    assert codes(left, replace(opened, documents={})) == [AlarmCode.CLOSED_DOCUMENTS_CHANGED]


def test_an_alarm_is_raised_once_and_again_if_it_moves_again() -> None:
    edited = replace(KNOWN, documents={**KNOWN.documents, "gl 2025-05": "x"})
    known = remembered(KNOWN, edited, None)
    assert codes(edited, known=known) == []
    assert codes(KNOWN, known=known) == [AlarmCode.CLOSED_DOCUMENTS_CHANGED]


def test_a_period_that_is_opened_behind_our_back_is_not_forgotten() -> None:
    """Opened, edited and closed again between two looks each: the edit still shows."""
    reopened = replace(
        KNOWN,
        pointers={**KNOWN.pointers, "inventory": "2025-05"},
        balances={"gl 2025-05": "b"},
        documents={"gl 2025-05": ""},
    )
    known = remembered(KNOWN, reopened, None)
    closed_again = replace(KNOWN, documents={**KNOWN.documents, "inventory 2025-05": "edited"})
    assert codes(closed_again, known=known) == [AlarmCode.CLOSED_DOCUMENTS_CHANGED]
