"""Reads of the register for the API: pages by key, never by offset."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import product
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, FromClause, Row, Select, exists, or_, select, tuple_, union
from sqlalchemy.sql.elements import ColumnElement

from service.database import Database
from service.refusals import CursorUnreadable
from service.register import group_holder, read_events, read_parts, read_request
from service.searching import find
from service.tables import case_parts, case_waits, case_words, cases, decisions, task_holders, tasks
from workflows.domain.approval import Group
from workflows.domain.case import Actor, CaseEvent, TaskAction, TaskKind
from workflows.domain.digest import Json
from workflows.domain.errors import UnknownRequest, UnknownTask
from workflows.domain.request import FINAL_STATES, CaseState, UncloseRequest

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    items: tuple[T, ...]
    next: str | None
    """Cursor of the next page; none on the last."""


@dataclass(frozen=True)
class Slice:
    """Which part of a list is wanted."""

    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True)
class CaseHead:
    """A case as lists show it."""

    request: UncloseRequest
    state: CaseState
    digest: str | None
    risk: str | None
    waiting_for: tuple[str, ...]
    clock_a_ms: int | None
    clock_b_ms: int | None
    updated_at: datetime
    last_seq: int
    """Number of its newest event; none of what is shown changes without one."""


@dataclass(frozen=True)
class CaseFilter:
    states: tuple[CaseState, ...] = ()
    ledger: str | None = None
    applicant: str | None = None
    waiting_for: str | None = None
    words: str | None = None


@dataclass(frozen=True)
class Viewer:
    """Who looks, and by ledger for whom they stand in now (委托)."""

    actor: Actor
    principals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def stood_in_for(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        """Ledgers with the persons one stands in for there."""
        return ((ledger, persons) for ledger, persons in self.principals.items() if persons)

    def stands_in_for(self, ledger: str) -> tuple[str, ...]:
        return self.principals.get(ledger, ())


@dataclass(frozen=True)
class DecisionView:
    """One person's consent or refusal, void or not."""

    seq: int
    kind: str
    task: str
    level: int | None
    name: str | None
    group: str
    person: str
    on_behalf_of: str | None
    answer: str
    digest: str
    comment: str
    at: datetime
    void: bool


@dataclass(frozen=True)
class TaskView:
    """A task with what a person must see to act on it."""

    id: str
    case: CaseHead
    kind: TaskKind
    name: str
    groups: tuple[Group, ...]
    persons: tuple[str, ...]
    actions: tuple[TaskAction, ...]
    digest: str | None
    opened_at: datetime
    due: datetime | None
    expires: datetime | None
    cc: tuple[str, ...]
    is_open: bool
    outcome: str | None
    closed_by: str | None
    closed_at: datetime | None
    plan: Json
    findings: Json
    drift: Json
    attention: Json
    """What stopped the case; for tasks of kind `attention` only."""
    rehearsal: Json
    """What the rehearsal has shown; for tasks of kind `authorisation` only."""
    instruction: Json
    """What the runbook says, in both languages; for tasks of kind `guided_step` only."""
    undeclared: Json
    """What was changed without having been declared; for tasks of an explanation only."""
    explanation: Json
    """Who has explained it, and how; for the same."""
    extension: Json
    """What is asked for; for tasks of a longer correction window only."""
    signers: tuple[str, ...]
    """Who has given this kind of consent to the case so far; consents that are void do not count."""

    def actions_for(self, viewer: Viewer) -> tuple[TaskAction, ...]:
        """What this person may do. The workflow has the last word."""
        if not self.is_open:
            return ()
        if self._may_act(viewer):
            return self.actions
        is_mine = viewer.actor.person == self.case.request.applicant
        return tuple(a for a in self.actions if a == TaskAction.COMMENT) if is_mine else ()

    def acting_for(self, viewer: Viewer) -> tuple[str, ...]:
        """Those among the persons asked for whom the viewer stands in."""
        return tuple(p for p in viewer.stands_in_for(self.case.request.ledger) if p in self.persons)

    def _may_act(self, viewer: Viewer) -> bool:
        actor = viewer.actor
        if self.kind == TaskKind.GUIDED_STEP and actor.person == self.case.request.applicant:
            return False
        if self.kind in (TaskKind.APPROVAL, TaskKind.AUTHORISATION) and (
            actor.person == self.case.request.applicant or actor.person in self.signers
        ):
            return False
        request = self.case.request
        is_own = actor.person in (request.applicant, *request.correctors)
        if is_own and (self.kind == TaskKind.ATTENTION or self.name == _EXTENSION):
            return False
        if self.persons:
            return actor.person in self.persons or bool(self.acting_for(viewer))
        return bool(set(self.groups) & set(actor.groups))


