"""Canonical rows: what a proof is taken over, and what the fields of such a row mean (docs/proof.md)."""

from dataclasses import dataclass
from enum import StrEnum

from workflows.domain.ledger import Module
from workflows.domain.period import Period

Row = tuple[str, ...]
"""One canonical row: text fields in a fixed order, amounts with a fixed number of decimals."""


class Rows(StrEnum):
    """What the rows are of."""

    BALANCES = "balances"
    """What closing a period computes: per warehouse and item, partner, account."""
    DOCUMENTS = "documents"
    """What people entered: documents with their lines, stock counts, vouchers."""


@dataclass(frozen=True)
class RowLayout:
    """The names of a row's fields: first those of its key, by which rows are ordered, then its facts."""

    key: tuple[str, ...]
    facts: tuple[str, ...]

    def key_of(self, row: Row) -> Row:
        return row[: len(self.key)]


@dataclass(frozen=True, order=True)
class Place:
    """Where a leaf of a proof is: the rows of one kind, in one module and one period."""

    rows: Rows
    module: Module
    period: Period

    def __str__(self) -> str:
        return f"{self.rows} of {self.module} {self.period}"
