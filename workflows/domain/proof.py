"""Proof: a digest tree over the canonical balance rows of every module and period (design §9)."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workflows.domain.errors import ProofMismatch
from workflows.domain.ledger import Module
from workflows.domain.period import Period

FORMAT = "unclose-proof-1"
"""Version of the canonical form: it is hashed into the root, so forms never mix."""
DOCUMENTS_FORMAT = "unclose-documents-1"
"""The same for the proof over documents, which stands beside that over balances (docs/proof.md)."""


@dataclass(frozen=True)
class Leaf:
    """The digest of one module in one period, and how many balance rows it covers."""

    module: Module
    period: Period
    rows: int
    digest: str

    @property
    def place(self) -> str:
        return f"{self.module} {self.period}"


@dataclass(frozen=True)
class Proof:
    """All leaves of a ledger at one moment, in order of module and period."""

    leaves: tuple[Leaf, ...]
    root: str

    def by_place(self) -> dict[tuple[Module, Period], Leaf]:
        return {(leaf.module, leaf.period): leaf for leaf in self.leaves}


class LeafHash:
    """Hashes canonical rows as they stream: fields joined by the unit separator, rows ended by a newline.

    A row whose fields hold such a mark themselves is hashed as JSON behind a mark of its own, so that no two
    rows, however odd, are the same text.
    """

    def __init__(self, module: Module, period: Period) -> None:
        self.module, self.period, self.rows = module, period, 0
        self._hash = hashlib.sha256()

    def add(self, rows: Sequence[tuple[str, ...]]) -> None:
        text = "\n".join((*map("\x1f".join, rows), ""))
        separators = sum(map(len, rows)) - len(rows)
        if text.count("\n") != len(rows) or text.count("\x1f") != separators or "\x1e" in text:
            text = "".join(map(_line, rows))
        self._hash.update(text.encode())
        self.rows += len(rows)

    def leaf(self) -> Leaf:
        return Leaf(self.module, self.period, self.rows, self._hash.hexdigest())


def _line(row: tuple[str, ...]) -> str:
    text = "\x1f".join(row)
    plain = text.count("\x1f") == len(row) - 1 and "\n" not in text and "\x1e" not in text
    return f"{text}\n" if plain else f"\x1e{json.dumps(row)}\n"


def tree(leaves: Iterable[Leaf], form: str = FORMAT) -> Proof:
    """Order the leaves and hash them pairwise, per module first, up to one root.

    A lone node is carried up unchanged; inner nodes and leaves are hashed under different prefixes, so no
    inner node can be passed off as a leaf.
    """
    ordered = tuple(sorted(leaves, key=lambda leaf: (leaf.module, leaf.period)))
    if len({leaf.place for leaf in ordered}) != len(ordered):
        raise ValueError("a proof has one leaf for each module and period")
    level = [_hash("leaf", f"{leaf.place} {leaf.rows} {leaf.digest}") for leaf in ordered]
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [_hash("node", *pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return Proof(ordered, _hash(form, *level))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def differing(before: Proof, after: Proof) -> tuple[str, ...]:
    """Places whose leaf is not the same in both, `inventory 2025-03`; also those only one of them has."""
    old, new = before.by_place(), after.by_place()
    places = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return tuple(f"{module} {period}" for module, period in places)


def require_untouched(before: Proof, after: Proof, touched: frozenset[tuple[Module, Period]]) -> None:
    """Every leaf outside `touched` is byte-equal (design §4, verifying_open and verifying_closed).

    Raises:
        ProofMismatch: naming the places that moved and must not have.
    """
    allowed = {f"{module} {period}" for module, period in touched}
    moved = tuple(place for place in differing(before, after) if place not in allowed)
    if moved:
        raise ProofMismatch(moved)


def require_open(after: Proof, touched: frozenset[tuple[Module, Period]]) -> None:
    """A period that is open has no closing balances.

    Raises:
        ProofMismatch: naming the opened places that still carry balance rows.
    """
    leaves = after.by_place()
    still = tuple(
        f"{module} {period}"
        for module, period in sorted(touched)
        if (leaf := leaves.get((module, period))) and leaf.rows
    )
    if still:
        raise ProofMismatch(still)


def require_closed(before: Proof, after: Proof, touched: frozenset[tuple[Module, Period]]) -> None:
    """What was closed before and has been closed again carries balances again.

    Raises:
        ProofMismatch: naming the touched places that had balance rows and have none now.
    """
    old, new = before.by_place(), after.by_place()
    bare = tuple(
        f"{module} {period}"
        for module, period in sorted(touched)
        if (module, period) in old and (module, period) not in new
    )
    if bare:
        raise ProofMismatch(bare)


def require_equal(expected: Proof, seen: Proof) -> None:
    """Byte-equal everywhere. Raises ProofMismatch otherwise."""
    if expected.root != seen.root:
        raise ProofMismatch(differing(expected, seen))
