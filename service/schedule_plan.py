"""Which schedules there are to be: jobs times ledgers, each with its timetable and calendar."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from service.holidays import with_chinese_holidays
from service.jobs import JOBS, Job
from service.ledger_book import LedgerBook
from workflows.domain.timetable import Timetable
from workflows.domain.working_time import STANDARD, WorkingTime
from workflows.periodic import PeriodicRun


@dataclass(frozen=True)
class Planned:
    """One schedule as it is configured, before any person has said otherwise."""

    name: str
    job: Job
    ledger: str | None
    timetable: Timetable
    working_time: WorkingTime
    """Whose working days and whose clock it goes by."""
    run: PeriodicRun


def planned_schedules(book: LedgerBook, jobs: tuple[Job, ...] = JOBS) -> Mapping[str, Planned]:
    """Every schedule there is to be, by name."""
    return {planned.name: planned for job in jobs for planned in _of_job(book, job)}


def _of_job(book: LedgerBook, job: Job) -> Iterator[Planned]:
    if not job.per_ledger:
        today = datetime.now(ZoneInfo(job.zone)).date()
        working_time = with_chinese_holidays(replace(STANDARD, zone=job.zone), today)
        yield _planned(job, None, job.timetable, working_time, at_site=False)
        return
    for code in book.codes:
        profile = book.profile(code)
        timetable = book.configuration(code).schedules.get(job.name, job.timetable)
        yield _planned(job, code, timetable, profile.working_time, profile.at_site)


def _planned(
    job: Job, ledger: str | None, timetable: Timetable, working_time: WorkingTime, at_site: bool
) -> Planned:
    name = job.name if ledger is None else f"{job.name}.{ledger}"
    run = PeriodicRun(
        schedule=name,
        job=job.name,
        ledger=ledger,
        looks_first=job.looks_first,
        at_site=at_site,
        seconds=int(job.limit.total_seconds()),
    )
    return Planned(name, job, ledger, timetable, working_time, run)
