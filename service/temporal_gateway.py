"""Starts cases and passes on what people say to them; only this file and `backup_works` call Temporal."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar, get_origin, get_type_hints

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from typing_extensions import override

from workflows.domain.attachments import Attaching
from workflows.domain.case import (
    Act,
    CaseNow,
    CaseOutcome,
    Extension,
    Finish,
    Reminder,
    Resubmission,
    Withdrawal,
    workflow_id,
)
from workflows.domain.errors import UncloseError, UnknownRequest, WorkflowUnavailable, every_error
from workflows.domain.request import UncloseRequest
from workflows.steps import WORKFLOW_QUEUE
from workflows.unclose import UncloseWorkflow

T = TypeVar("T")
CaseHandle = WorkflowHandle[UncloseWorkflow, CaseOutcome]

_PATIENCE = timedelta(seconds=10)
"""How long a caller waits before being told to come back."""
_TASK_TIMEOUT = timedelta(seconds=2)
"""How soon another worker takes over a case from one that has died (design §16)."""
_POLLER_IS_GONE = timedelta(minutes=2)
"""A worker that lives asks for work at least once a minute."""


@dataclass(frozen=True)
class Readiness:
    """What could be reached."""

    temporal: bool
    workers: bool
    """Whether somebody has asked for work on cases lately."""


class Gateway(Protocol):
    """What the service asks of running cases.

    Each call may raise WorkflowUnavailable. Acts raise UnknownRequest for a case that does not run (any
    more), and whatever the case itself refuses with. `update` makes a repeated act the same act.
    """

    async def start(self, request: UncloseRequest) -> None:
        """Start the case. Starting it again is fine."""

    async def has_started(self, case: str) -> bool: ...

    async def act(self, case: str, act: Act, update: str) -> CaseNow: ...

    async def withdraw(self, case: str, withdrawal: Withdrawal, update: str) -> CaseNow: ...

    async def resubmit(self, case: str, resubmission: Resubmission, update: str) -> CaseNow: ...

    async def remind(self, case: str, reminder: Reminder, update: str) -> CaseNow: ...

    async def finish(self, case: str, finish: Finish, update: str) -> CaseNow: ...

    async def extend(self, case: str, extension: Extension, update: str) -> CaseNow: ...

    async def attach(self, case: str, attaching: Attaching, update: str) -> CaseNow: ...

    async def history(self, case: str) -> bytes | None:
        """What the engine remembers of a case that has ended, as JSON; none if it has forgotten it."""

    async def readiness(self) -> Readiness:
        """Never raises."""


class TemporalGateway(Gateway):
    def __init__(self, client: Client, patience: timedelta = _PATIENCE) -> None:
        self._client, self._patience = client, patience

    @override
    async def start(self, request: UncloseRequest) -> None:
        try:
            await self._client.start_workflow(
                UncloseWorkflow.run,
                request,
                id=workflow_id(request.id),
                task_queue=WORKFLOW_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                task_timeout=_TASK_TIMEOUT,
                rpc_timeout=self._patience,
                static_summary=f"{request.ledger} {request.target_period}",
            )
        except WorkflowAlreadyStartedError:
            return
        except _OUT_OF_REACH as error:
            raise _unavailable(error) from error

    @override
    async def has_started(self, case: str) -> bool:
        try:
            await self._handle(case).describe(rpc_timeout=self._patience)
        except _OUT_OF_REACH as error:
            if _is_not_found(error):
                return False
            raise _unavailable(error) from error
        return True

    @override
    async def act(self, case: str, act: Act, update: str) -> CaseNow:
        call = self._handle(case).execute_update(
            UncloseWorkflow.act, act, id=update, rpc_timeout=self._patience
        )
        return await _answer(case, call)

    @override
    async def withdraw(self, case: str, withdrawal: Withdrawal, update: str) -> CaseNow:
        call = self._handle(case).execute_update(
            UncloseWorkflow.withdraw, withdrawal, id=update, rpc_timeout=self._patience
        )
        return await _answer(case, call)

    @override
    async def resubmit(self, case: str, resubmission: Resubmission, update: str) -> CaseNow:
        call = self._handle(case).execute_update(
            UncloseWorkflow.resubmit, resubmission, id=update, rpc_timeout=self._patience
        )
        return await _answer(case, call)

    @override
    async def remind(self, case: str, reminder: Reminder, update: str) -> CaseNow:
        call = self._handle(case).execute_update(
            UncloseWorkflow.remind, reminder, id=update, rpc_timeout=self._patience
        )
        return await _answer(case, call)

    @override
    async def finish(self, case: str, finish: Finish, update: str) -> CaseNow:
        call = self._handle(case).execute_update(
            UncloseWorkflow.finish_corrections, finish, id=update, rpc_timeout=self._patience
        )
        return await _answer(case, call)

    @override
    async def extend(self, case: str, extension: Extension, update: str) -> CaseNow:
        call = self._handle(case).execute_update(
            UncloseWorkflow.extend, extension, id=update, rpc_timeout=self._patience
        )
        return await _answer(case, call)

    @override
    async def attach(self, case: str, attaching: Attaching, update: str) -> CaseNow:
        call = self._handle(case).execute_update(
            UncloseWorkflow.attach, attaching, id=update, rpc_timeout=self._patience
        )
        return await _answer(case, call)

    @override
    async def history(self, case: str) -> bytes | None:
        handle = self._handle(case)
        try:
            # The register knows the end a moment before the engine does.
            await handle.result(rpc_timeout=self._patience)
            return (await handle.fetch_history()).to_json().encode()
        except WorkflowFailureError:
            return (await handle.fetch_history()).to_json().encode()
        except _OUT_OF_REACH as error:
            if _is_not_found(error):
                return None
            raise _unavailable(error) from error

    @override
    async def readiness(self) -> Readiness:
        question = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=WORKFLOW_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            found = await self._client.workflow_service.describe_task_queue(
                question, timeout=timedelta(seconds=2)
            )
        except _OUT_OF_REACH:
            return Readiness(temporal=False, workers=False)
        since = datetime.now(UTC) - _POLLER_IS_GONE
        seen = (poller.last_access_time.ToDatetime(UTC) for poller in found.pollers)
        return Readiness(temporal=True, workers=any(at > since for at in seen))

    def _handle(self, case: str) -> CaseHandle:
        return self._client.get_workflow_handle_for(UncloseWorkflow.run, workflow_id(case))


async def _answer(case: str, call: Awaitable[T]) -> T:
    """The case's answer, its refusal in the domain's own class, or what became of the way to it."""
    try:
        return await call
    except WorkflowUpdateFailedError as error:
        refusal = _refusal(case, error)
        if refusal is None:
            raise
        raise refusal from error
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise WorkflowUnavailable("no worker has answered; the act may still be taken") from error
    except _OUT_OF_REACH as error:
        if _is_not_found(error):
            raise UnknownRequest(case) from error
        raise _unavailable(error) from error


_OUT_OF_REACH = (RPCError, RuntimeError)
"""The latter is what a client says that has never reached Temporal since it was made."""


def _is_not_found(error: Exception) -> bool:
    return isinstance(error, RPCError) and error.status == RPCStatusCode.NOT_FOUND


def _unavailable(error: Exception) -> WorkflowUnavailable:
    status = error.status.name if isinstance(error, RPCError) else "not connected"
    return WorkflowUnavailable(status.lower().replace("_", " "))


_ENDED_MEANWHILE = "AcceptedUpdateCompletedWorkflow"
_BY_NAME = {cls.__name__: cls for cls in every_error()}


def _refusal(case: str, error: WorkflowUpdateFailedError) -> UncloseError | None:
    """The domain error that a case has refused with (`activities/converter.py` tells how it travels)."""
    cause = error.cause
    if not isinstance(cause, ApplicationError):
        return None
    if cause.type == _ENDED_MEANWHILE:
        return UnknownRequest(case)
    if cause.type not in _BY_NAME:
        return None
    facts = cause.details[0] if cause.details else {}
    return _rebuilt(_BY_NAME[cause.type], facts)


def _rebuilt(cls: type[UncloseError], facts: Mapping[str, str]) -> UncloseError:
    kinds = get_type_hints(cls)
    values: dict[str, Any] = {name: _as(kinds[name], text) for name, text in facts.items()}
    return cls(**values)


def _as(kind: object, text: str) -> object:
    if get_origin(kind) is tuple:
        return tuple(text.split(", ")) if text else ()
    return int(text) if kind is int else text
