"""Standing tasks in the register: opened by periodic work, shown in the one inbox, closed by a person."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from service.admin_log import AdminEvent, note
from service.database import Database, insert_new
from service.queries import Page, Slice, TaskFilter, newest_first, page_of
from service.standing_tables import standing_tasks
from service.told_rows import rows_told
from workflows.domain.approval import Group
from workflows.domain.case import Actor, TaskAction, TaskKind
from workflows.domain.digest import Json, to_json
from workflows.domain.errors import ActIncomplete, NotAnOperator, StandingTaskClosed, UnknownTask
from workflows.domain.standing import StandingTask

_COLUMNS = standing_tasks.c


@dataclass(frozen=True)
class StandingView:
    """A standing task as the inbox shows it."""

    id: str
    kind: TaskKind
    code: str
    owner: Group
    ledger: str | None
    facts: dict[str, Json]
    raised_by: str
    opened_at: datetime
    is_open: bool
    outcome: str | None
    closed_by: str | None
    closed_at: datetime | None

    def actions_for(self, actor: Actor) -> tuple[TaskAction, ...]:
        """What this person may do: whoever it was given to closes it."""
        return (TaskAction.CLOSE,) if self.is_open and self.owner in actor.groups else ()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class StandingTasks:
    """One call is one transaction."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._now = database, now

    async def page(self, wanted: TaskFilter, part: Slice) -> Page[StandingView]:
        """Newest first. Raises CursorUnreadable."""
        return await self._database.read(partial(_page, wanted=wanted, part=part))

    async def find(self, task: str) -> StandingView:
        """Raises UnknownTask."""
        return await self._database.read(partial(_find, task=task))

    async def close(self, task: str, by: Actor, comment: str) -> StandingView:
        """Close it, with what was found or done. Closing what this person has closed so changes nothing.

        Raises:
            UnknownTask, StandingTaskClosed, NotAnOperator, ActIncomplete: there is no comment.
        """
        close = partial(_close, task=task, by=by, comment=comment, at=self._now())
        return await self._database.write(close)

    async def bring_in_line(
        self, prefix: str, found: Iterable[StandingTask], by: Actor
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Open what is found and not open yet, close what is open and not found any more.

        Only tasks whose subject begins with the prefix are closed. The answer: ids opened, ids closed.
        """
        work = partial(bring_in_line, prefix=prefix, found=tuple(found), by=by, at=self._now())
        return await self._database.write(work)


def is_standing(task: str) -> bool:
    """Whether an id is that of a standing task; case numbers begin otherwise."""
    return task.startswith("ST-")


def open_tasks(
    connection: Connection, found: Iterable[StandingTask], by: Actor, at: datetime
) -> tuple[str, ...]:
    """Open those whose subject has no open task, each on record; the others tell what is found now."""
    opened = []
    for task in found:
        is_open = (_COLUMNS.subject == task.subject) & (_COLUMNS.state == "open")
        there = connection.execute(select(_COLUMNS.id, _COLUMNS.facts).where(is_open)).one_or_none()
        was_raised = select(_COLUMNS.id).where(_COLUMNS.id == task.id)
        if there is not None:
            if there.facts != to_json(task.facts):
                connection.execute(update(standing_tasks).where(is_open).values(facts=task.facts))
                _note(connection, by, AdminEvent.STANDING_TASK_CHANGED, there.id, {"facts": task.facts}, at)
        elif connection.scalar(was_raised) is None:
            connection.execute(insert_new(connection, standing_tasks), _row(task, at))
            data: dict[str, Json] = {"code": task.code, "owner": task.owner, "facts": task.facts}
            _note(connection, by, AdminEvent.STANDING_TASK_OPENED, task.id, data, at)
            opened.append(task.id)
    return tuple(opened)


def _note(
    connection: Connection, by: Actor, kind: AdminEvent, task: str, data: dict[str, Json], at: datetime
) -> None:
    note(
        connection, by, kind, task, {**data, **rows_told(connection, standing_tasks, _COLUMNS.id == task)}, at
    )


def close_subject(connection: Connection, subject: str, outcome: str, by: Actor, at: datetime) -> None:
    """What was asked about this subject has been answered elsewhere."""
    mine = (_COLUMNS.subject == subject) & (_COLUMNS.state == "open")
    for task in connection.scalars(select(_COLUMNS.id).where(mine)).all():
        _shut(connection, task, outcome, by, at)


def _row(task: StandingTask, at: datetime) -> dict[str, Any]:  # Any: a row to be written, column by column
    return {
        "id": task.id,
        "subject": task.subject,
        "raised_by": task.raised_by,
        "kind": task.kind,
        "code": task.code,
        "owner": task.owner,
        "ledger": task.ledger,
        "facts": task.facts,
        "opened_at": at,
        "state": "open",
    }


def bring_in_line(
    connection: Connection, prefix: str, found: tuple[StandingTask, ...], by: Actor, at: datetime
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """As the method, as part of another transaction."""
    opened = open_tasks(connection, found, by, at)
    still = {task.subject for task in found}
    mine = (_COLUMNS.state == "open") & _COLUMNS.subject.startswith(prefix, autoescape=True)
    rows = connection.execute(select(_COLUMNS.id, _COLUMNS.subject).where(mine)).all()
    gone = tuple(row.id for row in rows if row.subject not in still)
    for task in gone:
        _shut(connection, task, "not found any more", by, at)
    return opened, gone


def _shut(connection: Connection, task: str, outcome: str, by: Actor, at: datetime) -> None:
    values = {"state": "closed", "outcome": outcome, "closed_by": by.person, "closed_at": at}
    connection.execute(update(standing_tasks).where(_COLUMNS.id == task).values(values))
    _note(connection, by, AdminEvent.STANDING_TASK_CLOSED, task, {"outcome": outcome}, at)


def _find(connection: Connection, task: str) -> StandingView:
    row = connection.execute(select(standing_tasks).where(_COLUMNS.id == task)).one_or_none()
    if row is None:
        raise UnknownTask(task)
    return _view(row)


def _close(connection: Connection, task: str, by: Actor, comment: str, at: datetime) -> StandingView:
    view = _find(connection, task)
    if view.owner not in by.groups:
        raise NotAnOperator(by.person, (view.owner,))
    if not comment:
        raise ActIncomplete(TaskAction.CLOSE, "comment")
    if not view.is_open:
        if (view.closed_by, view.outcome) == (by.person, comment):
            return view
        raise StandingTaskClosed(task, view.closed_by or "")
    _shut(connection, task, comment, by, at)
    return _find(connection, task)


def _page(connection: Connection, wanted: TaskFilter, part: Slice) -> Page[StandingView]:
    if wanted.case is not None:
        return Page((), None)
    chosen: Select[Any] = select(standing_tasks)  # Any: the columns of the table
    if wanted.is_open is not None:
        chosen = chosen.where(_COLUMNS.state == ("open" if wanted.is_open else "closed"))
    if wanted.kind is not None:
        chosen = chosen.where(_COLUMNS.kind == wanted.kind)
    if wanted.mine is not None:
        chosen = chosen.where(_COLUMNS.owner.in_(wanted.mine.actor.groups))
    rows = newest_first(connection, chosen, _COLUMNS.opened_at, _COLUMNS.id, part)
    return page_of([_view(row) for row in rows], [(row.opened_at, row.id) for row in rows], part)


def _view(row: Row[Any]) -> StandingView:  # Any: as typed by the columns of the table
    return StandingView(
        id=row.id,
        kind=TaskKind(row.kind),
        code=row.code,
        owner=Group(row.owner),
        ledger=row.ledger,
        facts=row.facts,
        raised_by=row.raised_by,
        opened_at=row.opened_at,
        is_open=row.state == "open",
        outcome=row.outcome,
        closed_by=row.closed_by,
        closed_at=row.closed_at,
    )
