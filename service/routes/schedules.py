"""Periodic work: when it is due, how it went, pausing it, running it now, making up for missed runs."""

from datetime import datetime
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AfterValidator

from service.admin_log import AdminEvent
from service.dependencies import DoneOnce, Parts, TheActor, TheLanguage, TheParts
from service.problem_answers import responses
from service.refusals import (
    BackfillTooMany,
    BackfillUnordered,
    KeyReused,
    ScheduleRuns,
    ScheduleTooOften,
    UnknownSchedule,
)
from service.schedule_plan import Planned
from service.schedule_register import Wish
from service.schedule_schemas import (
    BackfilledOut,
    BackfillIn,
    RunOut,
    ScheduleDetailOut,
    ScheduleIn,
    ScheduleList,
    ScheduleOut,
    TriggeredOut,
)
from service.schedules import ScheduleNow
from service.schemas import printable
from service.scopes import needs
from service.texts import Language
from service.timetable_schemas import written
from service.user import TokenScope
from service.views import API
from workflows.domain.approval import Group
from workflows.domain.case import Actor
from workflows.domain.digest import Json
from workflows.domain.errors import NotAnOperator, WorkflowUnavailable
from workflows.domain.timetable import Every, Timetable, due_between
from workflows.periodic_steps import RunRecord

router = APIRouter(prefix="/schedules", tags=["schedules"])

PEOPLE = (Group.OPERATOR, Group.ADMIN)
LATEST = 20
MOST_MADE_UP = 100
"""How many runs one call may make up for."""

_NOT_MADE = ScheduleNow(False, "", (), (), 0, 0, 0)

Name = Annotated[str, Path(description="Name of the schedule.", max_length=120), AfterValidator(printable)]


def _require(actor: Actor) -> None:
    if not set(actor.groups) & set(PEOPLE):
        raise NotAnOperator(actor.person, PEOPLE)


def _planned(parts: Parts, name: str) -> Planned:
    planned = parts.schedules.plan().get(name)
    if planned is None:
        raise UnknownSchedule(name)
    return planned


@router.get("", responses=responses(NotAnOperator, WorkflowUnavailable))
async def list_schedules(parts: TheParts, actor: TheActor, language: TheLanguage) -> ScheduleList:
    """Everything that is done at intervals, and how it went last."""
    _require(actor)
    wishes = await parts.schedule_log.wishes()
    items = [
        (await _seen(parts, planned, wishes.get(planned.name, Wish()), language, 1))[0]
        for planned in parts.schedules.plan().values()
    ]
    return ScheduleList(items=items, next=None)


@router.get("/{name}", responses=responses(NotAnOperator, UnknownSchedule, WorkflowUnavailable))
async def read_schedule(
    name: Name, parts: TheParts, actor: TheActor, language: TheLanguage
) -> ScheduleDetailOut:
    """One schedule and its latest runs."""
    _require(actor)
    return await _detail(parts, _planned(parts, name), language)


@router.put(
    "/{name}",
    responses=responses(NotAnOperator, UnknownSchedule, ScheduleTooOften, WorkflowUnavailable),
    openapi_extra=needs(TokenScope.ACT),
)
async def put_schedule(
    name: Name, body: ScheduleIn, parts: TheParts, actor: TheActor, language: TheLanguage
) -> ScheduleDetailOut:
    """Pause it, let it go on, or have it run at other times. A pause stays, whatever is started anew.

    It is on record before Temporal hears of it; if that cannot be reached, ask again.
    """
    _require(actor)
    planned = _planned(parts, name)
    timetable = None if body.timetable is None else _within_limits(planned, body.timetable.read())
    await parts.schedules.put(planned, Wish(body.paused, timetable, body.comment), actor)
    return await _detail(parts, planned, language)


