"""Which sandbox workflow code runs in, and what the converter keeps between cases."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec
from temporalio.worker import WorkflowInstance, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from typing_extensions import override

from activities.converter import SharedTypes, data_converter
from service.sandbox import sandbox_for
from workflows.steps import Lease


class Veil(PayloadCodec):
    @override
    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    @override
    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)


def test_the_workflows_run_in_a_sandbox() -> None:
    assert isinstance(sandbox_for(data_converter), SandboxedWorkflowRunner)


def test_a_codec_is_told_what_each_payload_belongs_to() -> None:
    runner: WorkflowRunner = sandbox_for(replace(data_converter, payload_codec=Veil()))
    assert type(runner) is SandboxedWorkflowRunner


def test_every_question_to_a_case_is_passed_on_or_answered() -> None:
    answered = type(sandbox_for(data_converter)).create_instance
    assert answered is not SandboxedWorkflowRunner.create_instance
    assert WorkflowInstance.__abstractmethods__ == {
        "activate",
        "get_external_store_context",
        "get_info",
        "get_serialization_context",
    }


def test_what_is_learnt_of_a_type_is_kept_from_case_to_case() -> None:
    lease = Lease("UC-2025-000001", 7)
    payload = SharedTypes().to_payloads([lease])
    assert SharedTypes().from_payloads(payload, [Lease]) == [lease]
    json, again = (each.converters[b"json/plain"] for each in (SharedTypes(), SharedTypes()))
    assert json is again


async def test_a_value_crosses_and_comes_back() -> None:
    crossed = await data_converter.encode([timedelta(hours=1)])
    assert await data_converter.decode(crossed, [timedelta]) == [timedelta(hours=1)]
