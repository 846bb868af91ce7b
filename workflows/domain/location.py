"""Where two ledgers differ: from the leaf of a proof down to the row and the field (R75, R79)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from workflows.domain.canonical import Place, Row, RowLayout

MAX_ROWS = 200
"""Rows told one by one; the rest is counted."""


class RowChange(StrEnum):
    """What has become of a row."""

    ADDED = "added"
    GONE = "gone"
    CHANGED = "changed"


@dataclass(frozen=True)
class Fact:
    """One field of a row by name, and what it was and is; empty where the row is not there."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class RowDifference:
    """One row that is not the same in both ledgers."""

    place: Place
    change: RowChange
    key: tuple[tuple[str, str], ...]
    """Field names and values that name the row: warehouse and item, account, document and line."""
    facts: tuple[Fact, ...]
    """The fields that differ."""

    def __str__(self) -> str:
        named = ", ".join(f"{name} {value}" for name, value in self.key if value)
        told = "; ".join(f"{fact.name} {fact.before or '–'} → {fact.after or '–'}" for fact in self.facts)
        return f"{self.place}: {self.change} {named} ({told})"


@dataclass(frozen=True)
class PlaceDifference:
    """How many rows of one place differ."""

    place: Place
    added: int = 0
    gone: int = 0
    changed: int = 0

    @property
    def rows(self) -> int:
        return self.added + self.gone + self.changed


@dataclass(frozen=True)
class Located:
    """Where two ledgers differ: every place with its counts, and the first rows in full."""

    places: tuple[PlaceDifference, ...] = ()
    rows: tuple[RowDifference, ...] = ()
    more: int = 0
    """Rows that differ and are only counted."""

    @property
    def is_equal(self) -> bool:
        return not self.places


def row_difference(place: Place, layout: RowLayout, before: Row | None, after: Row | None) -> RowDifference:
    """What has become of a row, given that it is not the same in both; none where it is not there."""
    present = after if after is not None else before
    assert present is not None, "a row that is nowhere does not differ"
    width = len(layout.key)
    empty = ("",) * len(layout.facts)
    old = empty if before is None else before[width:]
    new = empty if after is None else after[width:]
    change = RowChange.ADDED if before is None else RowChange.GONE if after is None else RowChange.CHANGED
    facts = tuple(Fact(name, a, b) for name, a, b in zip(layout.facts, old, new, strict=True) if a != b)
    return RowDifference(place, change, tuple(zip(layout.key, present[:width], strict=True)), facts)


@dataclass
class Tally:
    """Takes differences as they stream by: counts all, keeps the first. Its size does not grow with them."""

    limit: int = MAX_ROWS
    rows: list[RowDifference] = field(default_factory=list)
    _counts: dict[Place, dict[RowChange, int]] = field(default_factory=dict)
    _seen: int = 0

    def add(self, difference: RowDifference) -> None:
        counts = self._counts.setdefault(difference.place, dict.fromkeys(RowChange, 0))
        counts[difference.change] += 1
        self._seen += 1
        if len(self.rows) < self.limit:
            self.rows.append(difference)

    def add_all(self, differences: Iterable[RowDifference]) -> None:
        for difference in differences:
            self.add(difference)

    def located(self) -> Located:
        """All that was taken, places in order."""
        places = tuple(
            PlaceDifference(place, counts[RowChange.ADDED], counts[RowChange.GONE], counts[RowChange.CHANGED])
            for place, counts in sorted(self._counts.items())
        )
        return Located(places, tuple(self.rows), self._seen - len(self.rows))
