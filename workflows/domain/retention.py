"""Which backups are kept, and why: so many days, weeks and months, and what a case still needs (R36, R41)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from workflows.domain.backups import Backup, BackupState

NEEDED = "a case that has not ended needs it"
HELD = "its case is under a legal hold"
NEWEST = "it is the newest proven one"
UNTESTED = "its restore test is still to come"


@dataclass(frozen=True)
class Retention:
    """How many days, weeks and months are kept; of each the newest proven backup."""

    daily: int
    weekly: int
    monthly: int


def kept(
    backups: Iterable[Backup],
    retention: Retention,
    needed: frozenset[str],
    zone: tzinfo,
    held: frozenset[str] = frozenset(),
) -> Mapping[str, str]:
    """What is kept of the backups of one ledger, each with its reason. Everything else may be deleted.

    Never without a reason to be kept: what a case that has not ended needs, what a legal hold is on, the
    newest proven backup, and what is newer than that, because it may be under way.
    """
    ordered = sorted(backups, key=lambda backup: (backup.taken_at, backup.id), reverse=True)
    proven = [backup for backup in ordered if backup.state == BackupState.PROVEN]
    reasons: dict[str, str] = {}
    for number, unit, name in (
        (retention.monthly, "%Y-%m", "month"),
        (retention.weekly, "%G-W%V", "week"),
        (retention.daily, "%Y-%m-%d", "day"),
    ):
        for span, backup in _newest_of_each(proven, unit, zone)[:number]:
            reasons[backup.id] = f"it is the newest of the {name} {span}"
    for backup in ordered:
        if backup.id in needed:
            reasons[backup.id] = NEEDED
        elif backup.id in held:
            reasons[backup.id] = HELD
        elif backup.state != BackupState.PROVEN and (not proven or backup.taken_at > proven[0].taken_at):
            reasons[backup.id] = UNTESTED
    if proven and proven[0].id not in needed | held:
        reasons[proven[0].id] = NEWEST
    return reasons


def _newest_of_each(proven: list[Backup], unit: str, zone: tzinfo) -> list[tuple[str, Backup]]:
    """The newest backup of each day, week or month in which there is one, the newest first."""
    found: dict[str, Backup] = {}
    for backup in proven:
        found.setdefault(backup.taken_at.astimezone(zone).strftime(unit), backup)
    return list(found.items())


def years_after(moment: datetime, years: int) -> datetime:
    """The same day so many years later; the first of March where that year has no 29th of February."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)
