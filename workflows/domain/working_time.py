"""Working hours: when a deadline given in hours of work falls due."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MAX_DAYS = 3660
"""How far a deadline is looked for; a calendar without working hours would never end."""


@dataclass(frozen=True)
class WorkingTime:
    """When people work. Deadlines run in these hours only (design §7)."""

    zone: str = "Asia/Shanghai"
    hours: tuple[tuple[str, str], ...] = (("08:30", "12:00"), ("13:30", "18:00"))
    """Spans of a working day, `24:00` for its end."""
    weekend: tuple[int, ...] = (5, 6)
    """Days of the week that are free, Monday is 0."""
    days_off: tuple[date, ...] = ()
    """Public holidays that fall on working days."""
    days_on: tuple[date, ...] = ()
    """Days of a weekend that are worked (调休)."""

    def __post_init__(self) -> None:
        ends = [minute for span in self.hours for minute in (_minute(span[0]), _minute(span[1]))]
        if not ends or ends != sorted(set(ends)):
            raise ValueError("working hours are spans that follow each other, such as 08:30 to 12:00")
        if set(range(7)) <= set(self.weekend):
            raise ValueError("a week has working days")

    def after(self, start: datetime, hours: int) -> datetime:
        """The moment at which so many working hours have passed since `start`, in UTC.

        Raises:
            ValueError: the calendar holds too few working hours for ten years to come.
        """
        left = timedelta(hours=hours)
        for opens, closes in self._spans(start):
            begins = max(opens, start)
            if begins + left <= closes:
                return (begins + left).astimezone(UTC)
            left -= max(closes - begins, timedelta())
        raise ValueError("the calendar holds too few working hours")

    def _spans(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        first = start.astimezone(ZoneInfo(self.zone)).date()
        for n in range(MAX_DAYS):
            day = first + timedelta(days=n)
            if self.is_working_day(day):
                for opens, closes in self.hours:
                    yield self._at(day, opens), self._at(day, closes)

    def is_working_day(self, day: date) -> bool:
        if day in self.days_on:
            return True
        return day not in self.days_off and day.weekday() not in self.weekend

    def _at(self, day: date, clock: str) -> datetime:
        local = datetime.combine(day, time()) + timedelta(minutes=_minute(clock))
        # Through UTC, so that a day on which the clocks change keeps its true length.
        return local.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)


def _minute(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    value = int(hour) * 60 + int(minute)
    if not 0 <= value <= 24 * 60 or int(minute) > 59:
        raise ValueError(f"{clock!r} is not a time of day")
    return value


STANDARD = WorkingTime()
"""An office in China, before public holidays are entered."""

ALWAYS = WorkingTime(zone="UTC", hours=(("00:00", "24:00"),), weekend=())
"""Every hour of every day."""
