"""The register on SQL: appends what happened, keeps its projections, and hands out the leases."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeAlias

from pydantic import TypeAdapter
from sqlalchemy import BindParameter, ColumnElement, Connection, Row, bindparam, delete, func, select, update

from activities.recording import CaseFile
from service.archive_row import put_away
from service.attachment_rows import keep_attachment
from service.database import Database, insert, insert_new, insert_or_replace
from service.imprints import imprint_change, imprint_request
from service.outbox import write_outbox
from service.searching import spaced
from service.tables import (
    case_events,
    case_parts,
    case_waits,
    case_words,
    cases,
    decisions,
    leases,
    task_holders,
    tasks,
)
from workflows.domain.case import CaseChange, CaseEvent, EventKind, Task, TaskClosing
from workflows.domain.digest import Json, sha256, to_json
from workflows.domain.errors import EventsDiverged, UnknownRequest
from workflows.domain.period import Period
from workflows.domain.request import FINAL_STATES, CaseState, UncloseRequest
from workflows.steps import Lease

Values = dict[str, Any]  # Any: a row to be written, column by column
CaseHead: TypeAlias = Row[Any, Any, Any, Any, Any]  # Any: as typed by the columns it is read from

_REQUEST = TypeAdapter(UncloseRequest)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlRegister:
    """Implements `Register` of `activities/recording.py`. One call is one transaction."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database = database
        self._now = now

    async def receive(self, request: UncloseRequest) -> None:
        await self._database.write(partial(receive, request=request))

    async def record(self, change: CaseChange) -> None:
        await self._database.write(partial(record, change=change))

    async def take_lease(self, ledger: str, case: str) -> Lease:
        return await self._database.write(partial(_take_lease, ledger=ledger, case=case, at=self._now()))

    async def release_lease(self, ledger: str, case: str) -> None:
        await self._database.write(partial(_release_lease, ledger=ledger, case=case))

    async def lease(self, ledger: str) -> Lease:
        return await self._database.read(partial(read_lease, ledger=ledger))

    async def case_file(self, case: str) -> CaseFile:
        return await self._database.read(partial(read_case_file, case=case))


def receive(connection: Connection, request: UncloseRequest) -> None:
    """`SqlRegister.receive` within a transaction of the caller's."""
    connection.execute(insert_new(connection, cases), _case_row(request))
    words = {"case_id": request.id, "spaced": spaced(_words(request))}
    connection.execute(insert_new(connection, case_words), words)
    imprint_request(connection, request, CaseState.RECEIVED)


def record(connection: Connection, change: CaseChange) -> None:
    """`SqlRegister.record` within a transaction of the caller's."""
    case = _lock_case(connection, change.case)
    _require_same_tale(connection, change, case.last_seq)
    news = (event for event in change.events if event.seq > case.last_seq)
    fresh, head = _chained(case.head_digest, news)
    if fresh:
        _append(connection, change, fresh)
        write_outbox(connection, change.case, fresh)
        _bring_up_to_date(connection, change, fresh[-1], head, case)
        _hand_out_tasks(connection, change)
        _project(connection, change.case, fresh)
        imprint_change(connection, change, fresh, head)
        if change.state in FINAL_STATES:
            put_away(connection, change.case)


def _take_lease(connection: Connection, ledger: str, case: str, at: datetime) -> Lease:
    first = insert(connection, leases).values(ledger=ledger, holder=case, fence=1, taken_at=at)
    again = {"holder": case, "fence": leases.c.fence + 1, "taken_at": at}
    free = leases.c.holder.is_(None)
    connection.execute(first.on_conflict_do_update(index_elements=["ledger"], set_=again, where=free))
    return read_lease(connection, ledger)


def _release_lease(connection: Connection, ledger: str, case: str) -> None:
    held = (leases.c.ledger == ledger) & (leases.c.holder == case)
    connection.execute(update(leases).where(held).values(holder=None, taken_at=None))


def read_case_file(connection: Connection, case: str) -> CaseFile:
    """`SqlRegister.case_file` within a transaction of the caller's."""
    request = connection.scalar(select(cases.c.request).where(cases.c.id == case))
    if request is None:
        raise UnknownRequest(case)
    return CaseFile(
        request=read_request(request),
        events=read_events(connection, case),
        tasks=_task_documents(connection, case),
        parts=read_parts(connection, case),
    )


def read_events(connection: Connection, case: str, after: int = 0) -> tuple[CaseEvent, ...]:
    """The events of a case in order, from the one after the given number."""
    wanted = select(case_events).where(case_events.c.case_id == case, case_events.c.seq > after)
    rows = connection.execute(wanted.order_by(case_events.c.seq))
    return tuple(as_event(row) for row in rows)


