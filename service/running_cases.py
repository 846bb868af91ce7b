"""Whether cases run, asked of Temporal."""

from collections.abc import Callable
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from workflows.domain.case import workflow_id
from workflows.domain.errors import WorkflowUnavailable

_PATIENCE = timedelta(seconds=10)


class TemporalRunningCases:
    """Implements `RunningCases` of `activities/lease_watching.py`. No answer is not a no."""

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client

    async def is_running(self, case: str) -> bool:
        try:
            seen = await self._client().get_workflow_handle(workflow_id(case)).describe(rpc_timeout=_PATIENCE)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return False
            raise WorkflowUnavailable(error.status.name.lower().replace("_", " ")) from error
        except RuntimeError as error:
            raise WorkflowUnavailable("not connected") from error
        return seen.status == WorkflowExecutionStatus.RUNNING
