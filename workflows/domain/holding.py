"""What a case holds of its ledger at a moment; where it cannot go on by itself, people must know."""

from dataclasses import dataclass
from enum import StrEnum

from workflows.domain.digest import Json


class Doors(StrEnum):
    """Who is let into the ledger."""

    OPEN = "open"
    """Everybody."""
    NAMED = "named"
    """The correctors, and nobody else."""
    SHUT = "shut"
    """Nobody."""


@dataclass(frozen=True)
class Holding:
    """The lease, the doors, and the rights that were given for a time, as they were last asked for.

    What failed half-way counts as held.
    """

    fence: int | None = None
    """Of the lease; none if the case has none."""
    doors: Doors = Doors.OPEN
    rights: tuple[str, ...] = ()
    """Who was given the right to correct and is not known to have lost it."""

    def record(self) -> dict[str, Json]:
        """As it goes on record."""
        return {"fence": self.fence, "doors": self.doors, "rights": [*self.rights]}
