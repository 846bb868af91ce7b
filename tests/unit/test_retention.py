"""Which backups are kept: days, weeks, months, and never the last way back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from workflows.domain.backups import Backup, BackupPoint, BackupState
from workflows.domain.retention import NEEDED, NEWEST, UNTESTED, Retention, kept, years_after

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
USUAL = Retention(daily=7, weekly=5, monthly=24)
NONE = Retention(0, 0, 0)


def a_backup(id_: str, at: datetime, state: BackupState = BackupState.PROVEN) -> Backup:
    return Backup(
        id=id_,
        ledger="demo",
        case=None,
        point=BackupPoint.SNAPSHOT,
        engine="sqlite",
        location="",
        raw_bytes=1,
        stored_bytes=1,
        sha256="",
        manifest_sha256="",
        encrypted_to=(),
        root="",
        started_at=at,
        taken_at=at,
        milliseconds=1,
        state=state,
    )


def every(step: timedelta, count: int) -> list[Backup]:
    return [a_backup(f"{n:04d}", FIRST + step * n) for n in range(count)]


some_backups = st.lists(
    st.tuples(
        st.integers(0, 900 * 24),
        st.sampled_from([BackupState.PROVEN, BackupState.STORED, BackupState.UNPROVEN]),
        st.booleans(),
    ),
    max_size=60,
).map(
    lambda rows: [
        (a_backup(f"{n:02d}", FIRST + timedelta(hours=hours), state), is_needed)
        for n, (hours, state, is_needed) in enumerate(rows)
    ]
)
some_retention = st.builds(Retention, st.integers(0, 10), st.integers(0, 10), st.integers(0, 10))


# --------------------------------------------------------------------------- examples


def test_hourly_backups_come_down_to_days_weeks_and_months() -> None:
    hourly = every(timedelta(hours=6), 4 * 400)
    reasons = kept(hourly, USUAL, frozenset(), ZONE)
    assert len(reasons) <= 7 + 5 + 24
    days = {b.taken_at.astimezone(ZONE).date() for b in hourly if b.id in reasons}
    last = hourly[-1].taken_at.astimezone(ZONE).date()
    assert {last - timedelta(days=n) for n in range(7)} <= days
    months = {(day.year, day.month) for day in days}
    assert len(months) == 14


def test_a_day_is_a_day_of_the_ledgers_own_zone() -> None:
    late, early = datetime(2025, 6, 1, 15, 59, tzinfo=UTC), datetime(2025, 6, 1, 16, 1, tzinfo=UTC)
    reasons = kept([a_backup("a", late), a_backup("b", early)], Retention(2, 0, 0), frozenset(), ZONE)
    assert set(reasons) == {"a", "b"}


def test_a_failed_test_is_no_reason_to_keep_a_copy() -> None:
    old = a_backup("old", FIRST, BackupState.UNPROVEN)
    new = a_backup("new", FIRST + timedelta(days=1))
    assert kept([old, new], USUAL, frozenset(), ZONE) == {"new": NEWEST}


def test_what_an_open_case_needs_is_kept_whatever_it_is_worth() -> None:
    backups = every(timedelta(days=40), 10)
    reasons = kept(backups, NONE, frozenset({"0003"}), ZONE)
    assert reasons == {"0003": NEEDED, "0009": NEWEST}


# --------------------------------------------------------------------------- what always holds


@given(some_backups, some_retention)
def test_neither_the_newest_proven_nor_what_is_needed_is_ever_let_go(
    rows: list[tuple[Backup, bool]], retention: Retention
) -> None:
    backups = [backup for backup, _ in rows]
    needed = frozenset(backup.id for backup, is_needed in rows if is_needed)
    reasons = kept(backups, retention, needed, ZONE)
    proven = [backup for backup in backups if backup.state == BackupState.PROVEN]
    assert needed <= set(reasons)
    if proven:
        assert max(proven, key=lambda b: (b.taken_at, b.id)).id in reasons
    newest = max((b.taken_at for b in proven), default=None)
    for backup in backups:
        if newest is None or backup.taken_at > newest:
            assert backup.id in reasons, "it may be under way"


@given(some_backups, some_retention)
def test_no_more_is_kept_than_was_asked_for(rows: list[tuple[Backup, bool]], retention: Retention) -> None:
    reasons = kept([backup for backup, _ in rows], retention, frozenset(), ZONE)
    by_rule = [reason for reason in reasons.values() if reason not in (NEWEST, UNTESTED)]
    assert len(by_rule) <= retention.daily + retention.weekly + retention.monthly


@given(some_backups, some_retention)
def test_looking_again_after_tidying_removes_nothing_more(
    rows: list[tuple[Backup, bool]], retention: Retention
) -> None:
    backups = [backup for backup, _ in rows]
    first = kept(backups, retention, frozenset(), ZONE)
    left = [backup for backup in backups if backup.id in first]
    assert kept(left, retention, frozenset(), ZONE) == first


@given(some_backups, some_retention, st.randoms())
def test_the_order_in_which_they_are_listed_makes_no_difference(
    rows: list[tuple[Backup, bool]], retention: Retention, random: Random
) -> None:
    backups = [backup for backup, _ in rows]
    shuffled = [replace(backup) for backup in backups]
    random.shuffle(shuffled)
    assert kept(shuffled, retention, frozenset(), ZONE) == kept(backups, retention, frozenset(), ZONE)


def test_years_after_a_leap_day_end_on_the_first_of_march() -> None:
    leap = datetime(2024, 2, 29, 8, tzinfo=UTC)
    assert (years_after(leap, 4), years_after(leap, 1)) == (
        datetime(2028, 2, 29, 8, tzinfo=UTC),
        datetime(2025, 3, 1, 8, tzinfo=UTC),
    )
