"""What the real case and the bare one have in common."""

from dataclasses import dataclass

PATIENCE = 60.0
"""Seconds after which a case that does not move ends the run."""


@dataclass(frozen=True)
class Played:
    """A finished case, and how long it took from the last consent until the ledger was open."""

    workflow: str
    opening_seconds: float
