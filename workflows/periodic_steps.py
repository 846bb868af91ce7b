"""What may be asked of periodic work: look at a ledger, do the job, put on record how it went.

As in `workflows/steps.py`: typed contracts, empty; `activities/periodic.py` implements them.
"""

from dataclasses import dataclass, field
from datetime import datetime

from temporalio import activity

from workflows.backup_work import BackupWork
from workflows.domain.digest import Json
from workflows.steps import Nothing

RUN_DONE, RUN_FAILED = "done", "failed"


@dataclass(frozen=True, kw_only=True)
class JobOrder:
    """One run of one job."""

    schedule: str
    """Name of the schedule: the job's, and the ledger's code behind a dot."""
    job: str
    ledger: str | None
    run: str
    """Name of this run; whatever is done under it twice is done once."""
    at: datetime
    """When it was due, which a back-fill may have long ago."""
    before: Json = None
    """What was known before the look, if the job looks first."""
    seen: Json = None
    """What the look at the ledger has found, if the job looks first."""


@dataclass(frozen=True)
class JobDone:
    """What came of a run, for the record, and work on backups that is to follow."""

    facts: dict[str, Json] = field(default_factory=dict)
    backups: BackupWork | None = None


@dataclass(frozen=True)
class Prepared:
    """What a look is to start from, or why there is nothing to look at now."""

    before: Json
    go_on: bool = True
    facts: dict[str, Json] = field(default_factory=dict)
    """For the record, if it does not go on."""


@dataclass(frozen=True)
class Seen:
    """What a job has found in a ledger."""

    found: Json


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """How a run ended."""

    schedule: str
    run: str
    at: datetime
    started_at: datetime
    ended_at: datetime
    outcome: str
    """`done` or `failed`."""
    says: str = ""
    """Why it failed."""
    facts: dict[str, Json] = field(default_factory=dict)


class PeriodicSteps:
    """The steps of a run: those that look prepare first."""

    @activity.defn
    async def prepare_look(self, order: JobOrder) -> Prepared:
        """What the register knows before a ledger is looked at. Changes nothing."""
        raise NotImplementedError

    @activity.defn
    async def look_first(self, order: JobOrder) -> Seen:
        """Read what the job needs, beside the ERP, or clear away what was left there. Acts on no ledger."""
        raise NotImplementedError

    @activity.defn
    async def do_job(self, order: JobOrder) -> JobDone:
        """Do the job. Each job says why twice is harmless; `order.run` tells that it is the same run."""
        raise NotImplementedError

    @activity.defn
    async def note_run(self, record: RunRecord) -> Nothing:
        """Put on record how the run ended. A run that is on record stays as it is."""
        raise NotImplementedError