@dataclass(frozen=True)
class TaskFilter:
    mine: Viewer | None = None
    is_open: bool | None = None
    kind: TaskKind | None = None
    case: str | None = None


@dataclass(frozen=True)
class News:
    """Events of a case after a certain one, and whether more can come."""

    events: tuple[CaseEvent, ...]
    is_final: bool


class Reader:
    """Everything the API reads from the register."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ping(self) -> None:
        """Raises StorageUnavailable if the database does not answer or has no tables."""
        await self._database.read(lambda connection: connection.scalar(select(cases.c.id).limit(1)))

    async def case(self, case: str) -> CaseHead:
        """Raises UnknownRequest."""
        return await self._database.read(partial(_read_case, case=case))

    async def cases(self, wanted: CaseFilter, part: Slice) -> Page[CaseHead]:
        return await self._database.read(partial(_page_of_cases, wanted=wanted, part=part))

    async def parts(self, case: str) -> dict[str, Json]:
        """Raises UnknownRequest."""
        return await self._database.read(partial(_read_parts_of, case=case))

    async def decisions(self, case: str) -> tuple[DecisionView, ...]:
        """Every decision of a case, in the order they were made."""
        return await self._database.read(partial(_read_decisions, case=case))

    async def news(self, case: str, after: int = 0) -> News:
        """Raises UnknownRequest."""
        return await self._database.read(partial(_read_news, case=case, after=after))

    async def task(self, task: str) -> TaskView:
        """Raises UnknownTask."""
        return await self._database.read(partial(_read_task, task=task))

    async def tasks(self, wanted: TaskFilter, part: Slice) -> Page[TaskView]:
        return await self._database.read(partial(_page_of_tasks, wanted=wanted, part=part))


# --------------------------------------------------------------------------- cases

_HEAD = (
    cases.c.id,
    cases.c.request,
    cases.c.state,
    cases.c.digest,
    cases.c.risk,
    cases.c.waiting_for,
    cases.c.clock_a_ms,
    cases.c.clock_b_ms,
    cases.c.created_at,
    cases.c.updated_at,
    cases.c.last_seq,
)


def _head(row: Any) -> CaseHead:  # Any: a row with at least the columns of _HEAD
    return CaseHead(
        request=read_request(row.request),
        state=CaseState(row.state),
        digest=row.digest,
        risk=row.risk,
        waiting_for=tuple(row.waiting_for),
        clock_a_ms=row.clock_a_ms,
        clock_b_ms=row.clock_b_ms,
        updated_at=row.updated_at,
        last_seq=row.last_seq,
    )


def _read_case(connection: Connection, case: str) -> CaseHead:
    row = connection.execute(select(*_HEAD).where(cases.c.id == case)).one_or_none()
    if row is None:
        raise UnknownRequest(case)
    return _head(row)


def _page_of_cases(connection: Connection, wanted: CaseFilter, part: Slice) -> Page[CaseHead]:
    if wanted.words is not None:
        return _page_of_found(connection, wanted, wanted.words, part)
    ways = [_way_to_waiting(wanted)] if wanted.waiting_for is not None else list(_ways_to_cases(wanted))
    rows = _newest_of(connection, ways, select(*_HEAD), cases.c.id, part)
    return page_of([_head(row) for row in rows], [(row.created_at, row.id) for row in rows], part)


def _way_to_waiting(wanted: CaseFilter) -> "_Way":
    # The time repeated in the side table lets one index filter and order the page.
    side = case_waits.join(cases, cases.c.id == case_waits.c.case_id)
    chosen = (case_waits.c.who == wanted.waiting_for, *_conditions(wanted, wanted.states))
    return _Way(side, case_waits.c.created_at, case_waits.c.case_id, chosen)


def _ways_to_cases(wanted: CaseFilter) -> "Iterable[_Way]":
    each: list[tuple[CaseState, ...]] = [(state,) for state in wanted.states]
    for states in each or [()]:
        yield _Way(cases, cases.c.created_at, cases.c.id, tuple(_conditions(wanted, states)))


def _conditions(wanted: CaseFilter, states: tuple[CaseState, ...]) -> Iterable[ColumnElement[bool]]:
    if len(states) == 1:
        yield cases.c.state == states[0]
    elif states:
        yield cases.c.state.in_(states)
    if wanted.ledger is not None:
        # There are few ledgers and many applicants: with both, the index of the applicant is the one to take.
        narrow = wanted.applicant is None
        yield (cases.c.ledger if narrow else cases.c.ledger.concat("")) == wanted.ledger
    if wanted.applicant is not None:
        yield cases.c.applicant == wanted.applicant


def _page_of_found(connection: Connection, wanted: CaseFilter, said: str, part: Slice) -> Page[CaseHead]:
    """Cases in which the words occur, in the order in which they came on record."""
    found = find(connection, said)
    if found is None:
        return Page((), None)
    chosen = select(found.position.label("n"), *_HEAD)
    chosen = chosen.select_from(found.side.join(cases, case_words.c.case_id == cases.c.id))
    chosen = chosen.where(found.match, *_conditions(wanted, wanted.states))
    if wanted.waiting_for is not None:
        waits = (case_waits.c.case_id == cases.c.id) & (case_waits.c.who == wanted.waiting_for)
        chosen = chosen.where(exists().where(waits))
    if part.cursor is not None:
        chosen = chosen.where(found.position < count_of(part.cursor))
    rows = connection.execute(chosen.order_by(found.position.desc()).limit(part.limit + 1)).all()
    more = counted(rows[part.limit - 1].n) if len(rows) > part.limit else None
    return Page(tuple(_head(row) for row in rows[: part.limit]), more)


def _read_parts_of(connection: Connection, case: str) -> dict[str, Json]:
    parts = read_parts(connection, case)
    if not parts:
        _read_case(connection, case)
    return parts


def _read_decisions(connection: Connection, case: str) -> tuple[DecisionView, ...]:
    wanted = select(decisions).where(decisions.c.case_id == case).order_by(decisions.c.seq)
    rows = connection.execute(wanted).mappings()
    return tuple(
        DecisionView(**{name: value for name, value in row.items() if name != "case_id"}) for row in rows
    )


def _read_news(connection: Connection, case: str, after: int) -> News:
    row = connection.execute(select(cases.c.last_seq, cases.c.state).where(cases.c.id == case)).one_or_none()
    if row is None:
        raise UnknownRequest(case)
    events = read_events(connection, case, after) if row.last_seq > after else ()
    return News(events, CaseState(row.state) in FINAL_STATES)


# --------------------------------------------------------------------------- tasks

_TASK = (
    *(column for column in tasks.c if column.name not in ("state", "digest")),
    tasks.c.state.label("task_state"),
    tasks.c.digest.label("task_digest"),
    *(column for column in _HEAD if column.name != "id"),
)


def _select_tasks() -> Select[Any]:
    return select(*_TASK).join_from(tasks, cases, tasks.c.case_id == cases.c.id)


def _read_task(connection: Connection, task: str) -> TaskView:
    rows = connection.execute(_select_tasks().where(tasks.c.id == task)).all()
    if not rows:
        raise UnknownTask(task)
    return _task_views(connection, rows)[0]


def _page_of_tasks(connection: Connection, wanted: TaskFilter, part: Slice) -> Page[TaskView]:
    rows = _newest_of(connection, list(_ways_to_tasks(wanted)), _select_tasks(), tasks.c.id, part)
    views = _task_views(connection, rows)
    return page_of(views, [(row.opened_at, row.id) for row in rows], part)


def _ways_to_tasks(wanted: TaskFilter) -> "Iterable[_Way]":
    states = {None: ("open", "closed"), True: ("open",), False: ("closed",)}[wanted.is_open]
    if wanted.case is not None:
        of_case = (tasks.c.case_id == wanted.case, tasks.c.state.in_(states), *_task_conditions(wanted))
        yield _Way(tasks, tasks.c.opened_at, tasks.c.id, of_case)
    elif wanted.mine is not None:
        side = task_holders.join(tasks, tasks.c.id == task_holders.c.task_id)
        for holder, state in product(_holders(wanted.mine.actor), states):
            held = (task_holders.c.holder == holder, task_holders.c.state == state, *_kind(wanted))
            yield _Way(side, task_holders.c.opened_at, task_holders.c.task_id, held)
        yield from _ways_of_stand_in(wanted, states)
    elif wanted.is_open is None and wanted.kind is None:
        yield _Way(tasks, tasks.c.opened_at, tasks.c.id, ())
    else:
        for state in states:
            yield _Way(tasks, tasks.c.opened_at, tasks.c.id, (tasks.c.state == state, *_kind(wanted)))


def _ways_of_stand_in(wanted: TaskFilter, states: tuple[str, ...]) -> "Iterable[_Way]":
    """The tasks of those for whom one stands in, each on the ledgers where one does."""
    assert wanted.mine is not None, "somebody's inbox is asked for"
    side = task_holders.join(tasks, tasks.c.id == task_holders.c.task_id)
    side = side.join(cases, cases.c.id == tasks.c.case_id)
    for ledger, persons in wanted.mine.stood_in_for():
        for person, state in product(persons, states):
            held = (task_holders.c.holder == person, task_holders.c.state == state, *_kind(wanted))
            where = (*held, cases.c.ledger == ledger)
            yield _Way(side, task_holders.c.opened_at, task_holders.c.task_id, where)


def _kind(wanted: TaskFilter) -> Iterable[ColumnElement[bool]]:
    if wanted.kind is not None:
        yield tasks.c.kind == wanted.kind


def _holders(actor: Actor) -> tuple[str, ...]:
    """The names under which this person may hold a task."""
    return (actor.person, *(group_holder(group) for group in actor.groups))


def _task_conditions(wanted: TaskFilter) -> Iterable[ColumnElement[bool]]:
    yield from _kind(wanted)
    if wanted.mine is not None:
        yield _is_mine(wanted.mine)


def _is_mine(viewer: Viewer) -> ColumnElement[bool]:
    holder = task_holders.c.holder
    for_others = (
        (cases.c.ledger == ledger) & holder.in_(persons) for ledger, persons in viewer.stood_in_for()
    )
    mine = or_(holder.in_(_holders(viewer.actor)), *for_others)
    # The case is the one of the task: only a stand-in's rights depend on it.
    found = task_holders.join(tasks, tasks.c.id == task_holders.c.task_id).join(cases)
    return tasks.c.id.in_(select(task_holders.c.task_id).select_from(found).where(mine))


def _task_views(connection: Connection, rows: Sequence[Row[Any]]) -> list[TaskView]:
    about = {row.case_id for row in rows}
    own = {_own_part(row) for row in rows if row.kind == TaskKind.GUIDED_STEP or row.name == _EXTENSION}
    told, signers = _read_told(connection, about, own), _read_signers(connection, about)
    return [_task_view(row, told, signers.get((row.case_id, row.kind), ())) for row in rows]


_ALWAYS_TOLD = ("plan", "findings", "drift", "attention", "rehearsal", "undeclared", "explanation")


def _own_part(row: Any) -> str:  # Any: a row of _TASK
    """Under which name is kept what belongs to this task alone: an instruction, a longer window."""
    return str(row.id).removeprefix(f"{row.case_id}-")


def _read_told(connection: Connection, about: set[str], own: Iterable[str]) -> dict[tuple[str, str], Json]:
    """By case and name: the parts of a case that a person must see before acting."""
    wanted = select(case_parts.c.case_id, case_parts.c.name, case_parts.c.value)
    shown = case_parts.c.name.in_((*_ALWAYS_TOLD, *own))
    rows = connection.execute(wanted.where(case_parts.c.case_id.in_(about), shown))
    return {(row.case_id, row.name): row.value for row in rows}


def _read_signers(connection: Connection, about: set[str]) -> dict[tuple[str, str], tuple[str, ...]]:
    """By case and kind: who has approved may still be one of the two who authorise (design §5.5)."""
    wanted = select(decisions.c.case_id, decisions.c.kind, decisions.c.person).distinct()
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in connection.execute(wanted.where(decisions.c.case_id.in_(about), decisions.c.void.is_(False))):
        key = (row.case_id, row.kind)
        found[key] = (*found.get(key, ()), row.person)
    return found


def _task_view(
    row: Any,  # Any: a row of _TASK
    told: Mapping[tuple[str, str], Json],
    signers: tuple[str, ...],
) -> TaskView:
    return TaskView(
        id=row.id,
        case=_head(row),
        kind=TaskKind(row.kind),
        name=row.name,
        groups=tuple(Group(group) for group in row.groups),
        persons=tuple(row.persons),
        actions=tuple(TaskAction(action) for action in row.actions),
        digest=row.task_digest,
        opened_at=row.opened_at,
        due=row.due,
        expires=row.expires,
        cc=tuple(row.cc),
        is_open=row.task_state == "open",
        outcome=row.outcome,
        closed_by=row.closed_by,
        closed_at=row.closed_at,
        plan=told.get((row.case_id, "plan")),
        findings=told.get((row.case_id, "findings")),
        drift=told.get((row.case_id, "drift")),
        attention=told.get((row.case_id, "attention")) if row.kind == TaskKind.ATTENTION else None,
        rehearsal=told.get((row.case_id, "rehearsal")) if row.kind == TaskKind.AUTHORISATION else None,
        instruction=(told.get((row.case_id, _own_part(row))) if row.kind == TaskKind.GUIDED_STEP else None),
        undeclared=told.get((row.case_id, "undeclared")) if row.name in _EXPLAINING else None,
        explanation=told.get((row.case_id, "explanation")) if row.name in _EXPLAINING else None,
        extension=told.get((row.case_id, _own_part(row))) if row.name == _EXTENSION else None,
        # A longer window is another matter than the case: whoever has approved that may decide this.
        signers=() if row.name == _EXTENSION else signers,
    )


_EXTENSION = "extension"
"""The task that asks for a longer correction window."""

_EXPLAINING = ("explanation", "explanation_review")
"""Tasks about changes that nobody had declared."""


# --------------------------------------------------------------------------- pages


def newest_first(
    connection: Connection,
    chosen: Select[Any],
    at: ColumnElement[datetime],
    key: ColumnElement[str],
    part: Slice,
) -> Sequence[Row[Any]]:
    """One row more than wanted, so that it is known whether a next page exists."""
    if part.cursor is not None:
        chosen = chosen.where(tuple_(at, key) < tuple_(*_position(part.cursor)))
    return connection.execute(chosen.order_by(at.desc(), key.desc()).limit(part.limit + 1)).all()


@dataclass(frozen=True)
class _Way:
    """One range of one index that holds part of a page in its order."""

    side: FromClause
    at: ColumnElement[datetime]
    key: ColumnElement[str]
    where: tuple[ColumnElement[bool], ...]

    def newest(self, part: Slice) -> Select[datetime, str]:
        """One more than wanted, so that it is known whether a next page exists."""
        found = select(self.at.label("at"), self.key.label("key")).select_from(self.side).where(*self.where)
        if part.cursor is not None:
            found = found.where(tuple_(self.at, self.key) < tuple_(*_position(part.cursor)))
        return found.order_by(self.at.desc(), self.key.desc()).limit(part.limit + 1)


def _newest_of(
    connection: Connection,
    ways: Sequence[_Way],
    chosen: Select[Any],
    key: ColumnElement[str],
    part: Slice,
) -> Sequence[Row[Any]]:
    """The page out of the newest of each way: none is read further than a page, however much there is."""
    found = [way.newest(part).subquery() for way in ways]
    page = union(*(select(each.c.at, each.c.key) for each in found)).subquery() if found[1:] else found[0]
    rows = chosen.join(page, page.c.key == key).order_by(page.c.at.desc(), page.c.key.desc())
    return connection.execute(rows.limit(part.limit + 1)).all()


def page_of(items: Sequence[T], positions: Sequence[tuple[datetime, str]], part: Slice) -> Page[T]:
    has_more = len(items) > part.limit
    cursor = _cursor(*positions[part.limit - 1]) if has_more else None
    return Page(tuple(items[: part.limit]), cursor)


def _cursor(at: datetime, key: str) -> str:
    return _encoded(f"{at.isoformat()} {key}")


def _encoded(position: str) -> str:
    return base64.urlsafe_b64encode(position.encode()).decode()


def _decoded(cursor: str) -> str:
    """Raises CursorUnreadable."""
    try:
        return base64.urlsafe_b64decode(cursor.encode()).decode()
    except ValueError:
        raise CursorUnreadable from None


def _position(cursor: str) -> tuple[datetime, str]:
    """Raises CursorUnreadable for anything but a cursor given out before."""
    at, _, key = _decoded(cursor).partition(" ")
    try:
        moment = datetime.fromisoformat(at)
        moment.astimezone()
    except (ValueError, OverflowError):
        raise CursorUnreadable from None
    if moment.tzinfo is None:
        raise CursorUnreadable
    return moment, key


def counted(n: int) -> str:
    """A cursor that says where a list goes on that is counted."""
    return _encoded(str(n))


def count_of(cursor: str) -> int:
    """Raises CursorUnreadable for anything but a cursor of a counted list."""
    position = _decoded(cursor)
    if not re.fullmatch(r"[0-9]{1,18}", position):
        raise CursorUnreadable
    return int(position)
