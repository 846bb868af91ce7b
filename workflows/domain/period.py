"""Accounting periods, and the fiscal calendar that gives them an order and their days."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from workflows.domain.errors import MalformedPeriod, PeriodOutsideCalendar

_WRITTEN = re.compile(r"([0-9]{4})-([0-9]{2})")


@dataclass(frozen=True, order=True)
class Period:
    """Fiscal year and number, written `2025-03`. Ordered by time within one calendar."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    @staticmethod
    def parse(text: str) -> "Period":
        """Read `2025-03`.

        Raises:
            MalformedPeriod: the text is anything else.
        """
        match = _WRITTEN.fullmatch(text)
        if match is None or int(match[1]) == 0 or int(match[2]) == 0:
            raise MalformedPeriod(text)
        return Period(int(match[1]), int(match[2]))


@dataclass(frozen=True)
class FiscalCalendar:
    """How many periods a fiscal year of a ledger has, and in which month it starts.

    A year is named after the calendar year it starts in. With 13 periods the last one is the adjustment
    period, which shares the last day of the twelfth (the "13th month" of many ERPs).
    """

    periods_per_year: int = 12
    """12 or 13."""
    first_month: int = 1
    """Calendar month in which the fiscal year starts, 1 to 12."""

    def __post_init__(self) -> None:
        if self.periods_per_year not in (12, 13) or not 1 <= self.first_month <= 12:
            raise ValueError("a fiscal year has 12 or 13 periods and starts in month 1 to 12")

    def check(self, period: Period) -> Period:
        """Give the period back if this calendar has it.

        Raises:
            PeriodOutsideCalendar: for example 2025-13 in a year of twelve.
        """
        if not 1 <= period.number <= self.periods_per_year:
            raise PeriodOutsideCalendar(str(period), self.periods_per_year)
        return period

    def index(self, period: Period) -> int:
        """Position on one endless line of periods; differences are distances."""
        self.check(period)
        return period.year * self.periods_per_year + period.number - 1

    def at(self, index: int) -> Period:
        """Inverse of `index`."""
        year, number = divmod(index, self.periods_per_year)
        return Period(year, number + 1)

    def next(self, period: Period) -> Period:
        return self.at(self.index(period) + 1)

    def previous(self, period: Period) -> Period:
        return self.at(self.index(period) - 1)

    def span(self, first: Period, last: Period) -> tuple[Period, ...]:
        """All periods from first to last, both included; empty if last lies before first."""
        return tuple(self.at(i) for i in range(self.index(first), self.index(last) + 1))

    def first_day(self, period: Period) -> date:
        self.check(period)
        if period.number == 13:
            return self.last_day(Period(period.year, 12))
        return _first_of_month(period.year, self.first_month + period.number - 1)

    def last_day(self, period: Period) -> date:
        self.check(period)
        months_in = min(period.number, 12)
        return _first_of_month(period.year, self.first_month + months_in) - timedelta(days=1)

    def containing(self, day: date) -> Period:
        """The ordinary period of a day; never the adjustment period."""
        months_in = (day.month - self.first_month) % 12
        year = day.year if day.month >= self.first_month else day.year - 1
        return Period(year, months_in + 1)


def _first_of_month(year: int, month: int) -> date:
    return date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
