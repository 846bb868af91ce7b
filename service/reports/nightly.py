"""The reports of what has ended, made at night by whoever has not been asked for them by day (R87)."""

from service.reports.sealed import Reports
from workflows.domain.digest import Json
from workflows.periodic_steps import JobDone, JobOrder

AT_MOST = 200
"""Cases of one run: some minutes of one core. What is left over has its turn the next night."""


class NightlyReports:
    def __init__(self, reports: Reports) -> None:
        self.reports = reports

    async def make(self, order: JobOrder) -> JobDone:
        """Make what is missing; a run that is repeated finds it made."""
        made = await self.reports.make_missing(AT_MOST)
        failed: list[Json] = [*made.failed]
        return JobDone({"cases": made.cases, "failed": failed})
