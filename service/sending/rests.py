"""Receivers that are away are left alone as a whole, not only what they have just failed to take.

Kept by each process for itself: one that begins anew asks once, and knows it again.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.sending.patience import delay_after

LONGEST_REST = timedelta(minutes=5)
"""Shorter than the longest delay of one delivery: whoever is back is to hear the rest of its news soon."""


@dataclass(frozen=True)
class _Rest:
    failures: int
    until: datetime


class Rests:
    """Which receivers did not answer, and until when they are not asked. Any answer ends it."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._rests: dict[str, _Rest] = {}

    def begin(self, receiver: str, now: datetime) -> None:
        """It has not answered: twice as long as the last time, up to the longest rest."""
        failures = 1 if receiver not in self._rests else self._rests[receiver].failures + 1
        until = now + min(delay_after(failures, self._chance), LONGEST_REST)
        self._rests[receiver] = _Rest(failures, until)

    def end(self, receiver: str) -> None:
        self._rests.pop(receiver, None)

    def is_away(self, receiver: str) -> bool:
        """Whether it did not answer when it was last asked, also if it may be asked again."""
        return receiver in self._rests

    def resting(self, now: datetime) -> Collection[str]:
        return [receiver for receiver, rest in self._rests.items() if now < rest.until]
