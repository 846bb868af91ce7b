"""The step that says what a person is to do in the ERP."""

from typing import Protocol

from temporalio import activity
from typing_extensions import override

from workflows.domain.runbook import Runbook, runbook_for
from workflows.ledger_steps import GuidingSteps, Instructions, InstructOrder


class Runbooks(Protocol):
    """The runbooks of the configured ledgers."""

    def runbook(self, ledger: str) -> Runbook:
        """The runbook in force. Raises UnknownLedger."""


class GuidingActivities(GuidingSteps):
    """Reads the runbook that is configured for the ledger."""

    def __init__(self, runbooks: Runbooks) -> None:
        self.runbooks = runbooks

    @override
    @activity.defn
    async def instruct(self, order: InstructOrder) -> Instructions:
        runbook = self.runbooks.runbook(order.ledger)
        zh, en = (runbook_for(runbook, order.step, language, order.calendar) for language in ("zh", "en"))
        return Instructions(zh, en)
