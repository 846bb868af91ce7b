"""Starts work on backups and tells how it went."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from typing_extensions import override

from workflows.backup_work import BackupWork, BackupWorkDone, BackupWorkflow
from workflows.domain.errors import UnknownBackupWork, WorkflowUnavailable
from workflows.steps import WORKFLOW_QUEUE

_PATIENCE = timedelta(seconds=10)


class WorkState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True)
class WorkNow:
    """How far a piece of work is, and what came of it."""

    state: WorkState
    done: BackupWorkDone | None = None
    error: str | None = None
    """Class of the domain error that it was refused with."""
    says: str = ""


class BackupWorks(Protocol):
    """Each call may raise WorkflowUnavailable."""

    async def start(self, name: str, work: BackupWork) -> None:
        """Start it under this name. Starting it again is fine."""

    async def look(self, name: str) -> WorkNow:
        """Raises UnknownBackupWork."""


class TemporalBackupWorks(BackupWorks):
    def __init__(self, client: Client) -> None:
        self._client = client

    @override
    async def start(self, name: str, work: BackupWork) -> None:
        try:
            await self._client.start_workflow(
                BackupWorkflow.run,
                work,
                id=_workflow_id(name),
                task_queue=WORKFLOW_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                rpc_timeout=_PATIENCE,
                static_summary=f"backups of {work.ledger}",
            )
        except WorkflowAlreadyStartedError:
            return
        except (RPCError, RuntimeError) as error:
            raise _unavailable(error) from error

    @override
    async def look(self, name: str) -> WorkNow:
        handle = self._client.get_workflow_handle_for(BackupWorkflow.run, _workflow_id(name))
        try:
            seen = await handle.describe(rpc_timeout=_PATIENCE)
            if seen.status == WorkflowExecutionStatus.RUNNING:
                return WorkNow(WorkState.RUNNING)
            return WorkNow(WorkState.DONE, await handle.result(rpc_timeout=_PATIENCE))
        except WorkflowFailureError as failure:
            return _refused(failure)
        except (RPCError, RuntimeError) as error:
            if isinstance(error, RPCError) and error.status == RPCStatusCode.NOT_FOUND:
                raise UnknownBackupWork(name) from error
            raise _unavailable(error) from error


def _workflow_id(name: str) -> str:
    return f"backup-work/{name}"


def _refused(failure: WorkflowFailureError) -> WorkNow:
    cause: BaseException | None = failure.cause
    if isinstance(cause, ActivityError):
        cause = cause.cause
    if isinstance(cause, ApplicationError):
        return WorkNow(WorkState.REFUSED, None, cause.type, cause.message)
    return WorkNow(WorkState.REFUSED, None, None, str(cause))


def _unavailable(error: Exception) -> WorkflowUnavailable:
    status = error.status.name if isinstance(error, RPCError) else "not connected"
    return WorkflowUnavailable(status.lower().replace("_", " "))
