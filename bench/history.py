"""What a finished workflow's history tells: its size, its messages, and the activities between them."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHandle

_BESIDE = "core_local_activity"
"""How the SDK names the marker of a local activity."""


@dataclass(frozen=True)
class Past:
    """One finished workflow."""

    events: tuple[HistoryEvent, ...]
    transitions: int

    @property
    def pauses(self) -> list[int]:
        """How many local activities came before each message, and after the last one."""
        counts = [0]
        for event in self.events:
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
                counts.append(0)
            elif _is_beside(event):
                counts[-1] += 1
        return counts

    @property
    def workflow_tasks(self) -> int:
        return self._count(EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED)

    @property
    def timed_out(self) -> int:
        """Workflow tasks that were not done in time, and so done again."""
        return self._count(EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)

    @property
    def beside(self) -> Counter[str]:
        """Local activities by name."""
        return Counter(_name(event) for event in self.events if _is_beside(event))

    def remote_seconds(self, name: str) -> list[float]:
        """From scheduled to completed, of every remote activity of this name."""
        return [
            end.event_time.ToNanoseconds() / 1e9 - begin.event_time.ToNanoseconds() / 1e9
            for begin, end in self._remote()
            if begin.activity_task_scheduled_event_attributes.activity_type.name == name
        ]

    def _count(self, kind: EventType.ValueType) -> int:
        return sum(event.event_type == kind for event in self.events)

    def _remote(self) -> Iterator[tuple[HistoryEvent, HistoryEvent]]:
        by_id = {event.event_id: event for event in self.events}
        for event in self.events:
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                began = event.activity_task_completed_event_attributes.scheduled_event_id
                yield by_id[began], event


async def past_of(handle: WorkflowHandle[Any, Any]) -> Past:  # Any: whatever workflow it was
    history = await handle.fetch_history()
    described = await handle.describe()
    info = described.raw_description.workflow_execution_info
    return Past(tuple(history.events), info.state_transition_count)


def _is_beside(event: HistoryEvent) -> bool:
    return event.marker_recorded_event_attributes.marker_name == _BESIDE


def _name(event: HistoryEvent) -> str:
    data = event.marker_recorded_event_attributes.details["data"].payloads[0].data
    return str(json.loads(data)["activity_type"])
