"""Steps beside the person who moves a pointer in the ERP: say what to do, and notice that it was done."""

import asyncio
from typing import Protocol

from temporalio import activity
from typing_extensions import override

from activities.backup.progress import heartbeats
from activities.ledgers import Ledgers
from workflows.domain.runbook import Runbook, runbook_for
from workflows.ledger_steps import GuidingSteps, Instructions, InstructOrder, MovementOrder
from workflows.steps import StepReadBack

LOOK_AGAIN = 5.0
"""Seconds between the first two looks at a ledger in which a person is at work."""
LOOK_AT_LEAST = 60.0
"""Seconds to which the time between two looks grows."""
GROWTH = 1.5


class Runbooks(Protocol):
    """The runbooks of the configured ledgers."""

    def runbook(self, ledger: str) -> Runbook:
        """The runbook in force. Raises UnknownLedger."""


class GuidingActivities(GuidingSteps):
    """Reads the runbook that is configured for the ledger, and the ledger itself."""

    def __init__(self, runbooks: Runbooks, ledgers: Ledgers, look_again: float = LOOK_AGAIN) -> None:
        self.runbooks, self.ledgers, self.look_again = runbooks, ledgers, look_again

    @override
    @activity.defn
    async def instruct(self, order: InstructOrder) -> Instructions:
        runbook = self.runbooks.runbook(order.ledger)
        zh, en = (runbook_for(runbook, order.step, language, order.calendar) for language in ("zh", "en"))
        return Instructions(zh, en)

    @override
    @activity.defn
    async def await_movement(self, order: MovementOrder) -> StepReadBack:
        connector, pause = self.ledgers.connector(order.ledger), self.look_again
        async with heartbeats():
            while True:
                await asyncio.sleep(pause)
                state = await connector.read_close_state()
                if state.pointers() != order.state.pointers():
                    return StepReadBack(state, was_on_record=False)
                pause = min(pause * GROWTH, LOOK_AT_LEAST)
