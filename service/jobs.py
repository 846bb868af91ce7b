"""What is done at intervals: one row for each job. What a job does stands in `service/job_bodies.py`."""

from dataclasses import dataclass
from datetime import timedelta

from service.texts import Words
from workflows.domain.timetable import BeforeMonthEnd, Daily, Every, Timetable, Weekly
from workflows.domain.working_time import STANDARD


@dataclass(frozen=True, kw_only=True)
class Job:
    """A kind of periodic work, and when it is due unless the configuration or a person says otherwise."""

    name: str
    """Small letters and `-`; with the ledger's code behind a dot it is the name of a schedule."""
    title: Words
    timetable: Timetable
    per_ledger: bool = True
    """A schedule for every ledger, or one for the whole installation."""
    looks_first: bool = False
    """Whether it reads something beside the ERP before it decides."""
    limit: timedelta = timedelta(hours=1)
    """How long a run may take."""
    least_minutes: int = 1
    """How often a person may have it run at most."""
    zone: str = STANDARD.zone
    """Whose clock it goes by if it belongs to no ledger."""
    for_forms: bool = False
    """Whether there is nothing to do where no forms are read."""
    told_after: int = 3
    """After how many failures in a row somebody is told."""


JOBS: tuple[Job, ...] = (
    Job(
        name="watch",
        title=Words("Watch for movements that no case has made", "监视不属于任何案件的变动"),
        timetable=Every(60),
        looks_first=True,
        least_minutes=5,
    ),
    Job(
        name="self-check",
        title=Words(
            "Check before the month's end what would hold up its closing", "月底前自检（盘点未清等）"
        ),
        timetable=BeforeMonthEnd("09:00", working_days=3),
        looks_first=True,
        least_minutes=30,
    ),
    Job(
        name="leases",
        title=Words("Look for ledgers held by cases that run no longer", "检查被已不在运行的案件占用的账套"),
        timetable=Every(10),
        per_ledger=False,
    ),
    Job(
        name="left-copies",
        title=Words("Remove rehearsal copies that nobody needs any more", "清除遗留的演练副本"),
        timetable=Daily("03:30"),
        looks_first=True,
        least_minutes=30,
    ),
    Job(
        name="snapshot",
        title=Words("Take a snapshot and remove what retention keeps no longer", "制作快照并按保留策略清理"),
        timetable=Daily("02:00"),
        least_minutes=30,
    ),
    Job(
        name="reports",
        title=Words("Make the reports of cases that have ended", "生成已结束案件的报告"),
        timetable=Daily("03:00"),
        per_ledger=False,
        least_minutes=5,
    ),
    Job(
        name="delivery-bodies",
        title=Words(
            "Remove bodies of deliveries that ended longer ago than they are kept",
            "清除已结束且超过保留期限的推送内容",
        ),
        timetable=Daily("04:30"),
        per_ledger=False,
        least_minutes=5,
    ),
    Job(
        name="restore-drill",
        title=Words("Restore the backup that was tested longest ago", "对最久未测试的备份做恢复演练"),
        timetable=Weekly("04:00", weekdays=(7,)),
        least_minutes=30,
        # A backup that cannot be restored is lost; the next drill tries another one and would succeed.
        told_after=1,
    ),
    Job(
        name="form-poll",
        title=Words("Look for form records that no push told of", "核对推送遗漏的表单记录"),
        timetable=Every(10),
        per_ledger=False,
        for_forms=True,
    ),
    Job(
        name="checkpoint",
        title=Words(
            "Make packages of cases that have ended and sign where every chain ends",
            "为已结束案件制作证据包并签署全部链的检查点",
        ),
        timetable=Daily("01:30"),
        per_ledger=False,
        least_minutes=30,
    ),
)
"""Every job there is. A new one takes a row here and a line in `service/job_bodies.py`."""


TOLD_AFTER = {job.name: job.told_after for job in JOBS}
"""By job: after how many failures in a row somebody is told."""


def jobs_with(*, forms: bool) -> tuple[Job, ...]:
    """The jobs of an installation that reads forms, or of one that reads none."""
    return tuple(job for job in JOBS if forms or not job.for_forms)
