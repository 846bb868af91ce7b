"""Findings that two persons have decided to go on over, each exactly as they saw it (design §4)."""

from collections.abc import Callable

from workflows.domain.digest import Json, sha256
from workflows.domain.errors import UncloseError


class Skips:
    """Lets a finding stop the case, unless it is one that was skipped.

    Only what neither holds the ledger open nor leaves a pointer unproven may be asked here: going on must be
    safe and the record of it true. What is found the second time must be what was skipped, to the byte.
    """

    def __init__(self) -> None:
        self.offered: dict[str, Json] | None = None
        """What has stopped the stage, if it may be skipped."""
        self._skipped: set[str] = set()

    def begin(self) -> None:
        """A stage begins, or begins again: nothing stands in its way yet."""
        self.offered = None

    def decide(self) -> dict[str, Json]:
        """Two persons want to go on over what is offered. Returns it, for the record."""
        assert self.offered is not None, "it was offered"
        self._skipped.add(sha256(self.offered))
        return self.offered

    def require(self, check: Callable[[], None], seen: str) -> None:
        """Make a check whose finding may be skipped; `seen` is the digest of what it looks at.

        Raises:
            UncloseError: what the check raises, unless exactly that was skipped.
        """
        try:
            check()
        except UncloseError as finding:
            if not self.has(finding, seen):
                raise self.offering(finding, seen) from None

    def has(self, finding: UncloseError, seen: str) -> bool:
        """Whether exactly this was skipped."""
        return sha256(_described(finding, seen)) in self._skipped

    def offering(self, finding: UncloseError, seen: str) -> UncloseError:
        """The finding, to be raised: the stage stops over it, and it may be skipped."""
        self.offered = _described(finding, seen)
        return finding


def _described(finding: UncloseError, seen: str) -> dict[str, Json]:
    return {
        "error": type(finding).__name__,
        "says": str(finding),
        "facts": dict(finding.facts),
        "seen": seen,
    }
