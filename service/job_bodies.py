"""What each job does: one line for each, made of the worker's parts."""

from collections.abc import Mapping

from activities.backup.catalogue import BackupCatalogue
from activities.periodic import JobBody
from activities.periodic_backups import PeriodicBackups
from service.ledger_book import LedgerBook


def job_bodies(book: LedgerBook, catalogue: BackupCatalogue) -> Mapping[str, JobBody]:
    """The body of every job in `service/jobs.py`, by its name."""
    backups = PeriodicBackups(catalogue, book)
    return {
        "snapshot": JobBody(backups.snapshot),
        "restore-drill": JobBody(backups.drill),
    }
