"""What the rehearsal of a plan has shown on a copy, and what production must show again (design §8)."""

from collections.abc import Mapping
from dataclasses import dataclass

from workflows.domain.digest import Json
from workflows.domain.errors import PointerMismatch
from workflows.domain.ledger import CloseState, Module, StepMode, Verb
from workflows.domain.period import Period
from workflows.domain.plan import Books, Plan
from workflows.domain.proof import Proof, require_equal


@dataclass(frozen=True)
class Movement:
    """One step as it was done, and where every module stood when it was read back."""

    verb: Verb
    module: Module
    period: Period
    pointers: Mapping[Module, Period]

    def __str__(self) -> str:
        return f"{self.verb} {self.module} {self.period}"


@dataclass(frozen=True)
class Rehearsal:
    """A plan that was carried out whole, un-close and re-close, on a copy of the ledger."""

    backup: str
    """The backup that the copy was made from."""
    movements: tuple[Movement, ...]
    """Every movement in the order in which it was done."""
    opened: Proof
    """The proof once everything was open; production must come to the same."""
    closed: Proof
    """The proof once everything was closed again: that of the backup."""
    restore_milliseconds: int
    """How long making the copy took: what a roll-back would cost."""
    milliseconds: int
    """How long the whole rehearsal took."""

    def require_movement(self, step: str, after: CloseState, was_on_record: bool) -> None:
        """Production's read-back of a step is the rehearsal's.

        A step that was on record already may be read back later: at any later movement of the same verb.

        Raises:
            PointerMismatch: the step was not rehearsed, or the modules stood elsewhere after it.
        """
        verb = step.partition(" ")[0]
        done = [movement for movement in self.movements if movement.verb == verb]
        names = [str(movement) for movement in done]
        if step not in names:
            raise PointerMismatch(step, "a movement that was not rehearsed")
        at = names.index(step)
        allowed = done[at:] if was_on_record else done[at : at + 1]
        if after.pointers() not in [movement.pointers for movement in allowed]:
            raise PointerMismatch(step, "other current periods than in the rehearsal")

    def require_opened(self, seen: Proof) -> None:
        """The opened ledger is what the opened copy was. Raises ProofMismatch."""
        require_equal(self.opened, seen)

    def record(self) -> dict[str, Json]:
        """The rehearsal as it goes on record with the event; its movements are kept apart."""
        return {
            "backup": self.backup,
            "steps": len(self.movements),
            "opened_root": self.opened.root,
            "closed_root": self.closed.root,
            "restore_milliseconds": self.restore_milliseconds,
            "milliseconds": self.milliseconds,
        }


def why_not_rehearsed(plan: Plan, books: Books) -> str | None:
    """Why a plan can be rehearsed on no copy; none if it can (design §8).

    A guided step is done by a person in the client of the ERP, which knows nothing of copies.
    """
    capabilities = books.capabilities
    if not capabilities.can_clone:
        return "no copy of this ledger can be acted on"
    for step in plan.steps:
        for verb in Verb:
            if capabilities.mode(step.module, verb) == StepMode.GUIDED:
                return f"{verb} {step.module} is a guided step"
    return None
