"""Workflows of the fake's records: nodes in a line, tasks for assignees, answered as the documents say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from tests.fake_jiandaoyun.company import FakeForm, FakeRefusal, Json, iso, member

RUNNING, DONE = 0, 1
COMPLETED, VETOED = 1, 3


@dataclass(frozen=True)
class FakeNode:
    """A step of a flow: any of its assignees moves it on (或签)."""

    flow_id: int
    name: str
    assignees: tuple[str, ...]
    needs_signature: bool = False


@dataclass
class FakeFlow:
    """The instance of one record. `flow_id` 0 is where the applicant submits."""

    form: FakeForm
    record: str
    nodes: Sequence[FakeNode]
    now: Callable[[], datetime]
    status: int = RUNNING
    result: int | None = None
    tasks: list[Json] = field(default_factory=list)
    logs: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids = count(1)
        self._open(self.nodes[0], "forward")

    def _open(self, node: FakeNode, action: str) -> None:
        for name in node.assignees:
            self.tasks.append(
                {
                    "task_id": f"task-{self.record[-4:]}-{next(self._ids)}",
                    "title": node.name,
                    "flow_id": node.flow_id,
                    "flow_name": node.name,
                    "assignee": member(name),
                    "create_action": action,
                    "create_time": iso(self.now()),
                    "finish_time": None,
                    "finish_action": None,
                    "status": RUNNING,
                }
            )

    def answer(self, action: str, body: Json) -> Json:
        """`forward`, `reject` or `back`, by the assignee of a running task."""
        task = self._task(body)
        node = next(node for node in self.nodes if node.flow_id == task["flow_id"])
        if node.needs_signature:
            raise FakeRefusal(5012, "The handwritten signature is required")
        to = self._target(body, node) if action == "back" else None
        self._close(node, action, task, body)
        if action == "reject":
            self._end(result=0, state=VETOED)
        elif to is not None:
            self._open(to, "back")
        else:
            rest = self.nodes[list(self.nodes).index(node) + 1 :]
            if rest:
                self._open(rest[0], "forward")
            else:
                self._end(result=1, state=COMPLETED)
        return {"status": "success"}

    def _task(self, body: Json) -> Json:
        if self.status != RUNNING:
            raise FakeRefusal(4008, "The flow is closed")
        task = next((one for one in self.tasks if one["task_id"] == body.get("task_id")), None)
        if task is None:
            raise FakeRefusal(50004, "The task does not exist")
        if task["status"] != RUNNING:
            raise FakeRefusal(50051, "The task has been handled")
        if task["assignee"]["username"] != body.get("username"):
            raise FakeRefusal(4015, "Not a candidate")
        return task

    def _target(self, body: Json, node: FakeNode) -> FakeNode:
        if body.get("back_type") not in (1, 2):
            raise FakeRefusal(50082, "back_type is required")
        if body.get("flow_id") == node.flow_id:
            raise FakeRefusal(50041, "The same node")
        to = next((one for one in self.nodes if one.flow_id == body.get("flow_id")), None)
        if to is None:
            raise FakeRefusal(50040, "The return is off")
        return to

    def _close(self, node: FakeNode, action: str, task: Json, body: Json) -> None:
        for one in self.tasks:
            if one["flow_id"] == node.flow_id and one["status"] == RUNNING:
                one |= {"status": DONE, "finish_time": iso(self.now())}
        task["finish_action"] = action
        said = {"comment": body.get("comment", ""), "finish_action": action, "operator": task["assignee"]}
        self.logs.append({"flow_id": node.flow_id, "flow_name": node.name, **said})

    def _end(self, result: int, state: int) -> None:
        self.status, self.result = DONE, result
        self.form.records[self.record] |= {"flowState": state, "updateTime": iso(self.now())}

    def shown(self, with_tasks: bool) -> Json:
        head = {"app_id": self.form.app_id, "form_id": self.form.entry_id, "instance_id": self.record}
        return {
            **head,
            "status": self.status,
            "result": self.result,
            "tasks": self.tasks if with_tasks else [],
        }
