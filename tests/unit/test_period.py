"""Arithmetic across years of twelve or thirteen periods that start in any month."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_calendar, a_period
from tests.strategies import calendars, periods
from workflows.domain.errors import MalformedPeriod, PeriodOutsideCalendar
from workflows.domain.period import FiscalCalendar, Period


@given(data=st.data(), calendar=calendars())
def test_a_period_is_written_and_read_back_the_same(data: st.DataObject, calendar: FiscalCalendar) -> None:
    period = data.draw(periods(calendar))
    assert Period.parse(str(period)) == period


def test_a_period_is_written_as_fiscal_year_and_two_digits() -> None:
    assert str(Period(2025, 3)) == "2025-03"
    assert str(Period(2025, 13)) == "2025-13"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025",
        "2025-3",
        "2025-003",
        "25-03",
        "02025-03",
        "2025/03",
        "202503",
        "2025-03-01",
        "-2025-03",
        " 2025-03",
        "2025-03 ",
        "2025-03\n",
        "2025-00",
        "0000-01",
        "2025-1a",
        "２０２５-０３",
        "٢٠٢٥-٠٣",
    ],
)
def test_anything_but_year_dash_number_is_malformed(text: str) -> None:
    with pytest.raises(MalformedPeriod) as refused:
        Period.parse(text)
    assert refused.value.text == text


def test_a_year_of_twelve_has_no_thirteenth_period() -> None:
    thirteenth = a_period("2025-13")
    assert a_calendar(13).check(thirteenth) == thirteenth
    for ask in (
        a_calendar(12).check,
        a_calendar(12).index,
        a_calendar(12).next,
        a_calendar(12).previous,
        a_calendar(12).first_day,
        a_calendar(12).last_day,
    ):
        with pytest.raises(PeriodOutsideCalendar):
            ask(thirteenth)


def test_no_calendar_has_a_fourteenth_period() -> None:
    with pytest.raises(PeriodOutsideCalendar):
        a_calendar(13).check(a_period("2025-14"))


@pytest.mark.parametrize(("periods_per_year", "first_month"), [(11, 1), (14, 1), (0, 1), (12, 0), (12, 13)])
def test_a_calendar_that_cannot_be_is_refused(periods_per_year: int, first_month: int) -> None:
    with pytest.raises(ValueError, match="12 or 13"):
        FiscalCalendar(periods_per_year, first_month)


@pytest.mark.parametrize(
    ("periods_per_year", "earlier", "later"),
    [
        (12, "2024-12", "2025-01"),
        (13, "2024-12", "2024-13"),
        (13, "2024-13", "2025-01"),
        (12, "2025-03", "2025-04"),
    ],
)
def test_the_next_period_crosses_the_year_after_the_last_one(
    periods_per_year: int, earlier: str, later: str
) -> None:
    calendar = a_calendar(periods_per_year)
    assert calendar.next(a_period(earlier)) == a_period(later)
    assert calendar.previous(a_period(later)) == a_period(earlier)


@given(data=st.data(), calendar=calendars())
def test_previous_undoes_next(data: st.DataObject, calendar: FiscalCalendar) -> None:
    period = data.draw(periods(calendar))
    assert calendar.previous(calendar.next(period)) == period
    assert calendar.next(calendar.previous(period)) == period
    assert calendar.previous(period) < period < calendar.next(period)


@given(data=st.data(), calendar=calendars())
def test_order_and_distance_agree_with_the_endless_line(
    data: st.DataObject, calendar: FiscalCalendar
) -> None:
    one, other = data.draw(periods(calendar)), data.draw(periods(calendar))
    assert (one < other) == (calendar.index(one) < calendar.index(other))
    assert calendar.at(calendar.index(one)) == one
    assert calendar.index(calendar.next(one)) == calendar.index(one) + 1


@given(data=st.data(), calendar=calendars(), length=st.integers(-3, 30))
def test_a_span_holds_every_period_between_its_ends(
    data: st.DataObject, calendar: FiscalCalendar, length: int
) -> None:
    first = data.draw(periods(calendar))
    last = calendar.at(calendar.index(first) + length - 1)
    span = calendar.span(first, last)
    assert len(span) == max(length, 0)
    if span:
        assert (span[0], span[-1]) == (first, last)
        assert all(calendar.next(a) == b for a, b in pairwise(span))


def test_a_span_backwards_is_empty() -> None:
    assert a_calendar().span(a_period("2025-04"), a_period("2025-03")) == ()


@pytest.mark.parametrize(
    ("first_month", "period", "first_day", "last_day"),
    [
        (1, "2025-02", date(2025, 2, 1), date(2025, 2, 28)),
        (1, "2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        (1, "2025-12", date(2025, 12, 1), date(2025, 12, 31)),
        (4, "2025-01", date(2025, 4, 1), date(2025, 4, 30)),
        (4, "2025-09", date(2025, 12, 1), date(2025, 12, 31)),
        (4, "2025-10", date(2026, 1, 1), date(2026, 1, 31)),
        (4, "2025-12", date(2026, 3, 1), date(2026, 3, 31)),
        (12, "2025-01", date(2025, 12, 1), date(2025, 12, 31)),
        (12, "2025-12", date(2026, 11, 1), date(2026, 11, 30)),
    ],
)
def test_a_fiscal_year_is_named_after_the_calendar_year_it_starts_in(
    first_month: int, period: str, first_day: date, last_day: date
) -> None:
    for periods_per_year in (12, 13):
        calendar = a_calendar(periods_per_year, first_month)
        assert calendar.first_day(a_period(period)) == first_day
        assert calendar.last_day(a_period(period)) == last_day


@given(calendar=calendars(), year=st.integers(1990, 2090))
def test_the_adjustment_period_is_the_last_day_of_the_twelfth(calendar: FiscalCalendar, year: int) -> None:
    if calendar.periods_per_year == 13:
        twelfth, adjustment = Period(year, 12), Period(year, 13)
        assert calendar.first_day(adjustment) == calendar.last_day(adjustment) == calendar.last_day(twelfth)


@given(calendar=calendars(), year=st.integers(1990, 2090))
def test_ordinary_periods_follow_each_other_day_by_day(calendar: FiscalCalendar, year: int) -> None:
    ordinary = [Period(y, n) for y in (year, year + 1) for n in range(1, 13)]
    for one, following in pairwise(ordinary):
        assert calendar.first_day(following) - calendar.last_day(one) == timedelta(days=1)
        assert calendar.first_day(one) < calendar.last_day(one)
    assert calendar.first_day(ordinary[0]) == date(year, calendar.first_month, 1)


@given(calendar=calendars(), day=st.dates(date(1990, 1, 1), date(2090, 12, 31)))
def test_every_day_lies_in_the_ordinary_period_that_contains_it(calendar: FiscalCalendar, day: date) -> None:
    period = calendar.containing(day)
    assert period.number <= 12
    assert calendar.first_day(period) <= day <= calendar.last_day(period)