def as_event(row: Row[Any]) -> CaseEvent:  # Any: as typed by the columns of the table
    kind = EventKind(row.kind)
    return CaseEvent(row.seq, row.at, row.actor, row.on_behalf_of, kind, row.data, row.digest_of_previous)


def read_parts(connection: Connection, case: str) -> dict[str, Json]:
    rows = connection.execute(
        select(case_parts.c.name, case_parts.c.value).where(case_parts.c.case_id == case)
    )
    return {row.name: row.value for row in rows}


def _task_documents(connection: Connection, case: str) -> tuple[dict[str, Json], ...]:
    wanted = select(tasks).where(tasks.c.case_id == case).order_by(tasks.c.opened_at, tasks.c.id)
    rows = (connection.execute(wanted)).mappings()
    return tuple({name: to_json(value) for name, value in row.items()} for row in rows)


def read_lease(connection: Connection, ledger: str) -> Lease:
    row = connection.execute(_LEASE, {"which": ledger}).one_or_none()
    return Lease(None, 0) if row is None else Lease(row.holder, row.fence)


_LEASE = select(leases.c.holder, leases.c.fence).where(leases.c.ledger == bindparam("which"))


# --------------------------------------------------------------------------- writing


def request_document(request: UncloseRequest) -> dict[str, Json]:
    """The request as the register keeps it."""
    document = to_json(request)
    assert isinstance(document, dict)
    return document


def read_request(document: Mapping[str, Any]) -> UncloseRequest:  # Any: JSON
    return _REQUEST.validate_python({**document, "target_period": Period.parse(document["target_period"])})


def _case_row(request: UncloseRequest) -> Values:
    return {
        "id": request.id,
        "ledger": request.ledger,
        "applicant": request.applicant,
        **_asked(request),
        "state": CaseState.RECEIVED,
        "waiting_for": [],
        "last_seq": 0,
        # The chain begins with the case itself, so that no event can be passed off as another case's.
        "head_digest": sha256(request.id),
        "created_at": request.accepted_at,
        "updated_at": request.accepted_at,
    }


def _asked(request: UncloseRequest) -> Values:
    """The columns that tell what is asked for; a resubmission changes them."""
    return {
        "target_period": str(request.target_period),
        "request": request_document(request),
    }


def _ask_for(connection: Connection, case: str, request: UncloseRequest) -> None:
    """A resubmission changes what is asked for, and what the case is found by."""
    connection.execute(update(cases).where(cases.c.id == case).values(_asked(request)))
    words = update(case_words).where(case_words.c.case_id == case)
    connection.execute(words.values(spaced=spaced(_words(request))))


def _words(request: UncloseRequest) -> str:
    scope = (word for item in request.scope for word in (item.document, item.note))
    said = (request.id, request.ledger, request.applicant, request.reason, request.external_ref or "", *scope)
    return "\n".join((*said, str(request.target_period), request.reason_code, *request.correctors))


def _lock_case(connection: Connection, case: str) -> CaseHead:
    row = connection.execute(_CASE_HEAD, {"which": case}).one_or_none()
    if row is None:
        raise UnknownRequest(case)
    return row


_CASE_HEAD = (
    select(cases.c.last_seq, cases.c.head_digest, cases.c.ledger, cases.c.waiting_for, cases.c.created_at)
    .where(cases.c.id == bindparam("which"))
    .with_for_update()
)


def _require_same_tale(connection: Connection, change: CaseChange, last: int) -> None:
    """What comes again must say what stands on record. Raises EventsDiverged."""
    again = [event for event in change.events if event.seq <= last]
    if not again:
        return
    recorded = {event.seq: event for event in read_events(connection, change.case, again[0].seq - 1)}
    for event in again:
        if not event.tells_the_same_as(recorded[event.seq]):
            raise EventsDiverged(change.case, event.seq, last)


def _chained(head: str, events: Iterable[CaseEvent]) -> tuple[tuple[CaseEvent, ...], str]:
    """The events with the digest of the one before each, and the digest of the last (design §9)."""
    chained: list[CaseEvent] = []
    for event in events:
        chained.append(replace(event, digest_of_previous=head))
        head = chained[-1].digest
    return tuple(chained), head


def _append(connection: Connection, change: CaseChange, fresh: Sequence[CaseEvent]) -> None:
    connection.execute(case_events.insert(), [_event_row(change.case, event) for event in fresh])


