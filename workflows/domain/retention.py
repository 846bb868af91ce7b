"""Which backups are kept, and why: of cases, by hand, of days, weeks and months (R36, R41)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from workflows.domain.backups import Backup, BackupState

CASE_DAYS = 400
"""A fiscal year and some weeks for its audit: backup B is all that a difference is recomputed from."""
BY_HAND_DAYS = 90
"""What somebody asked for is still there when it is asked about."""


@dataclass(frozen=True)
class Retention:
    """How long the backups of one ledger are kept."""

    daily: int
    weekly: int
    monthly: int
    """Of so many days, weeks and months the newest proven one of the snapshots taken at intervals."""
    case_days: int = CASE_DAYS
    """Backups A and B: so many days after the end of their case, and always until then."""
    by_hand_days: int = BY_HAND_DAYS
    """A snapshot that somebody asked for: so many days after it was taken."""


@dataclass(frozen=True, kw_only=True)
class Ties:
    """What the register knows of the backups of one ledger beside the copies themselves."""

    ended: Mapping[str, datetime]
    """When cases ended. One that is not named has not, or nothing is on record of it: its backups stay."""
    held: frozenset[str]
    """Cases under legal hold."""
    at_intervals: frozenset[str]
    """Ids of the snapshots that a schedule has taken; every other was asked for by somebody."""


class Rule(StrEnum):
    """Why a backup is kept, or is kept no longer."""

    LEGAL_HOLD = "legal_hold"
    OPEN_CASE = "open_case"
    CASE_DAYS = "case_days"
    BY_HAND_DAYS = "by_hand_days"
    NEWEST = "newest"
    UNTESTED = "untested"
    INTERVALS = "intervals"
    """So many days, weeks and months."""


@dataclass(frozen=True)
class Verdict:
    """What retention says of one backup."""

    stays: bool
    rule: Rule
    says: str


HELD = Verdict(True, Rule.LEGAL_HOLD, "its case is under legal hold")
NEEDED = Verdict(True, Rule.OPEN_CASE, "its case has not ended")
NEWEST = Verdict(True, Rule.NEWEST, "it is the newest proven one")
UNTESTED = Verdict(True, Rule.UNTESTED, "its restore test is still to come")


def judged(
    backups: Iterable[Backup], retention: Retention, ties: Ties, zone: tzinfo, now: datetime
) -> Mapping[str, Verdict]:
    """What is kept of the backups of one ledger and what may be deleted, each with its rule.

    Never deleted: what belongs to a case under legal hold or to one that has not ended, the newest proven
    backup, and what is newer than that, because it may be under way. A case's backups and snapshots by hand
    have a time of their own; only snapshots taken at intervals count as one of a day, week or month.
    """
    ordered = sorted(backups, key=lambda backup: (backup.taken_at, backup.id), reverse=True)
    newest = next((backup for backup in ordered if backup.state == BackupState.PROVEN), None)
    at_intervals = [backup for backup in ordered if backup.id in ties.at_intervals]
    counted = _counted(at_intervals, retention, zone)
    return {
        backup.id: _of_a_case(backup.case, ties)
        or _last_way_back(backup, newest)
        or counted.get(backup.id)
        or _by_age(backup, retention, ties, now)
        for backup in ordered
    }


def _of_a_case(case: str | None, ties: Ties) -> Verdict | None:
    if case in ties.held:
        return HELD
    return NEEDED if case is not None and case not in ties.ended else None


def _last_way_back(backup: Backup, newest: Backup | None) -> Verdict | None:
    if newest is not None and backup.id == newest.id:
        return NEWEST
    may_be_under_way = newest is None or backup.taken_at > newest.taken_at
    return UNTESTED if backup.state != BackupState.PROVEN and may_be_under_way else None


def _by_age(backup: Backup, retention: Retention, ties: Ties, now: datetime) -> Verdict:
    """Of ended cases and by hand, by their days; of the rest more are there than are counted."""
    if backup.case is not None:
        ended = ties.ended[backup.case]
        stays = now < ended + timedelta(days=retention.case_days)
        return Verdict(stays, Rule.CASE_DAYS, _days(stays, retention.case_days, "the end of its case", ended))
    if backup.id in ties.at_intervals:
        counts = f"{retention.daily} days, {retention.weekly} weeks and {retention.monthly} months"
        return Verdict(False, Rule.INTERVALS, f"it is not the newest proven one of any of the last {counts}")
    stays = now < backup.taken_at + timedelta(days=retention.by_hand_days)
    says = _days(stays, retention.by_hand_days, "it was taken by hand", backup.taken_at)
    return Verdict(stays, Rule.BY_HAND_DAYS, says)


def _days(stays: bool, count: int, since: str, at: datetime) -> str:
    return f"it {'is' if stays else 'was'} kept for {count} days after {since}, {at:%Y-%m-%dT%H:%MZ}"


def _counted(ordered: list[Backup], retention: Retention, zone: tzinfo) -> Mapping[str, Verdict]:
    proven = [backup for backup in ordered if backup.state == BackupState.PROVEN]
    found: dict[str, Verdict] = {}
    for number, unit, name in (
        (retention.monthly, "%Y-%m", "month"),
        (retention.weekly, "%G-W%V", "week"),
        (retention.daily, "%Y-%m-%d", "day"),
    ):
        for span, backup in list(_newest_of_each(proven, unit, zone))[:number]:
            found[backup.id] = Verdict(True, Rule.INTERVALS, f"it is the newest of the {name} {span}")
    return found


def _newest_of_each(proven: list[Backup], unit: str, zone: tzinfo) -> Iterator[tuple[str, Backup]]:
    """The newest backup of each day, week or month in which there is one, the newest first."""
    found: dict[str, Backup] = {}
    for backup in proven:
        found.setdefault(backup.taken_at.astimezone(zone).strftime(unit), backup)
    yield from found.items()


def years_after(moment: datetime, years: int) -> datetime:
    """The same day so many years later; the first of March where that year has no 29th of February."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)