@router.post(
    "/{name}/trigger",
    status_code=202,
    responses=responses(NotAnOperator, UnknownSchedule, ScheduleRuns, KeyReused, WorkflowUnavailable),
)
async def trigger_schedule(name: Name, parts: TheParts, actor: TheActor, once: DoneOnce) -> TriggeredOut:
    """Run it now. Refused if a run is under way; a paused schedule runs once and stays paused."""
    _require(actor)
    planned = _planned(parts, name)

    async def do() -> TriggeredOut:
        await parts.schedules.server.trigger(planned.name)
        await parts.schedule_log.note(AdminEvent.SCHEDULE_TRIGGERED, planned.name, actor, {})
        return TriggeredOut(name=planned.name, links=_links(planned.name))

    return await once.answer(TriggeredOut, do)


@router.post(
    "/{name}/backfill",
    status_code=202,
    responses=responses(
        NotAnOperator, UnknownSchedule, BackfillUnordered, BackfillTooMany, KeyReused, WorkflowUnavailable
    ),
)
async def backfill_schedule(
    name: Name, body: BackfillIn, parts: TheParts, actor: TheActor, once: DoneOnce
) -> BackfilledOut:
    """Make up for every run that was due in a time that has passed, one after the other."""
    _require(actor)
    planned = _planned(parts, name)
    due = await _made_up(parts, planned, body.begin, body.end)

    async def do() -> BackfilledOut:
        await parts.schedules.server.backfill(planned.name, body.begin, body.end)
        told: dict[str, Json] = {
            "begin": body.begin.isoformat(),
            "end": body.end.isoformat(),
            "runs": len(due),
        }
        await parts.schedule_log.note(AdminEvent.SCHEDULE_BACKFILLED, planned.name, actor, told)
        return BackfilledOut(name=planned.name, links=_links(planned.name), due=due)

    return await once.answer(BackfilledOut, do)


# --------------------------------------------------------------------------- limits


def _within_limits(planned: Planned, timetable: Timetable) -> Timetable:
    least = planned.job.least_minutes
    if isinstance(timetable, Every) and timetable.minutes < least:
        raise ScheduleTooOften(planned.name, least)
    return timetable


async def _made_up(parts: Parts, planned: Planned, begin: datetime, end: datetime) -> list[datetime]:
    if not begin < end <= parts.now():
        raise BackfillUnordered
    wish = (await parts.schedule_log.wishes()).get(planned.name, Wish())
    due = due_between(wish.timetable or planned.timetable, planned.working_time, begin, end)
    found = list(islice(due, MOST_MADE_UP + 1))
    if len(found) > MOST_MADE_UP:
        raise BackfillTooMany(MOST_MADE_UP)
    return found


# --------------------------------------------------------------------------- views


async def _detail(parts: Parts, planned: Planned, language: Language) -> ScheduleDetailOut:
    wish = (await parts.schedule_log.wishes()).get(planned.name, Wish())
    seen, runs = await _seen(parts, planned, wish, language, LATEST)
    return ScheduleDetailOut(**vars(seen), latest=[_run(run) for run in runs])


async def _seen(
    parts: Parts, planned: Planned, wish: Wish, language: Language, limit: int
) -> tuple[ScheduleOut, tuple[RunRecord, ...]]:
    now = await parts.schedules.server.look(planned.name)
    runs = await parts.schedule_log.runs(planned.name, limit)
    there = now or _NOT_MADE
    seen = ScheduleOut(
        name=planned.name,
        job=planned.job.name,
        ledger=planned.ledger,
        title=planned.job.title.in_(language),
        timetable=written(wish.timetable or planned.timetable),
        is_configured=wish.timetable is None,
        time_zone=planned.working_time.zone,
        made=now is not None,
        paused=there.paused if now is not None else wish.paused,
        note=there.note,
        next=list(there.next),
        running=list(there.running),
        overlapped=there.overlapped,
        missed=there.missed,
        last=_run(runs[0]) if runs else None,
        changed_by=wish.by,
        changed_at=wish.at,
    )
    return seen, runs


def _run(record: RunRecord) -> RunOut:
    return RunOut(**{name: getattr(record, name) for name in RunOut.model_fields})


def _links(name: str) -> dict[str, str]:
    return {"schedule": f"{API}/schedules/{name}"}
