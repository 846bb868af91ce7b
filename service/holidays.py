"""Public holidays of China, from the calendar that the government publishes each autumn for the next year."""

from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache

from chinese_calendar import constants

from workflows.domain.working_time import WorkingTime

_BEHIND, _AHEAD = timedelta(days=31), timedelta(days=400)
"""What a case may have to look at; the rest need not travel with it."""


@lru_cache(maxsize=64)
def with_chinese_holidays(working_time: WorkingTime, today: date) -> WorkingTime:
    """The same working time with public holidays off and shifted working days (调休) on.

    A year that is not published yet has its weekends only: a deadline may then fall on a holiday, which
    reminds people early and approves nothing. Days configured by hand go before published ones.
    """
    near = (today - _BEHIND, today + _AHEAD)
    off = {day for day in constants.holidays if near[0] <= day <= near[1]}
    on = {day for day in constants.workdays if near[0] <= day <= near[1]}
    weekend = working_time.weekend
    return replace(
        working_time,
        days_off=tuple(
            sorted(
                {day for day in off - set(working_time.days_on) if day.weekday() not in weekend}
                | set(working_time.days_off)
            )
        ),
        days_on=tuple(
            sorted(
                {day for day in on - set(working_time.days_off) if day.weekday() in weekend}
                | set(working_time.days_on)
            )
        ),
    )