def _event_row(case: str, event: CaseEvent) -> Values:
    return {
        "case_id": case,
        "seq": event.seq,
        "at": event.at,
        "actor": event.actor,
        "on_behalf_of": event.on_behalf_of,
        "kind": event.kind,
        "data": event.data,
        "digest_of_previous": event.digest_of_previous,
    }


def _bring_up_to_date(
    connection: Connection, change: CaseChange, last: CaseEvent, head: str, case: CaseHead
) -> None:
    clocks = change.parts.get("clocks")
    running = clocks if isinstance(clocks, dict) else {}
    connection.execute(
        _UPDATE_CASE,
        {
            "which": change.case,
            "new_state": change.state,
            "new_waiting_for": list(change.waiting_for),
            "new_last_seq": last.seq,
            "new_head_digest": head,
            "new_updated_at": last.at,
            "new_digest": change.parts.get("digest"),
            "new_risk": change.parts.get("risk"),
            "new_clock_a_ms": running.get("a_ms"),
            "new_clock_b_ms": running.get("b_ms"),
        },
    )
    if change.request is not None:
        _ask_for(connection, change.case, change.request)
    if change.parts:
        _keep_parts(connection, change)
    if list(change.waiting_for) != case.waiting_for:
        _keep_waits(connection, change, case.created_at)


def _new(name: str) -> BindParameter[Any]:
    return bindparam(f"new_{name}", type_=cases.c[name].type)


_UPDATE_CASE = (
    update(cases)
    .where(cases.c.id == bindparam("which"))
    .values(
        {name: _new(name) for name in ("state", "waiting_for", "last_seq", "head_digest", "updated_at")}
        # What a change does not tell stays as it is.
        | {
            name: func.coalesce(_new(name), cases.c[name])
            for name in ("digest", "risk", "clock_a_ms", "clock_b_ms")
        }
    )
)


def _keep_parts(connection: Connection, change: CaseChange) -> None:
    rows = [{"case_id": change.case, "name": name, "value": value} for name, value in change.parts.items()]
    connection.execute(insert_or_replace(connection, case_parts), rows)


def _keep_waits(connection: Connection, change: CaseChange, created_at: datetime) -> None:
    connection.execute(_DELETE_WAITS, {"which": change.case})
    rows = [
        {"case_id": change.case, "who": who, "created_at": created_at}
        for who in dict.fromkeys(change.waiting_for)
    ]
    if rows:
        connection.execute(case_waits.insert(), rows)


_DELETE_WAITS = delete(case_waits).where(case_waits.c.case_id == bindparam("which"))


def _hand_out_tasks(connection: Connection, change: CaseChange) -> None:
    if change.opened:
        rows = [_task_row(change.case, task) for task in change.opened]
        # A task told anew after a worker died is open again, whatever became of it in the lost tale. It may
        # be told later than that the case has resumed: then it has been closed as lost in the meantime.
        resumed = any(event.kind == EventKind.RESUMED for event in change.events)
        told_anew = resumed or _was_lost(connection, change.opened)
        keep = insert_or_replace if told_anew else insert_new
        connection.execute(keep(connection, tasks), rows)
        holders = [row for task in change.opened for row in _holder_rows(task)]
        # Told anew, a task is open again for each of its holders as well.
        connection.execute(keep(connection, task_holders), holders)
    for task in change.updated:
        _update_task(connection, task)
    if change.closed:
        connection.execute(_CLOSE_TASK, [_closing_row(closing) for closing in change.closed])
        connection.execute(_CLOSE_HOLDERS, [{"task": closing.id} for closing in change.closed])


def _was_lost(connection: Connection, opened: Sequence[Task]) -> bool:
    """Whether any of these was closed because only a dead worker had told of it."""
    those = tasks.c.id.in_([task.id for task in opened])
    return connection.scalar(select(tasks.c.id).where(those, tasks.c.outcome == _VOID).limit(1)) is not None


def _update_task(connection: Connection, task: Task) -> None:
    """Other people are asked than before."""
    said = {"persons": list(task.persons), "due": task.due, "expires": task.expires}
    is_open = (tasks.c.id == task.id, tasks.c.state == "open")
    if connection.execute(update(tasks).where(*is_open).values(said)).rowcount == 0:
        return
    connection.execute(delete(task_holders).where(task_holders.c.task_id == task.id))
    connection.execute(task_holders.insert(), list(_holder_rows(task)))


_VOID = "void"
"""Outcome of a task that only a dead worker had told of."""


