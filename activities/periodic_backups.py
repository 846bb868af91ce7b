"""Snapshots at intervals and restore drills: which work on backups is due (R36)."""

from activities.backup.catalogue import BY_SCHEDULE, BackupCatalogue
from activities.recording import Profiles
from workflows.backup_steps import SnapshotOrder, TestOrder
from workflows.backup_work import BackupWork
from workflows.domain.backups import Backup, BackupState
from workflows.periodic_steps import JobDone, JobOrder


class PeriodicBackups:
    """Decides only; the work is done by the workflow that every other snapshot and test is done by."""

    def __init__(self, catalogue: BackupCatalogue, profiles: Profiles) -> None:
        self.catalogue, self.profiles = catalogue, profiles

    async def snapshot(self, order: JobOrder) -> JobDone:
        """Named after the time at which it was due: a run that is repeated makes no second one."""
        ledger = _ledger(order)
        name = f"{ledger}-snapshot-{order.at:%Y%m%dT%H%M%S}"
        wanted = SnapshotOrder(id=name, ledger=ledger, by=BY_SCHEDULE, reason=order.schedule)
        return JobDone(
            {"backup": name}, BackupWork(ledger=ledger, at_site=self._at_site(ledger), snapshot=wanted)
        )

    async def drill(self, order: JobOrder) -> JobDone:
        """Nothing to restore is said, and is no failure: the first snapshot may still be to come."""
        ledger = _ledger(order)
        chosen = longest_untested(await self.catalogue.of(ledger))
        if chosen is None:
            return JobDone({"backup": None})
        test = TestOrder(backup=chosen.id, by=BY_SCHEDULE, key=order.run[-120:])
        return JobDone(
            {"backup": chosen.id}, BackupWork(ledger=ledger, at_site=self._at_site(ledger), test=test)
        )

    def _at_site(self, ledger: str) -> bool:
        return self.profiles.profile(ledger).at_site


def longest_untested(backups: tuple[Backup, ...]) -> Backup | None:
    """Of the proven backups the one whose last restore test lies furthest back: in time each has its turn."""
    proven = [backup for backup in backups if backup.state == BackupState.PROVEN]
    return min(proven, key=lambda backup: (backup.tested_at or backup.taken_at, backup.id), default=None)


def _ledger(order: JobOrder) -> str:
    assert order.ledger is not None, "these jobs belong to ledgers"
    return order.ledger
