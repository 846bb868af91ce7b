"""Schedules on a real Temporal server: made once, kept, on the working calendar, one run at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.converter import data_converter
from activities.periodic import JobBody, PeriodicActivities
from service.holidays import with_chinese_holidays
from service.jobs import Job
from service.refusals import ScheduleRuns
from service.running_cases import TemporalRunningCases
from service.sandbox import sandbox_for
from service.schedule_plan import Planned
from service.schedule_register import Wish
from service.schedules import ScheduleKeeper, TemporalSchedules
from service.temporal_server import find_temporal
from service.texts import Words
from tests.fakes import FakeScheduleRegister
from tests.integration.test_backup_routes import a_backup
from tests.temporal_flags import TIME_SKIPPING
from workflows.backup_steps import SnapshotSteps, TestOrder
from workflows.backup_work import BackupWork, BackupWorkflow
from workflows.domain.backups import Backup
from workflows.domain.case import Actor, workflow_id
from workflows.domain.errors import LedgerRefused, UnknownBackup
from workflows.domain.timetable import BeforeMonthEnd, Daily, Every, Timetable, due_between
from workflows.domain.working_time import STANDARD
from workflows.periodic import PeriodicRun, PeriodicWorkflow
from workflows.periodic_steps import JobDone, JobOrder

OPERATOR = Actor("operator")
BEGIN, END = datetime(2025, 1, 23, 16, tzinfo=UTC), datetime(2025, 2, 8, 16, tzinfo=UTC)
"""Around the Spring Festival of 2025, whole days in Shanghai."""
HOLIDAYS = with_chinese_holidays(STANDARD, date(2025, 1, 1))


def planned(name: str, timetable: Timetable) -> Planned:
    job = Job(name=name, title=Words("Work", "工作"), timetable=timetable)
    run = PeriodicRun(schedule=name, job="work", looks_first=True, seconds=30)
    return Planned(name, job, None, timetable, HOLIDAYS, run)


class Stage:
    """A keeper, a worker whose job a test can hold back, and what was put on record."""

    def __init__(self, client: Client, plan: dict[str, Planned]) -> None:
        self.client, self.queue = client, f"periodic-{uuid4()}"
        self.server = TemporalSchedules(client, self.queue)
        self.register = FakeScheduleRegister()
        self.plan = plan
        self.keeper = ScheduleKeeper(self.server, self.register, lambda: self.plan)
        self.begun: list[JobOrder] = []
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.refuses = False

    async def _look(self, order: JobOrder) -> str:
        return f"looked for {order.job}"

    async def _do(self, order: JobOrder) -> JobDone:
        self.begun.append(order)
        await self.may_end.wait()
        if self.refuses:
            raise LedgerRefused("demo", "not today")
        return JobDone({"seen": order.seen})

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        steps = PeriodicActivities({"work": JobBody(self._do, self._look)}, self.register)
        worker = Worker(
            self.client,
            task_queue=self.queue,
            workflows=[PeriodicWorkflow],
            activities=[steps.prepare_look, steps.look_first, steps.do_job, steps.note_run],
            workflow_runner=sandbox_for(self.client.data_converter),
        )
        async with worker:
            yield

    def has_run(self) -> bool:
        return len(self.register.log) == 1

    async def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(400):
            if holds():
                return
            await asyncio.sleep(0.025)
        raise AssertionError("it did not come to that")


@pytest.fixture
def name() -> str:
    return f"work-{uuid4()}"


async def test_runs_fall_on_working_days_and_are_put_on_record(
    shared_temporal: WorkflowEnvironment, name: str
) -> None:
    with shared_temporal.with_time_skipping_disabled():
        stage = Stage(shared_temporal.client, {name: planned(name, Daily("08:00", working_days=True))})
        await stage.keeper.bring_in_line()
        expected = list(due_between(Daily("08:00", working_days=True), HOLIDAYS, BEGIN, END))
        assert len(expected) == 7
        async with stage.working():
            await stage.server.backfill(name, BEGIN, END)
            await stage.until(lambda: len(stage.register.log) == 7)
    assert [record.at for record in stage.register.log] == expected
    assert {record.outcome for record in stage.register.log} == {"done"}
    assert stage.register.log[0].facts == {"seen": "looked for work"}


async def test_runs_before_a_months_end_are_told_to_temporal_day_by_day(
    shared_temporal: WorkflowEnvironment, name: str
) -> None:
    rule = BeforeMonthEnd("09:00", 3)
    stage = Stage(shared_temporal.client, {name: planned(name, rule)})
    await stage.keeper.bring_in_line()
    now = await stage.server.look(name)
    assert now is not None
    today = datetime.now(UTC)
    assert list(now.next) == list(due_between(rule, HOLIDAYS, today, today + timedelta(days=200)))[:5]


async def test_a_run_is_left_out_while_the_one_before_goes_on(
    shared_temporal: WorkflowEnvironment, name: str
) -> None:
    with shared_temporal.with_time_skipping_disabled():
        stage = Stage(shared_temporal.client, {name: planned(name, Every(1440))})
        await stage.keeper.bring_in_line()
        stage.may_end.clear()
        async with stage.working():
            await stage.server.trigger(name)
            await stage.until(lambda: len(stage.begun) == 1)
            with pytest.raises(ScheduleRuns):
                await stage.server.trigger(name)
            now = await stage.server.look(name)
            assert now is not None
            assert len(now.running) == 1
            stage.may_end.set()
            await stage.until(stage.has_run)
    assert len(stage.begun) == 1


async def test_of_two_triggers_at_once_one_runs_and_the_other_is_told(
    shared_temporal: WorkflowEnvironment, name: str
) -> None:
    with shared_temporal.with_time_skipping_disabled():
        stage = Stage(shared_temporal.client, {name: planned(name, Every(1440))})
        await stage.keeper.bring_in_line()
        stage.may_end.clear()
        async with stage.working():
            both = await asyncio.gather(
                stage.server.trigger(name), stage.server.trigger(name), return_exceptions=True
            )
            stage.may_end.set()
            await stage.until(stage.has_run)
    assert sorted(type(one).__name__ for one in both) == ["NoneType", "ScheduleRuns"]
    assert len(stage.begun) == 1


async def test_a_run_that_is_refused_is_on_record_with_its_reason(
    shared_temporal: WorkflowEnvironment, name: str
) -> None:
    with shared_temporal.with_time_skipping_disabled():
        stage = Stage(shared_temporal.client, {name: planned(name, Every(1440))})
        stage.refuses = True
        await stage.keeper.bring_in_line()
        async with stage.working():
            await stage.server.trigger(name)
            await stage.until(stage.has_run)
    record = stage.register.log[0]
    assert (record.outcome, len(stage.begun)) == ("failed", 1)
    assert "not today" in record.says


async def test_a_pause_stays_whoever_made_it_and_whatever_is_brought_in_line(
    shared_temporal: WorkflowEnvironment, name: str
) -> None:
    by_us, by_tool = f"{name}-a", f"{name}-b"
    plan = {each: planned(each, Every(1440)) for each in (by_us, by_tool)}
    stage = Stage(shared_temporal.client, plan)
    await stage.keeper.bring_in_line()
    await stage.keeper.put(plan[by_us], Wish(paused=True, comment="month end"), OPERATOR)
    await shared_temporal.client.get_schedule_handle(f"schedule/{by_tool}").pause(note="by hand")
    stage.plan = {each: replace(p, timetable=Every(720)) for each, p in plan.items()}
    for _ in range(2):
        await stage.keeper.bring_in_line()
    seen = [await stage.server.look(each) for each in (by_us, by_tool)]
    assert [(now.paused, now.note) for now in seen if now] == [
        (True, "operator: month end"),
        (True, "by hand"),
    ]
    await stage.keeper.put(stage.plan[by_us], Wish(paused=False, comment="go on"), OPERATOR)
    now = await stage.server.look(by_us)
    assert now is not None
    assert not now.paused
    assert (now.next[1] - now.next[0]) == timedelta(hours=12)


async def test_what_is_configured_no_longer_goes_away(
    shared_temporal: WorkflowEnvironment, name: str
) -> None:
    stage = Stage(shared_temporal.client, {name: planned(name, Every(1440))})
    await stage.keeper.bring_in_line()
    stage.plan = {}
    for _ in range(2):
        await stage.keeper.bring_in_line()
    assert await stage.server.look(name) is None
    assert stage.register.said == {}


async def test_schedules_survive_a_restart_of_server_and_worker(tmp_path: Path, name: str) -> None:
    """The server is ended and started again on its file; the second worker finds what the first has made."""
    plan = {name: planned(name, Every(1440))}
    for life in range(2):
        environment = await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(find_temporal()),
            dev_server_database_filename=str(tmp_path / "temporal.db"),
            data_converter=data_converter,
            dev_server_extra_args=TIME_SKIPPING,
        )
        async with environment:
            stage = Stage(environment.client, plan)
            before = await stage.server.look(name)
            assert (before is not None) == (life == 1)
            if life == 0:
                await stage.keeper.bring_in_line()
                await stage.keeper.put(plan[name], Wish(paused=True, comment="kept"), OPERATOR)
            await stage.keeper.bring_in_line()
            now = await stage.server.look(name)
            assert now is not None
            assert now.paused
            async with stage.working():
                await stage.server.trigger(name)
                await stage.until(stage.has_run)


async def test_a_case_runs_until_its_workflow_has_ended_however(
    shared_temporal: WorkflowEnvironment, name: str
) -> None:
    """Nobody serves the queue: the workflow waits until it is ended from outside."""
    client = shared_temporal.client
    cases = TemporalRunningCases(lambda: client)
    assert not await cases.is_running(name)
    run = PeriodicRun(schedule=name, job="work")
    handle = await client.start_workflow(PeriodicWorkflow.run, run, id=workflow_id(name), task_queue=name)
    assert await cases.is_running(name)
    await handle.terminate("by hand")
    assert not await cases.is_running(name)


class _Tests(SnapshotSteps):
    """Restore tests of backups, all but the last of which retention has deleted since."""

    def __init__(self, gone: set[str]) -> None:
        self.gone, self.asked = gone, list[str]()

    @activity.defn
    async def test_backup(self, order: TestOrder) -> Backup:
        self.asked.append(order.backup)
        if order.backup in self.gone:
            raise UnknownBackup(order.backup)
        return a_backup(order.backup)


@pytest.mark.parametrize(("gone", "chosen"), [({"b1"}, "b2"), ({"b1", "b2", "b3"}, None)])
async def test_a_drill_whose_backup_is_deleted_meanwhile_takes_another_or_ends_quietly(
    shared_temporal: WorkflowEnvironment, name: str, gone: set[str], chosen: str | None
) -> None:
    tests, register, choices = _Tests(gone), FakeScheduleRegister(), iter(("b1", "b2", "b3"))

    async def choose(order: JobOrder) -> JobDone:
        backup = next(choices)
        test = TestOrder(backup=backup, by="schedule", key=order.run)
        return JobDone({"backup": backup}, BackupWork(ledger="demo", test=test))

    steps = PeriodicActivities({"work": JobBody(choose)}, register)
    with shared_temporal.with_time_skipping_disabled():
        async with Worker(
            shared_temporal.client,
            task_queue=name,
            workflows=[PeriodicWorkflow, BackupWorkflow],
            activities=[steps.do_job, steps.note_run, tests.test_backup],
            workflow_runner=sandbox_for(shared_temporal.client.data_converter),
        ):
            run = PeriodicRun(schedule=name, job="work", ledger="demo", seconds=30)
            await shared_temporal.client.execute_workflow(
                PeriodicWorkflow.run, run, id=f"schedule/{name}", task_queue=name
            )
    assert tests.asked == sorted(gone | ({chosen} if chosen else set()))
    assert [(record.outcome, record.facts) for record in register.log] == [("done", {"backup": chosen})]
