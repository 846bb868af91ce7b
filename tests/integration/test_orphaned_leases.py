"""A ledger whose case was ended from outside: noticed, told, and freed only when it is closed again."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from activities.lease_watching import LeaseWatch, LeftCopies
from service.app import create_app
from service.database import open_database
from service.leases import Leases
from service.ledger_book import LedgerBook
from service.register import SqlRegister
from service.schedule_register import ScheduleRegister
from service.settings import Settings
from service.standing_tasks import StandingTasks
from tests.builders import a_period, a_request
from tests.fake_world import FakeLedger
from tests.fakes import FakeGateway, FakeScheduleServer
from tests.integration.test_schedule_routes import a_run
from tests.people_world import LEDGERS, problem
from workflows.domain.case import CaseChange, CaseEvent, EventKind
from workflows.domain.digest import Json
from workflows.domain.ledger import Module
from workflows.domain.request import CaseState
from workflows.periodic_steps import RUN_FAILED, JobOrder

CASE = "UC-2025-000001"
PLAN: Json = {
    "target": "2025-05",
    "steps": [
        {"n": 1, "verb": "unclose", "module": "gl", "period": "2025-05", "mode": "automatic", "why": "order"},
        {
            "n": 2,
            "verb": "unclose",
            "module": "cost",
            "period": "2025-05",
            "mode": "automatic",
            "why": "order",
        },
    ],
}


@dataclass
class FakeCases:
    running: set[str] = field(default_factory=set)

    async def is_running(self, case: str) -> bool:
        return case in self.running


@dataclass
class World:
    http: httpx.AsyncClient
    ledger: FakeLedger
    register: SqlRegister
    leases: Leases
    standing: StandingTasks
    schedules: ScheduleRegister
    cases: FakeCases

    async def run(self, n: int = 1) -> dict[str, Json]:
        watch = LeaseWatch(self.leases, self.cases, self.standing)
        order = JobOrder(
            schedule="leases", job="leases", ledger=None, run=f"run-{n}", at=a_request().accepted_at
        )
        return (await watch.orphans(order)).facts

    async def tasks(self) -> list[dict[str, Any]]:
        answer = await self.as_("operator").get("/api/v1/tasks?mine=true&state=open")
        return list(answer.json()["items"])

    def as_(self, person: str) -> httpx.AsyncClient:
        self.http.headers["Authorization"] = f"Bearer demo-{person}"
        return self.http

    async def release(self, fence: int = 1, person: str = "operator") -> httpx.Response:
        body = {"fence": fence, "comment": "终止后已重新结账"}
        return await self.as_(person).post("/api/v1/ledgers/demo/lease/release", json=body)


@asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    settings = Settings(dev=True, data_dir=folder)
    (folder / "ledgers.toml").write_text(LEDGERS, encoding="utf-8")
    ledger, cases = FakeLedger(), FakeCases()
    book = LedgerBook.load(folder / "ledgers.toml", connect=lambda _: ledger)
    app = create_app(settings, FakeGateway(), book, schedule_server=FakeScheduleServer(), running=cases)
    database = open_database(settings.database_url)
    way = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=way, base_url="http://t") as http,
    ):
        register = SqlRegister(database)
        yield World(
            http,
            ledger,
            register,
            Leases(database),
            StandingTasks(database),
            ScheduleRegister(database),
            cases,
        )
    await database.aclose()


@pytest.fixture
async def world(tmp_path: Path, empty_register: Path) -> AsyncIterator[World]:
    """A case holds the ledger in the middle of its execution; whether it runs, a test says."""
    shutil.copy(empty_register, tmp_path / "register.sqlite")
    async with a_world(tmp_path) as made:
        request = a_request(id=CASE)
        await made.register.receive(request)
        event = CaseEvent(1, request.accepted_at, "unclose", None, EventKind.PLAN_MADE, {})
        await made.register.record(CaseChange(CASE, CaseState.UNCLOSING, (event,), parts={"plan": PLAN}))
        await made.register.take_lease("demo", CASE)
        yield made


async def test_who_holds_a_ledger_is_told_with_it(world: World) -> None:
    told = (await world.as_("clerk").get("/api/v1/ledgers/demo")).json()["lease"]
    assert (told["holder"], told["fence"]) == (CASE, 1)
    assert told["since"]


async def test_a_case_that_runs_is_no_orphan(world: World) -> None:
    world.cases.running = {CASE}
    assert (await world.run())["orphans"] == []
    assert await world.tasks() == []
    problem(await world.release(), 409, "case-still-runs")


async def test_an_orphan_is_told_once_and_is_over_when_the_ledger_is_free(world: World) -> None:
    for n in range(2):
        assert (await world.run(n))["orphans"] == ["demo"]
    (task,) = await world.tasks()
    assert (task["kind"], task["standing"]["code"], task["ledger"]) == ("attention", "lease_orphaned", "demo")
    assert (task["standing"]["facts"]["holder"], task["standing"]["facts"]["fence"]) == (CASE, 1)
    assert "lease/release" in task["standing"]["remedy"]
    assert task["actions"] == ["close"]
    freed = await world.release()
    assert freed.status_code == 200, freed.text
    assert (await world.as_("clerk").get("/api/v1/ledgers/demo")).json()["lease"] is None
    assert (await world.run(3))["closed"] == [task["id"]]
    assert await world.tasks() == []


async def test_a_ledger_that_is_still_open_is_not_freed(world: World) -> None:
    world.ledger.state = world.ledger.state.moved(Module.GL, a_period("2025-05"))
    refused = problem(await world.release(), 409, "not-closed-again")
    assert refused["places"] == "gl 2025-05"
    assert (await world.register.lease("demo")).holder == CASE


@pytest.mark.parametrize(
    ("person", "fence", "status", "name"),
    [
        ("clerk", 1, 403, "not-an-operator"),
        ("admin", 1, 403, "not-an-operator"),
        ("operator", 2, 409, "lease-not-held"),
    ],
)
async def test_a_lease_is_freed_by_an_operator_who_names_its_fence(
    world: World, person: str, fence: int, status: int, name: str
) -> None:
    problem(await world.release(fence, person), status, name)
    assert (await world.register.lease("demo")).holder == CASE


async def test_only_cases_that_run_no_longer_have_copies_removed(world: World) -> None:
    left = LeftCopies(None, world.leases, world.cases)  # type: ignore[arg-type]  # no copy is touched here
    order = JobOrder(
        schedule="left-copies.demo", job="left-copies", ledger="demo", run="r", at=a_request().accepted_at
    )
    assert (await left.prepare(order)).before == [CASE]
    world.cases.running = {CASE}
    assert not (await left.prepare(order)).go_on


async def test_work_that_fails_three_times_in_a_row_is_told_until_it_succeeds(world: World) -> None:
    for n, outcome in enumerate((RUN_FAILED, RUN_FAILED, RUN_FAILED, "done")):
        record = a_run(n)
        await world.schedules.note_run(
            type(record)(**{**vars(record), "outcome": outcome, "says": "ledger does not answer"})
        )
        codes = [task["standing"]["code"] for task in await world.tasks()]
        assert codes == (["job_failing"] if n == 2 else [])


async def test_one_restore_drill_that_fails_is_told_at_once(world: World) -> None:
    failed = replace(a_run(0), schedule="restore-drill.demo", outcome=RUN_FAILED, says="its files are gone")
    await world.schedules.note_run(failed)
    (task,) = await world.tasks()
    assert task["standing"]["code"] == "job_failing"
    assert task["standing"]["facts"]["says"] == "its files are gone"
