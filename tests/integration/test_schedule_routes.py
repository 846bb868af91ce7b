"""Schedules over HTTP: who may see and change them, within which limits, and what goes on record."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from service.app import create_app
from service.database import Database, open_database
from service.ledger_book import LedgerBook, LedgersUnreadable
from service.schedule_register import KEPT, ScheduleRegister
from service.settings import Settings
from service.tables import admin_events
from tests.fake_world import FakeLedger
from tests.fakes import FakeGateway, FakeScheduleServer
from tests.people_world import LEDGERS, problem
from workflows.domain.timetable import Daily
from workflows.periodic_steps import RunRecord

NOON = datetime(2025, 6, 16, 12, tzinfo=UTC)
CHANGE = {"paused": True, "comment": "迁移期间暂停"}
SNAPSHOT = "/schedules/snapshot.demo"


@dataclass
class World:
    http: httpx.AsyncClient
    server: FakeScheduleServer
    register: ScheduleRegister
    database: Database

    def as_(self, person: str) -> "World":
        self.http.headers["Authorization"] = f"Bearer demo-{person}"
        return self

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(f"/api/v1{path}")

    async def put(self, body: Any, path: str = SNAPSHOT) -> httpx.Response:  # Any: JSON
        return await self.http.put(f"/api/v1{path}", json=body)

    async def post(self, path: str, body: Any = None, key: str = "k") -> httpx.Response:  # Any: JSON
        return await self.http.post(f"/api/v1{path}", json=body, headers={"Idempotency-Key": key})

    async def on_record(self) -> list[tuple[str, str, str]]:
        wanted = select(admin_events).order_by(admin_events.c.id)
        rows = await self.database.read(lambda connection: connection.execute(wanted).all())
        return [(row.actor, row.kind, row.subject) for row in rows]


@asynccontextmanager
async def a_world(folder: Path, ledgers: str = LEDGERS) -> AsyncIterator[World]:
    settings = Settings(dev=True, data_dir=folder)
    (folder / "ledgers.toml").write_text(ledgers, encoding="utf-8")
    server = FakeScheduleServer()
    book = LedgerBook.load(folder / "ledgers.toml", connect=lambda _: FakeLedger())
    app = create_app(settings, FakeGateway(), book, schedule_server=server)
    database = open_database(settings.database_url)
    way = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=way, base_url="http://t") as http,
    ):
        yield World(http, server, ScheduleRegister(database), database).as_("operator")
    await database.aclose()


@pytest.fixture
async def world(tmp_path: Path, empty_register: Path) -> AsyncIterator[World]:
    shutil.copy(empty_register, tmp_path / "register.sqlite")
    async with a_world(tmp_path) as made:
        yield made


def a_run(n: int) -> RunRecord:
    at = NOON.replace(minute=n % 60, hour=n // 60 % 24, day=1 + n // 1440)
    return RunRecord(
        schedule="snapshot.demo", run=f"run-{n:04}", at=at, started_at=at, ended_at=at, outcome="done"
    )


async def test_every_schedule_is_listed_with_its_timetable_and_its_latest_run(world: World) -> None:
    for n in (1, 2, 2):
        await world.register.note_run(a_run(n))
    listed = {item["name"]: item for item in (await world.get("/schedules")).json()["items"]}
    snapshot = listed["snapshot.demo"]
    assert {"snapshot.demo", "restore-drill.demo"} <= set(listed)
    assert snapshot["timetable"] == {"kind": "daily", "at": "02:00", "working_days": False}
    assert (snapshot["made"], snapshot["paused"], snapshot["is_configured"]) == (False, False, True)
    assert snapshot["last"]["run"] == "run-0002"
    one = (await world.get(SNAPSHOT)).json()
    assert [run["run"] for run in one["latest"]] == ["run-0002", "run-0001"]


@pytest.mark.parametrize("person", ["clerk", "finance", "auditor", "erp-admin"])
async def test_only_operators_and_administrators_look_after_schedules(world: World, person: str) -> None:
    world.as_(person)
    answers = [
        await world.get("/schedules"),
        await world.get(SNAPSHOT),
        await world.put(CHANGE),
        await world.post(f"{SNAPSHOT}/trigger"),
        await world.post(
            f"{SNAPSHOT}/backfill", {"begin": "2025-05-01T00:00:00Z", "end": "2025-05-02T00:00:00Z"}
        ),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5
    assert (world.server.there, world.server.triggered, world.server.made_up) == ({}, [], [])


async def test_a_pause_and_another_timetable_are_taken_and_go_on_record(world: World) -> None:
    timetable = {"kind": "before_month_end", "at": "09:00", "working_days": 3}
    changed = (await world.put({**CHANGE, "timetable": timetable})).json()
    assert (changed["paused"], changed["timetable"], changed["is_configured"]) == (True, timetable, False)
    assert (changed["changed_by"], changed["note"]) == ("operator", "迁移期间暂停")
    back = (await world.put({"paused": False, "comment": "done"})).json()
    assert (back["paused"], back["is_configured"]) == (False, True)
    assert await world.on_record() == [("operator", "schedule_changed", "snapshot.demo")] * 2


async def test_what_temporal_has_not_heard_is_on_record_and_told_with_the_next_look(world: World) -> None:
    world.server.is_down = True
    problem(await world.put(CHANGE), 503, "workflow-unavailable")
    assert (await world.register.wishes())["snapshot.demo"].paused


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({**CHANGE, "timetable": {"kind": "every", "minutes": 29}}, "/timetable/minutes"),
        ({**CHANGE, "timetable": {"kind": "daily", "at": "25:00"}}, "/timetable/daily/at"),
        ({**CHANGE, "often": True}, "/often"),
        ({"paused": True}, "/comment"),
        ({"paused": "yes", "comment": "x"}, "/paused"),
    ],
)
async def test_a_change_outside_the_limits_is_refused_by_field(world: World, body: Any, pointer: str) -> None:
    refused = await world.put(body)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert world.server.there == {}


async def test_a_run_is_triggered_once_under_its_key(world: World) -> None:
    answers = [await world.post(f"{SNAPSHOT}/trigger") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200] or answers[0].status_code == 202
    assert world.server.triggered == ["snapshot.demo"]
    assert await world.on_record() == [("operator", "schedule_triggered", "snapshot.demo")]


async def test_who_triggers_what_is_under_way_is_told_so(world: World) -> None:
    world.server.runs = True
    problem(await world.post(f"{SNAPSHOT}/trigger"), 409, "schedule-runs")
    assert await world.on_record() == []


async def test_runs_of_a_time_that_has_passed_are_made_up_for(world: World) -> None:
    span = {"begin": "2025-05-01T00:00:00+08:00", "end": "2025-05-03T00:00:00+08:00"}
    made_up = await world.post(f"{SNAPSHOT}/backfill", span)
    assert made_up.json()["due"] == ["2025-04-30T18:00:00Z", "2025-05-01T18:00:00Z"]
    assert len(world.server.made_up) == 1
    for begin, end, name in (
        ("2025-05-03T00:00:00Z", "2025-05-01T00:00:00Z", "backfill-unordered"),
        ("2025-05-03T00:00:00Z", "2099-05-01T00:00:00Z", "backfill-unordered"),
        ("2020-05-03T00:00:00Z", "2025-05-01T00:00:00Z", "backfill-too-many"),
    ):
        problem(await world.post(f"{SNAPSHOT}/backfill", {"begin": begin, "end": end}, name), 422, name)


async def test_an_unknown_schedule_is_hidden(world: World) -> None:
    problem(await world.get("/schedules/snapshot.other"), 404, "unknown-schedule")
    problem(await world.put(CHANGE, "/schedules/none"), 404, "unknown-schedule")


async def test_old_runs_are_forgotten(world: World) -> None:
    for n in range(KEPT + 5):
        await world.register.note_run(a_run(n))
    kept = await world.register.runs("snapshot.demo", 2 * KEPT)
    assert (len(kept), kept[0].run) == (KEPT, f"run-{KEPT + 4:04}")


def test_a_ledger_says_when_its_work_is_due(tmp_path: Path) -> None:
    file = tmp_path / "ledgers.toml"
    own = '[ledgers.demo.schedules]\nsnapshot = { kind = "daily", at = "23:30", working_days = true }\n'
    file.write_text(LEDGERS + own, encoding="utf-8")
    assert LedgerBook.load(file).configuration("demo").schedules == {"snapshot": Daily("23:30", True)}
    file.write_text(LEDGERS + own.replace("snapshot", "snapshots"), encoding="utf-8")
    with pytest.raises(LedgersUnreadable, match="snapshots"):
        LedgerBook.load(file)
