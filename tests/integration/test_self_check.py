"""The self-check before a month's end on the demo ledger: what it finds becomes tasks, while it is found."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from activities.demo_erp import dialect, tables
from activities.erp.demo import DemoConnector, DemoOptions
from activities.self_checking import SelfCheck, subject_prefix
from service.database import open_database
from service.queries import Slice, TaskFilter
from service.standing_tasks import StandingTasks, StandingView
from tests.one_ledger import OneLedger
from workflows.domain.approval import Group
from workflows.domain.case import Actor, TaskKind
from workflows.domain.findings import FindingCode
from workflows.domain.period import Period
from workflows.domain.standing import AlarmCode, StandingTask
from workflows.periodic_steps import JobDone, JobOrder

NOON = datetime(2025, 6, 26, 1, tzinfo=UTC)


class OneMore:
    """A check that an earlier case's root cause has brought."""

    def __init__(self) -> None:
        self.finds = True

    async def codes(self, ledger: str) -> tuple[FindingCode, ...]:
        return (FindingCode.FOREIGN_SESSIONS,) if self.finds else ()

    async def tasks(self, ledger: str, open_periods: tuple[str, ...], run: str) -> tuple[StandingTask, ...]:
        task = StandingTask(
            subject=f"{subject_prefix(ledger)}cause/transfer-without-audit",
            raised_by=run,
            kind=TaskKind.FINDING,
            code=AlarmCode.LOCK_REMOVED,
            owner=Group.FINANCE,
            ledger=ledger,
            facts={"periods": list(open_periods)},
        )
        return (task,) if self.finds else ()


@dataclass
class Office:
    check: SelfCheck
    connector: DemoConnector
    standing: StandingTasks
    more: OneMore
    runs: int = 0

    async def run(self) -> JobDone:
        self.runs += 1
        order = JobOrder(
            schedule="self-check.demo", job="self-check", ledger="demo", run=f"run-{self.runs}", at=NOON
        )
        order = replace(order, before=(await self.check.prepare(order)).before)
        return await self.check.judge(replace(order, seen=await self.check.look(order)))

    async def open(self) -> dict[str, StandingView]:
        page = await self.standing.page(TaskFilter(is_open=True, kind=TaskKind.FINDING), Slice())
        return {view.code: view for view in page.items}

    def set(self, status: str) -> None:
        """Put every stock document of the open period into a state, past all rules."""
        ledger, document = self.connector.ledger, tables.document
        june = (document.c.period == ledger.book.index(Period(2025, 6))) & (document.c.module == "inventory")
        with ledger.writing() as db, dialect.without_rules(db, document.name):
            db.execute(update(document).where(june).values(status=status))


@pytest.fixture
async def office(tmp_path: Path, path: Path, empty_register: Path) -> AsyncIterator[Office]:
    connector = DemoConnector(DemoOptions(str(path)))
    database = open_database(f"sqlite+aiosqlite:///{shutil.copy(empty_register, tmp_path / 'r.sqlite')}")
    one, standing, more = OneLedger(connector), StandingTasks(database), OneMore()
    yield Office(SelfCheck(one, one, standing, (more,)), connector, standing, more)
    await connector.aclose()
    await database.aclose()


async def test_a_finding_is_one_task_with_its_owner_until_a_run_finds_it_no_more(office: Office) -> None:
    before = await office.run()
    assert before.facts["periods"] == ["2025-06"]
    clear = set(await office.open())
    office.set("frozen")
    for _ in range(2):
        await office.run()
    found = (await office.open())["document_frozen"]
    assert (found.kind, found.owner, found.ledger) == (TaskKind.FINDING, Group.WAREHOUSE, "demo")
    assert (found.facts["severity"], found.facts["period"]) == ("blocker", "2025-06")
    assert found.facts["rows"]
    assert found.raised_by == "run-2"
    office.set("audited")
    done = await office.run()
    assert done.facts["closed"] == [found.id]
    assert set(await office.open()) == clear
    closed = await office.standing.find(found.id)
    assert (closed.closed_by, closed.outcome) == ("self-check", "not found any more")


async def test_a_finding_that_comes_back_is_a_new_task(office: Office) -> None:
    await office.run()
    assert "foreign_sessions" in await office.open(), "what the cause wants noticed is looked for"
    ids = {view.id for view in (await office.open()).values()}
    office.more.finds = False
    await office.run()
    assert "foreign_sessions" not in await office.open()
    office.more.finds = True
    await office.run()
    assert len({view.id for view in (await office.open()).values()} - ids) == 2


async def test_a_task_that_its_owner_has_closed_comes_back_while_it_is_found(office: Office) -> None:
    await office.run()
    task = next(view for view in (await office.open()).values() if view.owner == Group.FINANCE)
    await office.standing.close(task.id, Actor("finance", (Group.FINANCE,)), "done")
    await office.run()
    assert task.code in await office.open()
