"""Schedules in Temporal: made and brought up to date from the plan, and what people do with them."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleCalendarSpec,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode
from typing_extensions import override

from service.refusals import ScheduleRuns
from service.schedule_plan import Planned
from service.schedule_register import Wish
from workflows.domain.case import Actor
from workflows.domain.errors import UncloseError, WorkflowUnavailable
from workflows.domain.timetable import BeforeMonthEnd, Every, Timetable, Weekly, clock, month_end_days
from workflows.domain.working_time import WorkingTime
from workflows.periodic import PeriodicWorkflow
from workflows.steps import WORKFLOW_QUEUE

UNCLOSE = Actor("unclose")
"""Who takes away what is configured no longer."""
_AHEAD = timedelta(days=400)
"""How far ahead the days before a month's end are told; they are told anew long before."""
_AGAIN = timedelta(hours=6)
_PATIENCE = timedelta(seconds=10)
_TASK_TIMEOUT = timedelta(seconds=2)
_LATE_DAY = timedelta(hours=24)
"""How late what is due at a time of day is still done, after an outage."""
_PREFIX = "schedule/"
_LOOKS, _BETWEEN_LOOKS = 60, 0.05
"""How often, and after how many seconds, it is asked whether a run that was triggered has begun."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScheduleNow:
    """A schedule as Temporal has it."""

    paused: bool
    note: str
    next: tuple[datetime, ...]
    running: tuple[str, ...]
    """Names of the runs under way."""
    runs: int
    overlapped: int
    """How many runs were left out because the one before had not ended."""
    missed: int
    """How many were left out because it was too late for them."""


class ScheduleServer(Protocol):
    """Where schedules run. Each call may raise WorkflowUnavailable."""

    async def put(self, planned: Planned, wish: Wish, *, firmly: bool) -> None:
        """Make it, or bring it up to date. Unless firmly, a pause that is there stays."""

    async def remove(self, name: str) -> None:
        """One that is not there is as wished."""

    async def look(self, name: str) -> ScheduleNow | None:
        """None if it has not been made yet."""

    async def trigger(self, name: str) -> None:
        """Run it now. Raises ScheduleRuns if a run is under way."""

    async def backfill(self, name: str, begin: datetime, end: datetime) -> None:
        """Make up for every run that was due in this time, one after the other."""


class TemporalSchedules(ScheduleServer):
    def __init__(self, client: Client, queue: str = WORKFLOW_QUEUE) -> None:
        self._client, self._queue = client, queue
        self._triggering: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @override
    async def put(self, planned: Planned, wish: Wish, *, firmly: bool) -> None:
        fresh = self._schedule(planned, wish)
        async with _reached():
            try:
                await self._client.create_schedule(_PREFIX + planned.name, fresh, rpc_timeout=_PATIENCE)
                return
            except ScheduleAlreadyRunningError:
                pass

            def updated(there: ScheduleUpdateInput) -> ScheduleUpdate:
                was = there.description.schedule.state
                keeps = was.paused and not firmly
                return ScheduleUpdate(replace(fresh, state=was if keeps else fresh.state))

            await self._handle(planned.name).update(updated, rpc_timeout=_PATIENCE)

    def _schedule(self, planned: Planned, wish: Wish) -> Schedule:
        timetable = wish.timetable or planned.timetable
        today = datetime.now(UTC).date()
        return Schedule(
            action=ScheduleActionStartWorkflow(
                PeriodicWorkflow.run,
                planned.run,
                id=_PREFIX + planned.name,
                task_queue=self._queue,
                task_timeout=_TASK_TIMEOUT,
                static_summary=planned.name,
            ),
            spec=spec_of(timetable, planned.working_time, today),
            policy=SchedulePolicy(
                overlap=ScheduleOverlapPolicy.SKIP, catchup_window=catch_up(timetable), pause_on_failure=False
            ),
            state=ScheduleState(note=_note(wish), paused=wish.paused),
        )

    @override
    async def remove(self, name: str) -> None:
        async with _reached():
            try:
                await self._handle(name).delete(rpc_timeout=_PATIENCE)
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise

    @override
    async def look(self, name: str) -> ScheduleNow | None:
        async with _reached():
            try:
                seen = await self._handle(name).describe(rpc_timeout=_PATIENCE)
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND:
                    return None
                raise
        info, state = seen.info, seen.schedule.state
        return ScheduleNow(
            paused=state.paused,
            note=state.note or "",
            next=() if state.paused else tuple(info.next_action_times[:5]),
            running=tuple(getattr(run, "workflow_id", "") for run in info.running_actions),
            runs=info.num_actions,
            overlapped=info.num_actions_skipped_overlap,
            missed=info.num_actions_missed_catchup_window,
        )

    @override
    async def trigger(self, name: str) -> None:
        # One after the other, each seen to have begun: Temporal takes any trigger, and leaves out in silence.
        async with self._triggering[name]:
            before = await self.look(name)
            if before is not None and before.running:
                raise ScheduleRuns(name)
            async with _reached():
                await self._handle(name).trigger(overlap=ScheduleOverlapPolicy.SKIP, rpc_timeout=_PATIENCE)
            if before is not None:
                await self._see_begun(name, before)

    async def _see_begun(self, name: str, before: ScheduleNow) -> None:
        for _ in range(_LOOKS):
            now = await self.look(name)
            if now is None or now.runs > before.runs:
                return
            if now.overlapped > before.overlapped:
                raise ScheduleRuns(name)
            await asyncio.sleep(_BETWEEN_LOOKS)

    @override
    async def backfill(self, name: str, begin: datetime, end: datetime) -> None:
        # Temporal takes the begin as not included, as we do; one after the other, so that none is lost.
        span = ScheduleBackfill(begin, end, overlap=ScheduleOverlapPolicy.BUFFER_ALL)
        async with _reached():
            await self._handle(name).backfill(span, rpc_timeout=_PATIENCE)

    def _handle(self, name: str) -> ScheduleHandle:
        return self._client.get_schedule_handle(_PREFIX + name)


@asynccontextmanager
async def _reached() -> AsyncIterator[None]:
    try:
        yield
    except (RPCError, RuntimeError) as error:
        status = error.status.name if isinstance(error, RPCError) else "not connected"
        raise WorkflowUnavailable(status.lower().replace("_", " ")) from error


def _note(wish: Wish) -> str:
    return f"{wish.by}: {wish.comment}" if wish.by else ""


# --------------------------------------------------------------------------- timetables in Temporal's words


def spec_of(timetable: Timetable, working_time: WorkingTime, today: date) -> ScheduleSpec:
    """A timetable as Temporal understands it. Days off and shifted days are told one by one."""
    if isinstance(timetable, Every):
        return ScheduleSpec(intervals=[ScheduleIntervalSpec(timedelta(minutes=timetable.minutes))])
    time_ = clock(timetable.at)
    skip: list[ScheduleCalendarSpec] = []
    if isinstance(timetable, BeforeMonthEnd):
        days = month_end_days(timetable, working_time, today.replace(day=1), today + _AHEAD)
        calendars = [_on_day(day, time_) for day in days]
    elif isinstance(timetable, Weekly):
        calendars = [_at(time_, day_of_week=_weekdays(timetable.weekdays))]
    elif timetable.working_days:
        week = [day + 1 for day in range(7) if day not in working_time.weekend]
        days_on = [day for day in working_time.days_on if day.isoweekday() not in week]
        calendars = [_at(time_, day_of_week=_weekdays(week)), *(_on_day(day, time_) for day in days_on)]
        skip = [_on_day(day, time_) for day in working_time.days_off if day not in working_time.days_on]
    else:
        calendars = [_at(time_)]
    return ScheduleSpec(calendars=calendars, skip=skip, time_zone_name=working_time.zone)


def _on_day(day: date, at: time) -> ScheduleCalendarSpec:
    year, month, day_of_month = ([ScheduleRange(n)] for n in (day.year, day.month, day.day))
    return _at(at, year=year, month=month, day_of_month=day_of_month)


def _at(
    at: time,
    year: Sequence[ScheduleRange] = (),
    month: Sequence[ScheduleRange] = (ScheduleRange(1, 12),),
    day_of_month: Sequence[ScheduleRange] = (ScheduleRange(1, 31),),
    day_of_week: Sequence[ScheduleRange] = (ScheduleRange(0, 6),),
) -> ScheduleCalendarSpec:
    return ScheduleCalendarSpec(
        hour=[ScheduleRange(at.hour)],
        minute=[ScheduleRange(at.minute)],
        year=year,
        month=month,
        day_of_month=day_of_month,
        day_of_week=day_of_week,
    )


def _weekdays(iso: Sequence[int]) -> list[ScheduleRange]:
    """Temporal counts from Sunday, 0."""
    return [ScheduleRange(day % 7) for day in iso]


def catch_up(timetable: Timetable) -> timedelta:
    """How late a run may begin. What comes again soon is not made up for, what comes once a day is."""
    return timedelta(minutes=timetable.minutes) if isinstance(timetable, Every) else _LATE_DAY


# --------------------------------------------------------------------------- keeping them as planned


class Wishes(Protocol):
    """What people have said of schedules (`service/schedule_register.py`)."""

    async def wishes(self) -> dict[str, Wish]: ...

    async def remember(self, name: str) -> None: ...

    async def put(self, name: str, wish: Wish, by: Actor) -> None: ...

    async def forget(self, name: str, by: Actor) -> None: ...


class ScheduleKeeper:
    """Brings Temporal's schedules in line with the plan and with what people have said."""

    def __init__(
        self,
        server: ScheduleServer,
        register: Wishes,
        plan: Callable[[], Mapping[str, Planned]],
    ) -> None:
        self.server, self.register, self.plan = server, register, plan

    async def bring_in_line(self) -> None:
        """Repeating it changes nothing. Raises WorkflowUnavailable, StorageUnavailable."""
        planned, wishes = self.plan(), await self.register.wishes()
        for name in wishes.keys() - planned.keys():
            await self.server.remove(name)
            await self.register.forget(name, UNCLOSE)
        for name, each in planned.items():
            await self.register.remember(name)
            await self.server.put(each, wishes.get(name, Wish()), firmly=False)

    async def put(self, planned: Planned, wish: Wish, by: Actor) -> None:
        """Take what a person says of a schedule: first on record, then in Temporal, again if it must be."""
        said = replace(wish, by=by.person)
        await self.register.put(planned.name, said, by)
        await self.server.put(planned, said, firmly=True)

    @asynccontextmanager
    async def kept_in_line(self) -> AsyncIterator[None]:
        """In the background, while a worker serves: at once, and again before what was told runs out."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self.bring_in_line()
                pause = _AGAIN.total_seconds()
            except UncloseError as error:
                pause = min(_LONGEST_PAUSE, pause * 2)
                log.warning("schedules are not in line yet: %s", error)
            await asyncio.sleep(pause)
