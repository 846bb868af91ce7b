"""Which backups are kept: of cases, by hand, of days, weeks and months; and never the last way back goes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from workflows.domain.backups import Backup, BackupPoint, BackupState
from workflows.domain.retention import (
    BY_HAND_DAYS,
    CASE_DAYS,
    HELD,
    NEEDED,
    NEWEST,
    UNTESTED,
    Retention,
    Rule,
    Ties,
    Verdict,
    judged,
    years_after,
)

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
USUAL = Retention(daily=7, weekly=5, monthly=24)
NONE = Retention(0, 0, 0, case_days=1, by_hand_days=1)
LATE = FIRST + timedelta(days=4000)
"""When no time of its own keeps a backup any more."""


def a_backup(
    id_: str, at: datetime, state: BackupState = BackupState.PROVEN, case: str | None = None
) -> Backup:
    return Backup(
        id=id_,
        ledger="demo",
        case=case,
        point=BackupPoint.SNAPSHOT if case is None else BackupPoint.B,
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


def ties(
    at_intervals: Iterable[Backup] = (),
    held: Iterable[str] = (),
    ended: Mapping[str, datetime] | None = None,
) -> Ties:
    taken = frozenset(backup.id for backup in at_intervals)
    return Ties(ended=ended or {}, held=frozenset(held), at_intervals=taken)


def kept(
    backups: list[Backup], retention: Retention, known: Ties, now: datetime = LATE
) -> dict[str, Verdict]:
    verdicts = judged(backups, retention, known, ZONE, now)
    assert set(verdicts) == {backup.id for backup in backups}
    return {id_: verdict for id_, verdict in verdicts.items() if verdict.stays}


def every(step: timedelta, count: int) -> list[Backup]:
    return [a_backup(f"{n:04d}", FIRST + step * n) for n in range(count)]


CASES = ("UC-OPEN", "UC-ENDED", "UC-HELD", "UC-OPEN-HELD")
ENDED = {"UC-ENDED": FIRST + timedelta(days=300), "UC-HELD": FIRST + timedelta(days=1)}
some_backups = st.lists(
    st.tuples(
        st.integers(0, 900 * 24),
        st.sampled_from([BackupState.PROVEN, BackupState.STORED, BackupState.UNPROVEN]),
        st.sampled_from([*CASES, "by hand", "schedule", "schedule"]),
    ),
    max_size=60,
).map(
    lambda rows: [
        (a_backup(f"{n:02d}", FIRST + timedelta(hours=hours), state, who if who in CASES else None), who)
        for n, (hours, state, who) in enumerate(rows)
    ]
)
some_retention = st.builds(
    Retention,
    st.integers(0, 10),
    st.integers(0, 10),
    st.integers(0, 10),
    st.integers(1, 600),
    st.integers(1, 600),
)
some_time = st.integers(0, 2000).map(lambda days: FIRST + timedelta(days=days))


def ties_of(rows: list[tuple[Backup, str]]) -> Ties:
    return ties((b for b, who in rows if who == "schedule"), ("UC-HELD", "UC-OPEN-HELD"), ENDED)


# --------------------------------------------------------------------------- examples


def test_hourly_snapshots_come_down_to_days_weeks_and_months() -> None:
    hourly = every(timedelta(hours=6), 4 * 400)
    reasons = kept(hourly, USUAL, ties(hourly))
    assert len(reasons) <= 7 + 5 + 24
    days = {b.taken_at.astimezone(ZONE).date() for b in hourly if b.id in reasons}
    last = hourly[-1].taken_at.astimezone(ZONE).date()
    assert {last - timedelta(days=n) for n in range(7)} <= days
    months = {(day.year, day.month) for day in days}
    assert len(months) == 14


def test_a_day_is_a_day_of_the_ledgers_own_zone() -> None:
    late, early = datetime(2025, 6, 1, 15, 59, tzinfo=UTC), datetime(2025, 6, 1, 16, 1, tzinfo=UTC)
    both = [a_backup("a", late), a_backup("b", early)]
    assert set(kept(both, Retention(2, 0, 0), ties(both))) == {"a", "b"}


def test_a_failed_test_is_no_reason_to_keep_a_copy() -> None:
    old = a_backup("old", FIRST, BackupState.UNPROVEN)
    new = a_backup("new", FIRST + timedelta(days=1))
    assert kept([old, new], USUAL, ties([old, new])) == {"new": NEWEST}


def test_what_an_open_case_needs_is_kept_whatever_it_is_worth() -> None:
    backups = every(timedelta(days=40), 10)
    backups[3] = replace(backups[3], case="UC-OPEN", state=BackupState.UNPROVEN)
    assert kept(backups, NONE, ties(backups)) == {"0003": NEEDED, "0009": NEWEST}


def test_the_backups_of_a_case_under_legal_hold_are_kept_for_ever() -> None:
    of_it = [a_backup("A", FIRST, case="UC-HELD"), a_backup("B", FIRST + timedelta(hours=1), case="UC-HELD")]
    newest = a_backup("S", FIRST + timedelta(days=2))
    known = ties([newest], held=["UC-HELD"], ended={"UC-HELD": FIRST})
    assert kept([*of_it, newest], NONE, known) == {"A": HELD, "B": HELD, "S": NEWEST}
    lifted = replace(known, held=frozenset[str]())
    assert set(kept([*of_it, newest], NONE, lifted)) == {"S"}


def test_the_backups_of_an_ended_case_live_their_days_after_its_end() -> None:
    cases = [f"UC-{n}" for n in range(5)]
    of_them = [a_backup(f"{case}-{point}", FIRST, case=case) for case in cases for point in "AB"]
    snapshot = a_backup("S", FIRST + timedelta(days=3))
    ends = FIRST + timedelta(days=2)
    known = ties([snapshot], ended=dict.fromkeys(cases, ends))
    one_day = Retention(daily=1, weekly=1, monthly=1)
    last_moment = ends + timedelta(days=CASE_DAYS) - timedelta(microseconds=1)
    assert len(kept([*of_them, snapshot], one_day, known, last_moment)) == 11
    gone = judged([*of_them, snapshot], one_day, known, ZONE, ends + timedelta(days=CASE_DAYS))
    assert {id_ for id_, verdict in gone.items() if verdict.stays} == {"S"}
    assert gone["UC-0-B"] == Verdict(
        False, Rule.CASE_DAYS, "it was kept for 400 days after the end of its case, 2025-01-03T00:00Z"
    )


def test_a_snapshot_by_hand_outlives_the_scheduled_ones_after_it() -> None:
    by_hand = a_backup("hand", FIRST)
    scheduled = every(timedelta(hours=1), 10)[1:]
    one_day = Retention(daily=1, weekly=0, monthly=0)
    backups, known = [by_hand, *scheduled], ties(scheduled)
    soon, later = FIRST + timedelta(hours=10), FIRST + timedelta(days=BY_HAND_DAYS)
    assert set(kept(backups, one_day, known, soon)) == {"hand", "0009"}
    assert judged(backups, one_day, known, ZONE, later)["hand"].rule == Rule.BY_HAND_DAYS
    assert set(kept(backups, one_day, known, later)) == {"0009"}


def test_what_was_taken_for_cases_or_by_hand_is_not_counted_as_that_of_a_day() -> None:
    at_night = a_backup("night", FIRST)
    noon = [
        a_backup("hand", FIRST + timedelta(hours=10)),
        a_backup("B", FIRST + timedelta(hours=9), case="UC"),
    ]
    later = a_backup("S", FIRST + timedelta(days=1))
    known = ties([at_night, later], ended={"UC": FIRST})
    reasons = kept([at_night, *noon, later], Retention(2, 0, 0, 1, 1), known)
    assert set(reasons) == {"night", "S"}


# --------------------------------------------------------------------------- what always holds


@given(some_backups, some_retention, some_time)
def test_neither_the_newest_proven_nor_what_is_held_or_needed_is_ever_let_go(
    rows: list[tuple[Backup, str]], retention: Retention, now: datetime
) -> None:
    backups = [backup for backup, _ in rows]
    reasons = kept(backups, retention, ties_of(rows), now)
    proven = [backup for backup in backups if backup.state == BackupState.PROVEN]
    assert {b.id for b, who in rows if who in CASES and who != "UC-ENDED"} <= set(reasons)
    if proven:
        assert max(proven, key=lambda b: (b.taken_at, b.id)).id in reasons
    newest = max((b.taken_at for b in proven), default=None)
    for backup in backups:
        if newest is None or backup.taken_at > newest:
            assert backup.id in reasons, "it may be under way"
        if backup.case == "UC-ENDED" and now < ENDED["UC-ENDED"] + timedelta(days=retention.case_days):
            assert backup.id in reasons, "its days are not over"


@given(some_backups, some_retention)
def test_no_more_snapshots_are_kept_than_were_asked_for(
    rows: list[tuple[Backup, str]], retention: Retention
) -> None:
    reasons = kept([backup for backup, _ in rows], retention, ties_of(rows))
    by_rule = [verdict for verdict in reasons.values() if verdict.rule == Rule.INTERVALS]
    assert len(by_rule) <= retention.daily + retention.weekly + retention.monthly
    assert {verdict.rule for verdict in reasons.values()} <= {
        *(verdict.rule for verdict in (HELD, NEEDED, NEWEST, UNTESTED)),
        Rule.INTERVALS,
    }


@given(some_backups, some_retention, some_time)
def test_looking_again_after_tidying_removes_nothing_more(
    rows: list[tuple[Backup, str]], retention: Retention, now: datetime
) -> None:
    backups = [backup for backup, _ in rows]
    first = kept(backups, retention, ties_of(rows), now)
    left = [backup for backup in backups if backup.id in first]
    assert kept(left, retention, ties_of(rows), now) == first


@given(some_backups, some_retention, st.randoms())
def test_the_order_in_which_they_are_listed_makes_no_difference(
    rows: list[tuple[Backup, str]], retention: Retention, random: Random
) -> None:
    backups = [backup for backup, _ in rows]
    shuffled = [replace(backup) for backup in backups]
    random.shuffle(shuffled)
    assert kept(shuffled, retention, ties_of(rows)) == kept(backups, retention, ties_of(rows))


def test_years_after_a_leap_day_end_on_the_first_of_march() -> None:
    leap = datetime(2024, 2, 29, 8, tzinfo=UTC)
    assert (years_after(leap, 4), years_after(leap, 1)) == (
        datetime(2028, 2, 29, 8, tzinfo=UTC),
        datetime(2025, 3, 1, 8, tzinfo=UTC),
    )
