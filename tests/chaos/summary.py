"""How many deaths were tried, and what became of the cases that they fell into."""

from dataclasses import dataclass, field

SAMPLE = 10
"""How many points are tried where not every event is."""


@dataclass
class Summary:
    """What is printed in the end, and must name no case that did not survive."""

    killed: str
    tried: int = 0
    fallen: dict[int, str] = field(default_factory=dict)
    """For each event after which the case went otherwise: how."""

    def note(self, event: int, became: str) -> None:
        """One point was tried; `became` is empty if all went as if nothing had been."""
        self.tried += 1
        if became:
            self.fallen[event] = became

    def __str__(self) -> str:
        survived = self.tried - len(self.fallen)
        said = f"{self.killed} killed right after an event: {self.tried} points tried, {survived} survived"
        return "\n".join((said, *(f"  event {n}: {became}" for n, became in sorted(self.fallen.items()))))


def spread(events: int) -> tuple[int, ...]:
    """Numbers of events from the first to the last, at equal distances."""
    return tuple(sorted({1 + round(n * (events - 1) / (SAMPLE - 1)) for n in range(SAMPLE)}))
