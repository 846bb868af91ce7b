"""How long is waited for receivers that are away, and for people who are asleep."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.sending.patience import FIRST_DELAY, LONGEST_DELAY, awake, delay_after
from service.sending.ports import QuietHours

SHANGHAI = ZoneInfo("Asia/Shanghai")
NIGHT = QuietHours("22:00", "07:00", "Asia/Shanghai")


def test_the_delay_doubles_up_to_an_hour() -> None:
    middle = [delay_after(n, lambda: 0.5) for n in range(1, 13)]
    assert middle[0] == FIRST_DELAY
    assert all(b == min(2 * a, LONGEST_DELAY) for a, b in pairwise(middle))
    assert middle[-1] == LONGEST_DELAY
    assert delay_after(10_000, lambda: 0.5) == LONGEST_DELAY


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_jitter_is_a_fifth_either_way(attempts: int, chance: float) -> None:
    middle = delay_after(attempts, lambda: 0.5)
    assert 0.79 * middle <= delay_after(attempts, lambda: chance) <= 1.21 * middle


@pytest.mark.parametrize(
    ("at", "wakes"),
    [
        ("2025-06-03 21:59", "2025-06-03 21:59"),
        ("2025-06-03 22:00", "2025-06-04 07:00"),
        ("2025-06-03 23:30", "2025-06-04 07:00"),
        ("2025-06-04 00:00", "2025-06-04 07:00"),
        ("2025-06-04 06:59", "2025-06-04 07:00"),
        ("2025-06-04 07:00", "2025-06-04 07:00"),
    ],
)
def test_a_night_is_slept_through_by_the_clock_of_the_person(at: str, wakes: str) -> None:
    given_at, expected = (datetime.fromisoformat(text).replace(tzinfo=SHANGHAI) for text in (at, wakes))
    assert awake(given_at.astimezone(UTC), NIGHT) == expected


def test_a_rest_at_noon_ends_on_the_same_day() -> None:
    noon = QuietHours("12:00", "13:30", "Asia/Shanghai")
    at = datetime(2025, 6, 3, 12, 30, tzinfo=SHANGHAI)
    assert awake(at, noon) == at + timedelta(hours=1)
    assert awake(at, None) == at


YEAR = datetime(2025, 1, 1, tzinfo=UTC)


@given(st.integers(0, 365 * 24 * 60), st.times(), st.times())
def test_nobody_waits_longer_than_a_day(minutes: int, start: time, end: time) -> None:
    quiet = QuietHours(f"{start:%H:%M}", f"{end:%H:%M}", "Europe/Berlin")
    moment = YEAR + timedelta(minutes=minutes)
    wakes = awake(moment, quiet)
    assert moment <= wakes <= moment + timedelta(hours=26)
