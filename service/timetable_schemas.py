"""Timetables as they are written in `ledgers.toml` and sent over HTTP, within limits."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from workflows.domain.timetable import BeforeMonthEnd, Daily, Every, Timetable, Weekly

Clock = Annotated[
    str,
    Field(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="Time of day where the ledger is, `02:30`."
    ),
]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EveryWritten(_Written):
    """Every so many minutes, day and night."""

    kind: Literal["every"]
    minutes: Annotated[int, Field(strict=True, ge=1, le=24 * 60)]

    def read(self) -> Timetable:
        return Every(self.minutes)


class DailyWritten(_Written):
    """Every day, or every working day of the ledger: public holidays are left out, shifted days are not."""

    kind: Literal["daily"]
    at: Clock
    working_days: Annotated[bool, Field(strict=True)] = False

    def read(self) -> Timetable:
        return Daily(self.at, self.working_days)


class WeeklyWritten(_Written):
    """On certain days of the week."""

    kind: Literal["weekly"]
    at: Clock
    weekdays: Annotated[
        list[Annotated[int, Field(strict=True, ge=1, le=7)]],
        Field(min_length=1, max_length=7, description="Monday is 1."),
    ]

    def read(self) -> Timetable:
        return Weekly(self.at, tuple(sorted(set(self.weekdays))))


class MonthEndWritten(_Written):
    """Once a month, so many working days of the ledger before the month ends."""

    kind: Literal["before_month_end"]
    at: Clock
    working_days: Annotated[
        int, Field(strict=True, ge=1, le=15, description="1 is the last working day of the month itself.")
    ]

    def read(self) -> Timetable:
        return BeforeMonthEnd(self.at, self.working_days)


TimetableWritten: TypeAlias = Annotated[
    EveryWritten | DailyWritten | WeeklyWritten | MonthEndWritten, Field(discriminator="kind")
]

_WRITTEN: TypeAdapter[TimetableWritten] = TypeAdapter(TimetableWritten)


def written(timetable: Timetable) -> TimetableWritten:
    """The same timetable as it is written."""
    match timetable:
        case Every(minutes):
            return EveryWritten(kind="every", minutes=minutes)
        case Daily(at, working_days):
            return DailyWritten(kind="daily", at=at, working_days=working_days)
        case Weekly(at, weekdays):
            return WeeklyWritten(kind="weekly", at=at, weekdays=list(weekdays))
        case BeforeMonthEnd(at, working_days):
            return MonthEndWritten(kind="before_month_end", at=at, working_days=working_days)


def read_written(document: object) -> Timetable:
    """Raises pydantic's ValidationError for anything but a timetable as it is written."""
    return _WRITTEN.validate_python(document).read()
