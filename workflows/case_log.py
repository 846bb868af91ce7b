"""What a case has to tell: state, events, tasks and parts, until the register has taken them."""

from dataclasses import replace
from datetime import datetime

from temporalio import workflow

from workflows.domain.case import SYSTEM, Actor, CaseChange, CaseEvent, EventKind, Task, TaskClosing
from workflows.domain.digest import Json, to_json
from workflows.domain.request import CaseState, Clocks, UncloseRequest, advance


class CaseLog:
    """Numbers the events of one case, and hands out what has not been recorded yet."""

    def __init__(self, request: UncloseRequest) -> None:
        self.case = request.id
        self.state = CaseState.RECEIVED
        self.waiting_for: tuple[str, ...] = ()
        self.clocks = Clocks()
        self.recorded = 0
        """Number of the last event the register is known to have."""
        self._seq = 0
        self._events: list[CaseEvent] = []
        self._opened: list[Task] = []
        self._open_tasks: set[str] = set()
        self._updated: dict[str, Task] = {}
        self._request: UncloseRequest | None = None
        self._closed: list[TaskClosing] = []
        self._parts: dict[str, Json] = {}
        self.clocks.spend(self.state, request.accepted_at)

    def enter(self, state: CaseState, **data: Json) -> None:
        """Move to another state. Raises IllegalTransition if the life cycle does not allow it."""
        before, self.state = self.state, advance(self.state, state)
        self.clocks.spend(before, workflow.now())
        self.waiting_for = ()
        self.tell(EventKind.STATE_CHANGED, {"from": before, "to": state, **data})

    def tell(self, kind: EventKind, data: dict[str, Json], actor: Actor = SYSTEM) -> int:
        """Append one event and give back its number."""
        self._seq += 1
        plain = to_json(data)
        assert isinstance(plain, dict)
        now = workflow.now()
        self._events.append(CaseEvent(self._seq, now, actor.person, actor.on_behalf_of, kind, plain))
        return self._seq

    def learn(self, **parts: object) -> None:
        """Keep a part of the case that has become known; it rides with the next event."""
        self._parts.update({name: to_json(value) for name, value in parts.items()})

    def open_task(self, task: Task) -> None:
        self._opened.append(task)
        self._open_tasks.add(task.id)
        asked: dict[str, Json] = {
            "task": task.id,
            "waiting_for": list(self.waiting_for),
            "persons": list(task.persons),
            "due": task.due.isoformat() if task.due else None,
            "expires": task.expires.isoformat() if task.expires else None,
            "cc": list(task.cc),
        }
        self.tell(EventKind.ASKED, asked)

    def update_task(self, task: Task) -> None:
        """An open task asks other people than before; what is not told yet is told as it is now."""
        if any(opened.id == task.id for opened in self._opened):
            self._opened = [task if opened.id == task.id else opened for opened in self._opened]
        elif task.id in self._open_tasks:
            self._updated[task.id] = task

    def ask_for(self, request: UncloseRequest) -> None:
        """From now on the case asks for this."""
        self._request = request

    def close_task(self, task: Task, outcome: str, actor: Actor = SYSTEM) -> None:
        self._open_tasks.discard(task.id)
        self._updated.pop(task.id, None)
        self._closed.append(TaskClosing(task.id, outcome, actor.person, workflow.now()))

    def book(self, for_people: bool = False) -> None:
        """Book the time so far to the clock that runs: people may be waited for in any state."""
        self.clocks.spend(self.state, workflow.now(), for_people)

    def verified_open(self, at: datetime) -> None:
        """Clock A ends, clock B starts."""
        self.clocks.spend(self.state, at)
        self.clocks.opened_at = at

    def verified_closed(self, at: datetime) -> None:
        """Clock B ends."""
        self.clocks.spend(self.state, at)
        self.clocks.closed_at = at

    @property
    def has_news(self) -> bool:
        return bool(self._events)

    def change(self) -> CaseChange | None:
        """All that the register has not confirmed; none if it knows everything."""
        if not self._events:
            return None
        return CaseChange(
            case=self.case,
            state=self.state,
            events=tuple(self._events),
            waiting_for=self.waiting_for,
            opened=tuple(self._opened),
            closed=tuple(self._closed),
            updated=tuple(self._updated.values()),
            request=self._request,
            parts={**self._parts, "clocks": self._clocks()},
        )

    def confirm(self, change: CaseChange | None) -> None:
        """The register has taken this change; what was told meanwhile stays to be told."""
        if change is None:
            return
        self.recorded = max(self.recorded, change.events[-1].seq)
        self._events = [event for event in self._events if event.seq > self.recorded]
        self._opened = self._opened[len(change.opened) :]
        self._closed = self._closed[len(change.closed) :]
        self._updated = {k: task for k, task in self._updated.items() if task not in change.updated}
        self._request = None if self._request == change.request else self._request
        self._parts = {k: v for k, v in self._parts.items() if change.parts.get(k) != v}

    def resume_after(self, first: int, last: int) -> None:
        """Tell from event `first` on anew, under the numbers after `last` (see EventsDiverged)."""
        again = [event for event in self._events if event.seq >= first]
        self.recorded, self._seq, self._events = last, last, []
        open_tasks: list[Json] = [*sorted(self._open_tasks)]
        self.tell(EventKind.RESUMED, {"told_otherwise_from": first, "open_tasks": open_tasks})
        for event in again:
            self._seq += 1
            self._events.append(replace(event, seq=self._seq))

    def _clocks(self) -> Json:
        clocks = self.clocks
        a_human, a_machine = _milliseconds(clocks.a_human), _milliseconds(clocks.a_machine)
        b_human, b_machine = _milliseconds(clocks.b_human), _milliseconds(clocks.b_machine)
        return {
            "a_ms": None if clocks.opened_at is None else a_human + a_machine,
            "a_human_ms": a_human,
            "a_machine_ms": a_machine,
            "b_ms": None if clocks.closed_at is None else b_human + b_machine,
            "b_human_ms": b_human,
            "b_machine_ms": b_machine,
        }


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
