"""Deadlines run while people work: weekends, holidays, shifted working days, lunch, and changing clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.holidays import with_chinese_holidays
from workflows.domain.working_time import ALWAYS, STANDARD, WorkingTime

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


def local(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-03-02 09:00", 2, "2026-03-02 11:00"),
        ("2026-03-02 08:30", 8, "2026-03-02 18:00"),
        ("2026-03-02 11:00", 1, "2026-03-02 12:00"),
        ("2026-03-02 11:30", 1, "2026-03-02 14:00"),
        ("2026-03-02 12:30", 1, "2026-03-02 14:30"),
        ("2026-03-02 06:00", 1, "2026-03-02 09:30"),
        ("2026-03-02 17:00", 2, "2026-03-03 09:30"),
        ("2026-03-02 23:59", 1, "2026-03-03 09:30"),
        ("2026-03-06 17:00", 2, "2026-03-09 09:30"),
        ("2026-03-07 10:00", 8, "2026-03-09 18:00"),
        ("2026-03-02 08:30", 40, "2026-03-06 18:00"),
        ("2026-03-08 10:00", 0, "2026-03-09 08:30"),
    ],
)
def test_only_working_hours_count(start: str, hours: int, end: str) -> None:
    assert STANDARD.after(local(start), hours) == local(end)


def test_the_answer_is_in_utc_whatever_zone_the_start_is_told_in() -> None:
    start = local("2026-03-02 09:00")
    assert STANDARD.after(start.astimezone(BERLIN), 2) == STANDARD.after(start, 2)
    assert STANDARD.after(start, 2).tzinfo is UTC


def test_a_start_late_in_the_evening_elsewhere_belongs_to_the_next_local_day() -> None:
    assert STANDARD.after(datetime(2026, 3, 1, 23, 0, tzinfo=UTC), 1) == local("2026-03-02 09:30")


def test_public_holidays_are_free_and_shifted_days_are_worked() -> None:
    time = WorkingTime(days_off=(date(2026, 3, 3),), days_on=(date(2026, 3, 7),))
    assert time.after(local("2026-03-02 17:00"), 2) == local("2026-03-04 09:30")
    assert time.after(local("2026-03-06 17:00"), 2) == local("2026-03-07 09:30")


def test_the_spring_festival_stops_the_clock_and_its_shifted_saturday_does_not() -> None:
    # 2025: 28 January to 4 February are free; Sunday 26 January and Saturday 8 February are worked.
    time = with_chinese_holidays(STANDARD, date(2025, 1, 20))
    assert time.after(local("2025-01-27 17:00"), 2) == local("2025-02-05 09:30")
    assert time.after(local("2025-01-24 17:00"), 2) == local("2025-01-26 09:30")
    assert time.after(local("2025-02-07 17:00"), 2) == local("2025-02-08 09:30")


def test_a_day_configured_by_hand_goes_before_a_published_one() -> None:
    festival, shifted = date(2025, 1, 29), date(2025, 1, 26)
    time = with_chinese_holidays(WorkingTime(days_on=(festival,), days_off=(shifted,)), date(2025, 1, 20))
    assert time.is_working_day(festival)
    assert not time.is_working_day(shifted)


def test_a_year_that_is_not_published_has_its_weekends() -> None:
    time = with_chinese_holidays(STANDARD, date(2090, 1, 2))
    assert (time.days_off, time.days_on) == ((), ())


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        # Clocks go forward on 29 March 2026 at 02:00 and back on 25 October at 03:00.
        ("2026-03-27 17:00", 2, "2026-03-30 09:30"),
        ("2026-10-23 17:00", 2, "2026-10-26 09:30"),
    ],
)
def test_office_hours_stay_where_they_are_when_the_clocks_change(start: str, hours: int, end: str) -> None:
    time = WorkingTime(zone="Europe/Berlin")
    assert time.after(local(start, BERLIN), hours) == local(end, BERLIN)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_on_which_the_clocks_change_has_its_true_length(day: str, hours: int) -> None:
    time = WorkingTime(zone="Europe/Berlin", hours=(("00:00", "24:00"),), weekend=())
    midnight = local(f"{day} 00:00", BERLIN)
    assert time.after(midnight, hours) == local(f"{day} 00:00", BERLIN) + timedelta(days=1)


@pytest.mark.parametrize(
    ("hours", "weekend"),
    [
        ((), (5, 6)),
        ((("12:00", "08:00"),), (5, 6)),
        ((("08:00", "08:00"),), (5, 6)),
        ((("08:00", "12:00"), ("11:00", "14:00")), (5, 6)),
        ((("08:00", "25:00"),), (5, 6)),
        ((("08:61", "12:00"),), (5, 6)),
        ((("eight", "12:00"),), (5, 6)),
        ((("08:00", "12:00"),), tuple(range(7))),
    ],
)
def test_hours_that_cannot_be_kept_are_refused(
    hours: tuple[tuple[str, str], ...], weekend: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"working|time of day|invalid literal"):
        WorkingTime(hours=hours, weekend=weekend)


def test_a_calendar_without_working_days_ends_in_an_error_and_not_never() -> None:
    days = tuple(date(2026, 1, 1) + timedelta(days=n) for n in range(4000))
    with pytest.raises(ValueError, match="too few working hours"):
        WorkingTime(days_off=days).after(local("2026-01-01 00:00"), 1)


# --------------------------------------------------------------------------- properties

DAYS = st.lists(st.integers(0, 60).map(lambda n: date(2026, 3, 1) + timedelta(days=n)), max_size=8).map(tuple)
SPANS = st.sampled_from(
    (
        STANDARD.hours,
        (("00:00", "24:00"),),
        (("22:00", "24:00"),),
        (("00:00", "05:00"), ("07:15", "07:30"), ("20:00", "23:59")),
    )
)
TIMES = st.builds(
    WorkingTime,
    st.sampled_from(("Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "UTC")),
    SPANS,
    st.sampled_from(((), (5, 6), (0, 1, 2, 3, 4, 5))),
    DAYS,
    DAYS,
)
STARTS = st.integers(0, 60 * 24 * 60).map(lambda n: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=n))
HOURS = st.integers(0, 40)


@given(TIMES, STARTS, HOURS, HOURS)
def test_more_hours_never_end_sooner(time: WorkingTime, start: datetime, some: int, more: int) -> None:
    assert start <= time.after(start, some) <= time.after(start, some + more)


@given(TIMES, STARTS, st.integers(0, 10_000), HOURS)
def test_a_later_start_never_ends_sooner(time: WorkingTime, start: datetime, later: int, hours: int) -> None:
    assert time.after(start, hours) <= time.after(start + timedelta(minutes=later), hours)


@given(TIMES, STARTS, HOURS)
def test_a_deadline_falls_into_working_hours_or_on_their_end(
    time: WorkingTime, start: datetime, hours: int
) -> None:
    end = time.after(start, hours).astimezone(ZoneInfo(time.zone))
    inside = [(end.date(), end.strftime("%H:%M"))]
    if end.strftime("%H:%M") == "00:00":
        inside.append((end.date() - timedelta(days=1), "24:00"))
    assert any(
        time.is_working_day(day) and opens <= clock <= closes
        for day, clock in inside
        for opens, closes in time.hours
    )


@given(STARTS, HOURS)
def test_where_every_hour_counts_a_deadline_is_plain_addition(start: datetime, hours: int) -> None:
    assert ALWAYS.after(start, hours) == start + timedelta(hours=hours)
