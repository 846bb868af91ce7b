"""What each job does: one line for each, made of the worker's parts."""

from collections.abc import Mapping

from activities.backup.catalogue import BackupCatalogue
from activities.periodic import JobBody
from activities.periodic_backups import PeriodicBackups
from activities.recording import Register
from activities.watching import Watch
from service.database import Database
from service.ledger_book import LedgerBook
from service.watch_register import SqlWatchRegister


def job_bodies(
    book: LedgerBook, database: Database, register: Register, catalogue: BackupCatalogue
) -> Mapping[str, JobBody]:
    """The body of every job in `service/jobs.py`, by its name."""
    backups = PeriodicBackups(catalogue, book)
    watch = Watch(book, book, register, SqlWatchRegister(database))
    return {
        "watch": JobBody(watch.judge, watch.look, watch.prepare),
        "snapshot": JobBody(backups.snapshot),
        "restore-drill": JobBody(backups.drill),
    }
