"""The workflow of a form record as Jiandaoyun's API tells it: tasks, and the ways to answer one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""JSON as Jiandaoyun sends it; later versions may add fields, which are not looked at."""

INSTANCE = "v6/workflow/instance/get"
LOGS = "v1/workflow/instance/logs"
_RUNNING = 0
"""`status` of a task that waits for its assignee."""


class Answer(StrEnum):
    """What an assignee may do with a task, by the path that it is done at. Versions differ."""

    APPROVE = "v1/workflow/task/approve"
    REJECT = "v1/workflow/task/reject"
    RETURN = "v2/workflow/task/rollback"


class BackType(IntEnum):
    """`back_type`: what happens after what was returned has been put right."""

    NORMAL = 1
    """Every node from there on is walked again (正常流转)."""
    STRAIGHT = 2
    """Straight back to the node that returned it (直达)."""


class MirrorOutcome(StrEnum):
    """What came of showing a decision to the form's own flow."""

    MIRRORED = "mirrored"
    HANDLED_THERE = "handled_there"
    """The task had been answered in Jiandaoyun before; what was answered there decides nothing here."""
    NO_TASK = "no_task"
    """Nobody's task there waits for this person, and nobody else's is answered in their stead."""
    NO_USER = "no_user"
    """The person has no user name there."""
    NO_NODE = "no_node"
    """It was returned to where no node of the form's flow is named."""
    GONE = "gone"
    """The record, or its flow, is not there any more."""


@dataclass(frozen=True)
class FlowTask:
    """One person's task in the flow of a record."""

    id: str
    assignee: str
    """User name in Jiandaoyun."""
    is_running: bool
    created: str


@dataclass(frozen=True)
class Answered:
    """How one task is to be answered, and as whom: its assignee, for nobody else's task can be."""

    answer: Answer
    record: str
    """Also the id of its workflow instance."""
    task: str
    username: str
    comment: str
    to_node: int | None = None
    back_type: BackType = BackType.NORMAL

    @property
    def body(self) -> dict[str, Json]:
        said: dict[str, Json] = {
            "username": self.username,
            "instance_id": self.record,
            "task_id": self.task,
            "comment": self.comment,
        }
        if self.answer == Answer.RETURN:
            said |= {"flow_id": self.to_node, "back_type": int(self.back_type)}
        return said


def tasks_of(instance: Mapping[str, Json]) -> tuple[FlowTask, ...]:
    """The tasks of an instance, oldest first. One without an assignee is nobody's and left out."""
    found = (_task(task) for task in instance.get("tasks") or ())
    return tuple(sorted((task for task in found if task.assignee), key=lambda task: (task.created, task.id)))


def _task(task: Mapping[str, Json]) -> FlowTask:
    assignee = task.get("assignee") or {}
    name = str(assignee.get("username") or "")
    return FlowTask(
        str(task.get("task_id") or ""),
        name,
        task.get("status") == _RUNNING,
        str(task.get("create_time") or ""),
    )
