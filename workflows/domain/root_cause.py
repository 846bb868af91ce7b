"""Why cases were needed: the catalogue of root causes, and what keeps them from recurring (R93 to R99)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from workflows.domain.approval import Group
from workflows.domain.errors import CauseNeedsNote, TooLateForCause, UnknownCause
from workflows.domain.findings import FindingCode

OTHER = "other"
"""The cause that explains nothing by itself: a note must."""


@dataclass(frozen=True)
class RootCause:
    """One cause of the catalogue, in both languages."""

    code: str
    zh: str
    en: str
    prevention_zh: str
    """What keeps it from happening again."""
    prevention_en: str
    owner: Group
    """Who looks after that before each month end (R93)."""
    check: FindingCode | None = None
    """What a self-check can notice of it by itself; none if only a person can look."""


@dataclass(frozen=True)
class PreventionCheck:
    """An item of a ledger's pre-check list that a root cause has put there (R94)."""

    cause: RootCause
    cases: int
    """How often it was the cause on this ledger."""
    last_case: str
    last_at: datetime


@dataclass(frozen=True)
class CauseCatalogue:
    """The causes that may be named on a ledger, and for how long after the end."""

    causes: Mapping[str, RootCause] = field(default_factory=dict)
    days: int = 14
    """Days after its end within which a case's cause is asked for, and can be named."""

    @staticmethod
    def of(causes: Iterable[RootCause], days: int = 14) -> "CauseCatalogue":
        """Of two with one code the later counts: a house words a cause in its own way."""
        return CauseCatalogue({cause.code: cause for cause in causes}, days)

    def require(self, code: str, note: str) -> RootCause:
        """Raises UnknownCause, CauseNeedsNote."""
        if code not in self.causes:
            raise UnknownCause(code, tuple(self.causes))
        if code == OTHER and not note.strip():
            raise CauseNeedsNote(code)
        return self.causes[code]

    def require_in_time(self, case: str, ended_at: datetime, now: datetime) -> None:
        """Raises TooLateForCause."""
        if now > self.until(ended_at):
            raise TooLateForCause(case, self.until(ended_at).isoformat(), self.days)

    def until(self, ended_at: datetime) -> datetime:
        return ended_at + timedelta(days=self.days)
