"""How a case asks for its steps: where they run, and how what is not yet recorded rides along."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias, TypedDict, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.types import MethodAsyncSingleParam

from workflows.case_log import CaseLog
from workflows.domain.errors import EventsDiverged
from workflows.ledger_steps import COMPARE
from workflows.steps import (
    COPY,
    QUEUEING,
    RECORD,
    TOUCH,
    TOUCH_AT_SITE,
    CaseSteps,
    LedgerSteps,
    Order,
    Reading,
    ledger_queue,
)

O = TypeVar("O", bound=Order)  # noqa: E741  # the order
A = TypeVar("A")
"""The answer."""
Step: TypeAlias = MethodAsyncSingleParam[Any, O, A]  # Any: the class that owns the contract


class Address(TypedDict):
    """What every order starts with."""

    case: str
    ledger: str


class Errands:
    """Asks for steps in the name of one case."""

    def __init__(self, log: CaseLog, ledger: str) -> None:
        self.log, self.ledger = log, ledger
        self._site = ledger_queue(ledger)
        self.at_site = False
        """Whether the ledger's steps run on its own queue; known once the case is received."""

    @property
    def address(self) -> Address:
        return {"case": self.log.case, "ledger": self.ledger}

    def on_copy(self, ledger: str) -> "Errands":
        """The same case's errands on a copy of its ledger, which lies where the ledger's own steps run."""
        errands = Errands(self.log, ledger)
        errands.at_site, errands._site = self.at_site, self._site
        return errands

    async def record(self, step: Step[O, A], order: O) -> A:
        """A step on the register, beside the workflow."""
        return await self._beside(step, order, RECORD)

    async def touch(self, step: Step[O, A], order: O) -> A:
        """A step on the ledger: beside the workflow, or by the site worker of the ledger."""
        if not self.at_site:
            return await self._beside(step, order, TOUCH)
        await self.publish()
        how = _at(self._site, TOUCH_AT_SITE)
        return await workflow.execute_activity_method(step, order, **how)

    async def copy(self, step: Step[O, A], order: O, how: workflow.ActivityConfig = COPY) -> A:
        """A step on the ledger that is long as a rule. The state is published before it starts."""
        await self.publish()
        at = _at(self._site, how) if self.at_site else how
        return await workflow.execute_activity_method(step, order, **at)

    async def compare(self, step: Step[O, A], order: O) -> A:
        """A long reading step that looks into backups as well. The state is published before it starts."""
        await self.publish()
        how = _at(ledger_queue(self.ledger), COMPARE) if self.at_site else COMPARE
        return await workflow.execute_activity_method(step, order, **how)

    async def ask(self, step: Step[O, A], order: O) -> A:
        """A question beside the workflow, outside the case's own order: it carries nothing to be recorded.

        What people do is handled while the case itself goes on, and one change must not be told by two.
        """
        return await workflow.execute_local_activity_method(step, order, **RECORD)

    async def read_now(self) -> Reading:
        """Read the close state for somebody's act, outside the case's own order, as `ask` does."""
        order = Order(**self.address)
        if not self.at_site:
            return await workflow.execute_local_activity_method(LedgerSteps.read, order, **TOUCH)
        how = _at(ledger_queue(self.ledger), TOUCH_AT_SITE)
        return await workflow.execute_activity_method(LedgerSteps.read, order, **how)

    def watch(self, step: Step[O, A], order: O) -> workflow.ActivityHandle[A]:
        """Start waiting for something to happen in the ledger; the caller races it against people."""
        how = _at(ledger_queue(self.ledger), QUEUEING) if self.at_site else QUEUEING
        return workflow.start_activity_method(step, order, **how)

    def queue_up(self, step: Step[O, A], order: O) -> workflow.ActivityHandle[A]:
        """Start waiting for another case to end; the caller races it against people."""
        return workflow.start_activity_method(step, order, **QUEUEING)

    async def make_durable(self) -> None:
        """End this workflow task, so that nothing before this line is ever done again.

        Steps beside the workflow are repeated together when a worker dies within their task. That is
        harmless as long as the case holds what they need; so this stands before anything is let go.
        """
        await workflow.sleep(timedelta(milliseconds=1))

    async def publish(self) -> None:
        """Tell the register all that it does not know, if there is anything."""
        if self.log.change() is not None:
            await self.record(CaseSteps.publish, Order(**self.address))

    async def _beside(self, step: Step[O, A], order: O, how: workflow.LocalActivityConfig) -> A:
        while True:
            change = self.log.change()
            try:
                answer = await workflow.execute_local_activity_method(
                    step, replace(order, change=change), **how
                )
            except ApplicationError as failure:
                # A step beside the workflow fails with its own error, not wrapped in an ActivityError.
                if not self._resumed(failure):
                    raise
            else:
                self.log.confirm(change)
                return answer

    def _resumed(self, failure: ApplicationError) -> bool:
        """Whether the register has another tale of what a dead worker did, and ours goes on after it."""
        if failure.type != EventsDiverged.__name__:
            return False
        facts = failure.details[0]
        self.log.resume_after(int(facts["first"]), int(facts["last"]))
        return True


def _at(queue: str, how: workflow.ActivityConfig) -> workflow.ActivityConfig:
    return {**how, "task_queue": queue}