def _void_lost_tale(connection: Connection, case: str, event: CaseEvent) -> None:
    """What only a dead worker told binds nobody: its tasks are closed, its decisions void."""
    still_open = event.data["open_tasks"]
    assert isinstance(still_open, list)
    lost = (tasks.c.case_id == case) & (tasks.c.state == "open") & tasks.c.id.not_in(still_open)
    closing = {"state": "closed", "outcome": _VOID, "closed_by": event.actor, "closed_at": event.at}
    connection.execute(
        update(task_holders)
        .where(task_holders.c.task_id.in_(select(tasks.c.id).where(lost)))
        .values(state="closed")
    )
    connection.execute(update(tasks).where(lost).values(closing))
    since = decisions.c.seq.between(event.data["told_otherwise_from"], event.seq)
    connection.execute(update(decisions).where(decisions.c.case_id == case, since).values(void=True))


_CLOSE_TASK = (
    update(tasks)
    .where(tasks.c.id == bindparam("task"), tasks.c.state == "open")
    .values(
        state="closed",
        outcome=bindparam("its_outcome"),
        closed_by=bindparam("by"),
        closed_at=bindparam("at"),
    )
)


_CLOSE_HOLDERS = (
    update(task_holders).where(task_holders.c.task_id == bindparam("task")).values(state="closed")
)


def _closing_row(closing: TaskClosing) -> Values:
    return {"task": closing.id, "its_outcome": closing.outcome, "by": closing.by, "at": closing.at}


def _task_row(case: str, task: Task) -> Values:
    return {
        "id": task.id,
        "case_id": case,
        "kind": task.kind,
        "name": task.name,
        "groups": list(task.groups),
        "persons": list(task.persons),
        "actions": list(task.actions),
        "digest": task.digest,
        "opened_at": task.opened_at,
        "due": task.due,
        "expires": task.expires,
        "cc": list(task.cc),
        "state": "open",
    }


def group_holder(group: str) -> str:
    """How a whole group is named among the holders of a task."""
    return f"group:{group}"


def _holder_rows(task: Task) -> Iterable[Values]:
    # Named persons stand for their groups: who joined the group later was not pinned.
    holders = task.persons or tuple(group_holder(group) for group in task.groups)
    shared = {"task_id": task.id, "state": "open", "opened_at": task.opened_at}
    return ({**shared, "holder": holder} for holder in dict.fromkeys(holders))


# --------------------------------------------------------------------------- projections


def _project(connection: Connection, case: str, fresh: Sequence[CaseEvent]) -> None:
    for event in fresh:
        if event.kind == EventKind.RESUMED:
            _void_lost_tale(connection, case, event)
        elif event.kind == EventKind.DECISIONS_VOID:
            connection.execute(update(decisions).where(*_undone(case, event)).values(void=True))
        elif event.kind == EventKind.CONFIRMATION_LAPSED:
            connection.execute(update(decisions).where(*_lapsed(case, event)).values(void=True))
        elif event.kind in (EventKind.DECIDED, EventKind.CONFIRMED):
            connection.execute(decisions.insert(), _decision_row(case, event))
        elif event.kind == EventKind.ATTACHED:
            keep_attachment(connection, case, event)


def _undone(case: str, event: CaseEvent) -> list[ColumnElement[bool]]:
    """The decisions that an event makes void: those of some levels, or all."""
    given = [decisions.c.case_id == case, decisions.c.seq < event.seq]
    levels = event.data.get("levels")
    return [*given, decisions.c.level.in_(levels)] if isinstance(levels, list) else given


def _lapsed(case: str, event: CaseEvent) -> list[ColumnElement[bool]]:
    """The confirmations that have grown too old and must be given again."""
    persons = event.data["persons"]
    assert isinstance(persons, list)
    given = [decisions.c.case_id == case, decisions.c.seq < event.seq]
    return [*given, decisions.c.kind == "authorisation", decisions.c.person.in_(persons)]


def _decision_row(case: str, event: CaseEvent) -> Values:
    is_approval = event.kind == EventKind.DECIDED
    said = event.data
    return {
        "case_id": case,
        "seq": event.seq,
        "kind": "approval" if is_approval else "authorisation",
        "task": said["task"],
        "level": said.get("level"),
        "name": said.get("name"),
        "person": event.actor,
        "on_behalf_of": event.on_behalf_of,
        "group": said["group"],
        "answer": said["answer"] if is_approval else "authorise",
        "digest": said["digest"],
        "comment": said.get("comment") or "",
        "at": event.at,
        "void": False,
    }
