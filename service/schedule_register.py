"""What the register knows of schedules: what people have said of them, and how their runs ended."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, select

from service.admin_log import AdminEvent, note
from service.database import Database, insert_new, insert_or_replace
from service.jobs import TOLD_AFTER, Job
from service.schedule_tables import schedule_runs, schedules
from service.standing_tasks import bring_in_line
from service.timetable_schemas import read_written, written
from workflows.domain.approval import Group
from workflows.domain.case import Actor, TaskKind
from workflows.domain.digest import Json
from workflows.domain.standing import AlarmCode, StandingTask
from workflows.domain.timetable import Timetable
from workflows.periodic_steps import RUN_FAILED, RunRecord

SCHEDULER = Actor("scheduler")
KEPT = 500
"""How many runs of one schedule are remembered."""


@dataclass(frozen=True)
class Wish:
    """What a person has said of a schedule; the one who says nothing wants it as it is configured."""

    paused: bool = False
    timetable: Timetable | None = None
    comment: str = ""
    by: str | None = None
    at: datetime | None = None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ScheduleRegister:
    """One call is one transaction. Implements `RunLog` of `activities/periodic.py`."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._now = database, now

    async def wishes(self) -> dict[str, Wish]:
        """Every schedule that has been made, by name."""
        return await self._database.read(_wishes)

    async def remember(self, name: str) -> None:
        """Note that a schedule has been made; what people have said of it stays."""
        row = _row(name, Wish())
        await self._database.write(lambda c: c.execute(insert_new(c, schedules), row))

    async def put(self, name: str, wish: Wish, by: Actor) -> None:
        """Take what a person says, and put it on record."""
        await self._database.write(partial(_put, name=name, wish=wish, by=by, at=self._now()))

    async def note(self, kind: AdminEvent, name: str, by: Actor, data: dict[str, Json]) -> None:
        """Put an act on a schedule on record."""
        at = self._now()
        await self._database.write(lambda c: note(c, by, kind, name, data, at))

    async def forget(self, name: str, by: Actor) -> None:
        """A schedule that is configured no longer; its runs stay."""
        await self._database.write(partial(_forget, name=name, by=by, at=self._now()))

    async def note_run(self, record: RunRecord) -> None:
        await self._database.write(partial(_note_run, record=record))

    async def runs(self, name: str, limit: int) -> tuple[RunRecord, ...]:
        """How the latest runs of a schedule ended, newest first."""
        return await self._database.read(partial(_runs, name=name, limit=limit))


def _wishes(connection: Connection) -> dict[str, Wish]:
    return {
        row.name: Wish(
            row.paused,
            None if row.timetable is None else read_written(row.timetable),
            row.comment,
            row.changed_by,
            row.changed_at,
        )
        for row in connection.execute(select(schedules))
    }


def _row(name: str, wish: Wish) -> dict[str, Any]:  # Any: a row to be written, column by column
    timetable = wish.timetable and written(wish.timetable).model_dump(mode="json")
    return {
        "name": name,
        "paused": wish.paused,
        "timetable": timetable,
        "comment": wish.comment,
        "changed_by": wish.by,
        "changed_at": wish.at,
    }


def _put(connection: Connection, name: str, wish: Wish, by: Actor, at: datetime) -> None:
    row = {**_row(name, wish), "changed_by": by.person, "changed_at": at}
    connection.execute(insert_or_replace(connection, schedules), row)
    told = {"paused": wish.paused, "timetable": row["timetable"], "comment": wish.comment}
    note(connection, by, AdminEvent.SCHEDULE_CHANGED, name, told, at)


def _forget(connection: Connection, name: str, by: Actor, at: datetime) -> None:
    connection.execute(delete(schedules).where(schedules.c.name == name))
    note(connection, by, AdminEvent.SCHEDULE_REMOVED, name, {}, at)


def _note_run(connection: Connection, record: RunRecord) -> None:
    connection.execute(insert_new(connection, schedule_runs), dict(vars(record)))
    of_it = schedule_runs.c.schedule == record.schedule
    newest = select(schedule_runs.c.ended_at).where(of_it).order_by(schedule_runs.c.ended_at.desc())
    oldest = connection.scalar(newest.offset(KEPT).limit(1))
    if oldest is not None:
        connection.execute(delete(schedule_runs).where(of_it, schedule_runs.c.ended_at <= oldest))
    _tell_of_failures(connection, record)


def _tell_of_failures(connection: Connection, record: RunRecord) -> None:
    """What has failed so often in a row guards nothing any more: somebody must know. It ends with success."""
    job, _, ledger = record.schedule.partition(".")
    many = TOLD_AFTER.get(job, Job.told_after)
    latest = _runs(connection, record.schedule, many)
    failing = len(latest) == many and all(run.outcome == RUN_FAILED for run in latest)
    facts: dict[str, Json] = {"schedule": record.schedule, "says": record.says}
    alarm = StandingTask(
        subject=f"failing/{record.schedule}/",
        raised_by=record.run,
        kind=TaskKind.ATTENTION,
        code=AlarmCode.JOB_FAILING,
        owner=Group.OPERATOR,
        ledger=ledger or None,
        facts=facts,
    )
    if failing or record.outcome != RUN_FAILED:
        bring_in_line(connection, alarm.subject, (alarm,) if failing else (), SCHEDULER, record.ended_at)


def _runs(connection: Connection, name: str, limit: int) -> tuple[RunRecord, ...]:
    chosen = select(schedule_runs).where(schedule_runs.c.schedule == name)
    newest = chosen.order_by(schedule_runs.c.ended_at.desc(), schedule_runs.c.run.desc()).limit(limit)
    return tuple(RunRecord(**row._mapping) for row in connection.execute(newest))
