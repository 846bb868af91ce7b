"""Periodic work: one small workflow that every schedule starts (design §10)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ApplicationError, ChildWorkflowError, FailureError

from workflows.backup_work import BackupWork, BackupWorkflow
from workflows.domain.errors import UncloseError, UnknownBackup
from workflows.periodic_steps import RUN_DONE, RUN_FAILED, JobDone, JobOrder, PeriodicSteps, RunRecord
from workflows.steps import RECORD, ledger_queue

CHOICES = 3
"""How many backups are chosen in one run, should retention delete those chosen before."""
_DUE = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


@dataclass(frozen=True, kw_only=True)
class PeriodicRun:
    """What a schedule starts."""

    schedule: str
    job: str
    ledger: str | None = None
    looks_first: bool = False
    """Whether something is read from the ledger before the job is done."""
    at_site: bool = False
    seconds: int = 3600
    """How long the job may take; it is tried again within that time only."""


@workflow.defn(failure_exception_types=[UncloseError])
class PeriodicWorkflow:
    """One run. It fails if the job does, so that Temporal's own tools show it as the register does."""

    @workflow.run
    async def run(self, run: PeriodicRun) -> JobDone:
        order = JobOrder(
            schedule=run.schedule, job=run.job, ledger=run.ledger, run=workflow.info().workflow_id, at=_due()
        )
        try:
            done = await _do(run, order)
        except FailureError as failure:
            await _note(order, RUN_FAILED, says=_innermost(failure))
            raise
        await _note(order, RUN_DONE, done)
        return done


async def _do(run: PeriodicRun, order: JobOrder) -> JobDone:
    how = workflow.ActivityConfig(
        start_to_close_timeout=timedelta(seconds=run.seconds),
        schedule_to_close_timeout=timedelta(seconds=run.seconds),
        heartbeat_timeout=timedelta(seconds=10),
        retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=4),
    )
    if run.looks_first:
        there = {**how, "task_queue": ledger_queue(run.ledger)} if run.at_site and run.ledger else how
        prepared = await workflow.execute_activity_method(PeriodicSteps.prepare_look, order, **how)
        if not prepared.go_on:
            return JobDone(prepared.facts)
        order = replace(order, before=prepared.before)
        looked = await workflow.execute_activity_method(PeriodicSteps.look_first, order, **there)
        order = replace(order, seen=looked.found)
    for _ in range(CHOICES):
        done = await workflow.execute_activity_method(PeriodicSteps.do_job, order, **how)
        if done.backups is None or await _work_on_backups(order, done.backups):
            return done
    return JobDone({"backup": None})


async def _work_on_backups(order: JobOrder, work: BackupWork) -> bool:
    """False if the backup to be tested was deleted by retention after it was chosen: no fault of either."""
    # Under the name that GET /backups/work/{name} knows.
    name = f"backup-work/{order.run.removeprefix('schedule/')}"
    try:
        await workflow.execute_child_workflow(BackupWorkflow.run, work, id=name)
    except ChildWorkflowError as failure:
        if work.test is None or not _is_deleted(failure):
            raise
        return False
    return True


def _is_deleted(failure: BaseException) -> bool:
    cause = failure
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return isinstance(cause, ApplicationError) and cause.type == UnknownBackup.__name__


async def _note(order: JobOrder, outcome: str, done: JobDone | None = None, says: str = "") -> None:
    record = RunRecord(
        schedule=order.schedule,
        run=order.run,
        at=order.at,
        started_at=workflow.info().start_time,
        ended_at=workflow.now(),
        outcome=outcome,
        says=says,
        facts=done.facts if done else {},
    )
    await workflow.execute_local_activity_method(PeriodicSteps.note_run, record, **RECORD)


def _due() -> datetime:
    """When the run was due: a schedule tells it; a run that nobody scheduled is due when it starts."""
    return workflow.info().typed_search_attributes.get(_DUE) or workflow.info().start_time


def _innermost(failure: BaseException) -> str:
    while failure.__cause__ is not None:
        failure = failure.__cause__
    return str(failure)
