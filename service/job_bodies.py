"""What each job does: one line for each, made of the worker's parts."""

from collections.abc import Mapping

from temporalio import activity

from activities.backup.catalogue import BackupCatalogue
from activities.backup.rehearsal import WithRehearsals
from activities.lease_watching import LeaseWatch, LeftCopies
from activities.periodic import JobBody
from activities.periodic_backups import PeriodicBackups
from activities.recording import Register
from activities.self_checking import SelfCheck
from activities.watching import Watch
from service.database import Database
from service.delivery_retention import DeliveryRetention
from service.jiandaoyun.polling import FormPolls
from service.leases import Leases
from service.ledger_book import LedgerBook
from service.prevention_checks import PreventionChecks
from service.reports.nightly import NightlyReports
from service.reports.sealed import Reports
from service.root_causes import SqlRootCauses
from service.running_cases import TemporalRunningCases
from service.standing_tasks import StandingTasks
from service.trail_job import TrailJob
from service.watch_register import SqlWatchRegister


def job_bodies(
    book: LedgerBook,
    database: Database,
    register: Register,
    catalogue: BackupCatalogue,
    ledgers: WithRehearsals,
    forms: FormPolls,
    reports: Reports,
    trail: TrailJob,
    retention: DeliveryRetention,
) -> Mapping[str, JobBody]:
    """The body of every job in `service/jobs.py`, by its name."""
    backups = PeriodicBackups(catalogue, book)
    watch = Watch(book, book, register, SqlWatchRegister(database))
    tasks, leases = StandingTasks(database), Leases(database)
    causes = PreventionChecks(SqlRootCauses(database, book.causes))
    check = SelfCheck(book, book, tasks, (causes,))
    running = TemporalRunningCases(activity.client)
    left = LeftCopies(ledgers, leases, running)
    return {
        "watch": JobBody(watch.judge, watch.look, watch.prepare),
        "self-check": JobBody(check.judge, check.look, check.prepare),
        "leases": JobBody(LeaseWatch(leases, running, tasks).orphans),
        "left-copies": JobBody(left.told, left.remove, left.prepare),
        "reports": JobBody(NightlyReports(reports).make),
        "snapshot": JobBody(backups.snapshot),
        "restore-drill": JobBody(backups.drill),
        "form-poll": JobBody(forms.poll),
        "checkpoint": JobBody(trail.run),
        "delivery-bodies": JobBody(retention.tidy),
    }
