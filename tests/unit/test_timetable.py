"""When periodic work is due, around holidays and month ends."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.holidays import with_chinese_holidays
from service.timetable_schemas import read_written, written
from workflows.domain.timetable import (
    BeforeMonthEnd,
    Daily,
    Every,
    Timetable,
    Weekly,
    due_between,
    month_end_days,
    nth_last_working_day,
)
from workflows.domain.working_time import STANDARD

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YEAR_2025 = with_chinese_holidays(STANDARD, date(2025, 1, 1))
"""Spring Festival was 28 January to 4 February; Sunday 26 January and Saturday 8 February were worked."""


def days(timetable: Timetable, first: date, last: date) -> list[str]:
    begin = datetime(first.year, first.month, first.day, tzinfo=SHANGHAI)
    end = datetime(last.year, last.month, last.day, 23, 59, tzinfo=SHANGHAI)
    due = due_between(timetable, NEW_YEAR_2025, begin, end)
    return [f"{moment.astimezone(SHANGHAI):%m-%d %H:%M}" for moment in due]


@pytest.mark.parametrize(
    ("n", "day"), [(1, date(2025, 1, 27)), (2, date(2025, 1, 26)), (3, date(2025, 1, 24))]
)
def test_days_before_the_end_of_a_month_are_working_days(n: int, day: date) -> None:
    assert nth_last_working_day(2025, 1, n, NEW_YEAR_2025) == day


def test_a_month_with_too_few_working_days_has_none() -> None:
    assert nth_last_working_day(2025, 2, 25, NEW_YEAR_2025) is None


def test_work_on_working_days_leaves_out_holidays_and_not_the_days_worked_instead() -> None:
    found = days(Daily("08:00", working_days=True), date(2025, 1, 24), date(2025, 2, 8))
    assert found == [
        f"{day} 08:00" for day in ("01-24", "01-26", "01-27", "02-05", "02-06", "02-07", "02-08")
    ]


def test_work_of_every_day_and_of_the_week_knows_no_holidays() -> None:
    assert len(days(Daily("02:00"), date(2025, 1, 24), date(2025, 2, 8))) == 16
    assert days(Weekly("04:00", (7,)), date(2025, 1, 20), date(2025, 2, 9)) == [
        "01-26 04:00",
        "02-02 04:00",
        "02-09 04:00",
    ]


def test_work_before_month_ends_is_due_once_a_month() -> None:
    found = days(BeforeMonthEnd("09:00", 3), date(2025, 1, 1), date(2025, 3, 31))
    assert found == ["01-24 09:00", "02-26 09:00", "03-27 09:00"]
    assert (
        month_end_days(BeforeMonthEnd("09:00", 3), NEW_YEAR_2025, date(2024, 12, 31), date(2025, 1, 23)) == []
    )


def test_intervals_are_counted_from_the_epoch_whenever_one_looks() -> None:
    begin, end = datetime(2025, 1, 1, 0, 5, tzinfo=UTC), datetime(2025, 1, 1, 0, 30, tzinfo=UTC)
    assert [moment.minute for moment in due_between(Every(10), STANDARD, begin, end)] == [10, 20, 30]


@given(
    st.one_of(
        st.builds(Every, st.integers(1, 1440)),
        st.builds(Daily, st.just("23:59"), st.booleans()),
        st.builds(
            Weekly, st.just("00:00"), st.sets(st.integers(1, 7), min_size=1).map(lambda s: tuple(sorted(s)))
        ),
        st.builds(BeforeMonthEnd, st.just("09:30"), st.integers(1, 15)),
    )
)
def test_a_timetable_is_read_as_it_was_written(timetable: Timetable) -> None:
    assert read_written(written(timetable).model_dump(mode="json")) == timetable


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "every", "minutes": 0},
        {"kind": "every", "minutes": "5"},
        {"kind": "daily", "at": "24:00"},
        {"kind": "daily", "at": "02:00", "weekdays": [1]},
        {"kind": "weekly", "at": "02:00", "weekdays": []},
        {"kind": "before_month_end", "at": "09:00", "working_days": 16},
        {"kind": "hourly"},
        {},
    ],
)
def test_what_is_no_timetable_is_not_read(document: object) -> None:
    with pytest.raises(ValidationError):
        read_written(document)
