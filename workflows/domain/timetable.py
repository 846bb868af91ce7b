"""When periodic work is due: at intervals, at a time of day, or working days before a month ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from workflows.domain.working_time import WorkingTime


@dataclass(frozen=True)
class Every:
    """Every so many minutes, day and night, counted from midnight UTC of the epoch."""

    minutes: int


@dataclass(frozen=True)
class Daily:
    """Every day at a time of the clock on the ledger's wall, or on its working days only."""

    at: str
    """`02:30`."""
    working_days: bool = False
    """Public holidays are left out, days worked instead of them (调休) are not."""


@dataclass(frozen=True)
class Weekly:
    """On certain days of the week; Monday is 1."""

    at: str
    weekdays: tuple[int, ...]


@dataclass(frozen=True)
class BeforeMonthEnd:
    """Once a month, so many working days before it ends: 1 is the last working day itself (R95)."""

    at: str
    working_days: int


Timetable: TypeAlias = Every | Daily | Weekly | BeforeMonthEnd


def clock(text: str) -> time:
    """Read `02:30`. Raises ValueError for what is no time of day."""
    return time.fromisoformat(text)


def nth_last_working_day(year: int, month: int, n: int, working_time: WorkingTime) -> date | None:
    """The n-th last working day of a month; none if the month has fewer."""
    day = date(year + month // 12, month % 12 + 1, 1)
    while n:
        day -= timedelta(days=1)
        if day.month != month:
            return None
        n -= working_time.is_working_day(day)
    return day


def month_end_days(rule: BeforeMonthEnd, working_time: WorkingTime, first: date, last: date) -> list[date]:
    """The days on which it is due, both ends included."""
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    found = (nth_last_working_day(n // 12, n % 12 + 1, rule.working_days, working_time) for n in months)
    return [day for day in found if day is not None and first <= day <= last]


def due_between(
    timetable: Timetable, working_time: WorkingTime, begin: datetime, end: datetime
) -> Iterator[datetime]:
    """The moments, in UTC, at which it is due after `begin` and not after `end`."""
    if isinstance(timetable, Every):
        step = timetable.minutes * 60
        for n in range(int(begin.timestamp()) // step + 1, int(end.timestamp()) // step + 1):
            yield datetime.fromtimestamp(n * step, UTC)
        return
    zone, at = ZoneInfo(working_time.zone), clock(timetable.at)
    first, last = begin.astimezone(zone).date(), end.astimezone(zone).date()
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        moment = datetime.combine(day, at, zone).astimezone(UTC)
        if begin < moment <= end and _is_due(timetable, working_time, day):
            yield moment


def _is_due(timetable: Daily | Weekly | BeforeMonthEnd, working_time: WorkingTime, day: date) -> bool:
    if isinstance(timetable, Daily):
        return not timetable.working_days or working_time.is_working_day(day)
    if isinstance(timetable, Weekly):
        return day.isoweekday() in timetable.weekdays
    return day == nth_last_working_day(day.year, day.month, timetable.working_days, working_time)
