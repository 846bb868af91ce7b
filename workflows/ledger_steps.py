"""Further contracts on a ledger: where two states of it differ, what a case has changed, what does not hold.

They stand beside `workflows/steps.py` and follow its rules. All of them only read ledgers; what they write is
an artefact of the case under a name of its own, so that writing it again gives the same file.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity, workflow

from workflows.domain.difference import Difference
from workflows.domain.ledger import CloseState, Module
from workflows.domain.location import Located
from workflows.domain.period import FiscalCalendar, Period
from workflows.domain.plan import PlanStep
from workflows.domain.proof import Proof
from workflows.domain.runbook import Instruction
from workflows.steps import COPY, Order, StepReadBack

COMPARE: workflow.ActivityConfig = {**COPY, "schedule_to_close_timeout": timedelta(hours=6)}
"""Comparing with a backup: it is restored to scratch first; heartbeating, begun anew after a crash."""


@dataclass(frozen=True)
class LedgerReference:
    """One state of a ledger: as it is now, or as a backup has kept it."""

    ledger: str
    backup: str | None = None
    """None is the live ledger."""


@dataclass(frozen=True, kw_only=True)
class LocateOrder(Order):
    before: LedgerReference
    after: LedgerReference
    calendar: FiscalCalendar = field(default_factory=FiscalCalendar)


@dataclass(frozen=True, kw_only=True)
class CompareOrder(Order):
    backup: str
    """What the ledger was before: roll-back point B."""
    touched: tuple[tuple[Module, Period], ...]
    """What was opened; anything else is equal by proof."""
    mark: str
    """The place in the ledger's change log from which on every change is a correction."""


@dataclass(frozen=True, kw_only=True)
class ProveDocumentsOrder(Order):
    calendar: FiscalCalendar = field(default_factory=FiscalCalendar)


@dataclass(frozen=True, kw_only=True)
class InstructOrder(Order):
    step: PlanStep
    calendar: FiscalCalendar = field(default_factory=FiscalCalendar)


@dataclass(frozen=True)
class Instructions:
    """What a person is shown at a guided step, in both languages."""

    zh: Instruction
    en: Instruction


@dataclass(frozen=True, kw_only=True)
class MovementOrder(Order):
    state: CloseState
    """How the ledger stands until somebody moves something in it."""


class GuidingSteps:
    """Steps for the person who moves a pointer in the ERP."""

    @activity.defn
    async def await_movement(self, order: MovementOrder) -> StepReadBack:
        """Look now and then until a pointer stands elsewhere. Reads only; heartbeats."""
        raise NotImplementedError

    @activity.defn
    async def instruct(self, order: InstructOrder) -> Instructions:
        """Look up what the runbook of this ledger says about one step. Reads only."""
        raise NotImplementedError


class ComparisonSteps:
    """Steps that say where a ledger differs from what it was."""

    @activity.defn
    async def locate(self, order: LocateOrder) -> Located:
        """Find the rows, of balances and of documents, in which two states of a ledger differ. Reads only.

        Raises:
            BackupUnproven: a backup that is referred to cannot be restored as it was stored.
        """
        raise NotImplementedError

    @activity.defn
    async def compare(self, order: CompareOrder) -> Difference:
        """Tell what a case has changed, and keep the whole as a file. The same case writes the same file.

        Raises:
            BackupUnproven: the backup cannot be restored as it was stored.
        """
        raise NotImplementedError

    @activity.defn
    async def prove_documents(self, order: ProveDocumentsOrder) -> Proof:
        """Compute the proof over the documents of all closed periods. Reads only."""
        raise NotImplementedError
