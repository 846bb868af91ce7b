"""What Temporal does to a finished case when its retention is over, done at once."""

import asyncio
from pathlib import Path

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from tests.e2e.tree import Tree
from workflows.domain.case import workflow_id


async def forget_workflow(tree: Tree, case: str) -> None:
    """Delete the history of a case, and wait until it is gone."""
    client = await Client.connect(f"127.0.0.1:{_port(tree)}")
    execution = WorkflowExecution(workflow_id=workflow_id(case))
    request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
    await client.workflow_service.delete_workflow_execution(request)
    for _ in range(600):
        if await _is_gone(client, case):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{case} is still in Temporal")


async def _is_gone(client: Client, case: str) -> bool:
    try:
        await client.get_workflow_handle(workflow_id(case)).describe()
    except RPCError as error:
        return error.status == RPCStatusCode.NOT_FOUND
    return False


def _port(tree: Tree) -> str:
    command = Path(f"/proc/{tree.pids()['temporal']}/cmdline").read_bytes().decode().split("\0")
    return command[command.index("--port") + 1]
