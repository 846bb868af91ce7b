"""The sandbox that workflow code runs in, without the questions about payloads that nobody needs answered.

Around every payload of a workflow task the SDK asks several times which context it is encoded in, and each
question compiles and runs code inside the sandbox: a quarter of what the worker's event loop did. The context
only matters to a codec or an external storage; while the converter has neither, the answer is none.
"""

from typing import Any

import temporalio.bridge.proto.workflow_activation as activation
import temporalio.bridge.proto.workflow_completion as completion
from temporalio.converter import DataConverter, SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info
from typing_extensions import override

_PASSED_THROUGH = ("workflows",)
"""No module of it keeps anything of a case, so the sandbox need not load them again for every case."""


def sandbox_for(converter: DataConverter) -> WorkflowRunner:
    """What runs workflow code whose values cross by this converter."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH)
    if converter.payload_codec is None and converter.external_storage is None:
        return _ContextFreeSandbox(restrictions=restrictions)
    return SandboxedWorkflowRunner(restrictions=restrictions)


class _ContextFreeSandbox(SandboxedWorkflowRunner):
    @override
    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _ContextFree(super().create_instance(det))


class _ContextFree(WorkflowInstance):
    """One case in its sandbox; only questions about contexts do not reach it."""

    def __init__(self, inside: WorkflowInstance) -> None:
        self._inside = inside

    @override
    def activate(self, act: activation.WorkflowActivation) -> completion.WorkflowActivationCompletion:
        return self._inside.activate(act)

    @override
    def get_info(self) -> Info:
        return self._inside.get_info()

    @override
    def get_thread_id(self) -> int | None:
        return self._inside.get_thread_id()

    @override
    def get_serialization_context(
        self, command_info: Any
    ) -> SerializationContext | None:  # Any: the SDK's own
        return None

    @override
    def get_external_store_context(
        self, command_info: Any
    ) -> StorageDriverStoreContext:  # Any: the SDK's own
        return _NOWHERE


_NOWHERE = StorageDriverStoreContext()
