"""Backups over HTTP: who may see and do what, and that an act under a key happens once."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from activities.backup.catalogue import BackupAct, BackupEvent
from service.app import create_app
from service.backup_catalogue import SqlBackupCatalogue
from service.backup_works import WorkNow, WorkState
from service.database import open_database
from service.ledger_book import LedgerBook
from service.migrate import upgrade
from service.settings import Settings
from tests.fake_world import FakeLedger
from tests.fakes import FakeBackupWorks, FakeGateway
from workflows.backup_work import BackupWorkDone
from workflows.domain.backups import Backup, BackupPoint, BackupState
from workflows.domain.digest import Json
from workflows.domain.errors import UnknownBackup

NOON = datetime(2025, 6, 16, 12, tzinfo=UTC)
LEDGERS = """
[ledgers.demo]
name = "演示账套"
connector = "demo"
options = { path = "demo.sqlite" }
modules = ["inventory", "cost", "gl"]
closes_before = [["inventory", "cost"], ["cost", "gl"]]
"""


def a_backup(id_: str = "demo-1", **changes: Any) -> Backup:  # Any: fields of Backup
    backup = Backup(
        id=id_,
        ledger="demo",
        case=None,
        point=BackupPoint.SNAPSHOT,
        engine="sqlite",
        location=f"backups/demo/{id_}/manifest.json",
        raw_bytes=31_000_000_000,
        stored_bytes=9_000_000_000,
        sha256="a" * 64,
        manifest_sha256="b" * 64,
        encrypted_to=("age1x",),
        root="c" * 64,
        started_at=NOON,
        taken_at=NOON,
        milliseconds=1200,
        state=BackupState.PROVEN,
    )
    return replace(backup, **changes)


@dataclass
class World:
    http: httpx.AsyncClient
    works: FakeBackupWorks
    catalogue: SqlBackupCatalogue

    def as_(self, person: str) -> None:
        self.http.headers["Authorization"] = f"Bearer demo-{person}"

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(f"/api/v1{path}")

    async def post(self, path: str, body: Any = None, key: str | None = "k") -> httpx.Response:  # Any: JSON
        headers = {"Idempotency-Key": key} if key else {}
        return await self.http.post(f"/api/v1{path}", json=body, headers=headers)


@asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    settings = Settings(dev=True, data_dir=folder)
    (folder / "ledgers.toml").write_text(LEDGERS, encoding="utf-8")
    works = FakeBackupWorks()
    book = LedgerBook.load(folder / "ledgers.toml", connect=lambda _: FakeLedger())
    app = create_app(settings, FakeGateway(), book, works)
    database = open_database(settings.database_url)
    way = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=way, base_url="http://t") as http,
    ):
        world = World(http, works, SqlBackupCatalogue(database))
        world.as_("operator")
        yield world
    await database.aclose()


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("register") / "register.sqlite"
    upgrade(f"sqlite+aiosqlite:///{file}")
    return file


@pytest.fixture
async def world(tmp_path: Path, register: Path) -> AsyncIterator[World]:
    shutil.copy(register, tmp_path / "register.sqlite")
    async with a_world(tmp_path) as made:
        yield made


# --------------------------------------------------------------------------- reading


async def test_backups_are_listed_newest_first_and_page_by_page(world: World) -> None:
    for n in range(5):
        await world.catalogue.keep(a_backup(f"demo-{n}", taken_at=NOON + timedelta(hours=n)))
    first = (await world.get("/backups?limit=3&ledger=demo")).json()
    rest = (await world.get(f"/backups?limit=3&ledger=demo&cursor={first['next']}")).json()
    assert [b["id"] for b in first["items"] + rest["items"]] == [f"demo-{n}" for n in (4, 3, 2, 1, 0)]
    assert rest["next"] is None
    assert (await world.get("/backups?ledger=other")).json()["items"] == []
    assert (await world.get("/backups?case=UC-2025-000001")).json()["items"] == []


async def test_a_backup_tells_what_it_is_and_what_was_done_with_it(world: World) -> None:
    await world.catalogue.keep(a_backup())
    for _ in range(2):
        event = BackupEvent(
            backup="demo-1", key="k", act=BackupAct.TESTED, actor="operator", at=NOON, data={"ms": 7}
        )
        await world.catalogue.record(event)
    told = (await world.get("/backups/demo-1")).json()
    assert (told["state"], told["raw_bytes"], told["encrypted_to"]) == ("proven", 31_000_000_000, ["age1x"])
    assert [(act["act"], act["actor"], act["data"]) for act in told["acts"]] == [
        ("tested", "operator", {"ms": 7})
    ]
    assert (await world.get("/backups/none")).status_code == 404


@pytest.mark.parametrize(
    ("person", "status"), [("operator", 200), ("admin", 200), ("auditor", 200), ("clerk", 403), ("it", 403)]
)
async def test_operators_auditors_and_administrators_see_backups(
    world: World, person: str, status: int
) -> None:
    world.as_(person)
    await world.catalogue.keep(a_backup())
    assert (await world.get("/backups")).status_code == status
    assert (await world.get("/backups/demo-1")).status_code == status


# --------------------------------------------------------------------------- acts

ACTS: list[tuple[str, Any]] = [
    ("/backups/demo-1/restore-test", None),
    ("/backups/demo-1/extract", {"document": "IN-2025-03-0007"}),
    ("/ledgers/demo/snapshots", {"reason": "before the upgrade"}),
]


@pytest.mark.parametrize(("path", "body"), ACTS)
async def test_an_act_is_begun_once_under_its_key(world: World, path: str, body: Any) -> None:
    await world.catalogue.keep(a_backup())
    answers = [await world.post(path, body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert len({answer.text for answer in answers}) == 1
    assert len(world.works.begun) == 1
    at = answers[0].headers["Location"].removeprefix("/api/v1")
    assert (await world.get(at)).json()["state"] == "running"
    assert (await world.post(path, {"document": "other"} if body else {"x": 1})).status_code in (409, 422)


@pytest.mark.parametrize(("path", "body"), ACTS)
async def test_nobody_but_operators_acts_on_backups(world: World, path: str, body: Any) -> None:
    await world.catalogue.keep(a_backup())
    for person in ("admin", "auditor", "clerk", "finance-head"):
        world.as_(person)
        refused = await world.post(path, body, key=person)
        assert refused.status_code == 403
        assert refused.json()["type"] == "/problems/not-an-operator"
    assert world.works.begun == {}


@pytest.mark.parametrize(("path", "body"), ACTS)
async def test_without_temporal_nothing_is_taken(world: World, path: str, body: Any) -> None:
    await world.catalogue.keep(a_backup())
    world.works.is_down = True
    refused = await world.post(path, body)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    world.works.is_down = False
    assert (await world.post(path, body)).status_code == 202


async def test_what_is_not_there_cannot_be_acted_on(world: World) -> None:
    assert (await world.post("/backups/none/restore-test")).status_code == 404
    assert (await world.post("/backups/none/extract", {"document": "x"})).status_code == 404
    assert (await world.post("/ledgers/none/snapshots")).status_code == 404
    assert (await world.get("/backups/work/none")).status_code == 404
    await world.catalogue.keep(a_backup())
    assert (await world.post("/backups/demo-1/extract", {})).status_code == 422


async def test_work_that_has_ended_tells_what_came_of_it(world: World) -> None:
    await world.catalogue.keep(a_backup())
    begun = (await world.post("/backups/demo-1/extract", {"document": "IN-1"})).json()
    document: dict[str, Json] = {"number": "IN-1", "lines": []}
    world.works.ended[begun["id"]] = WorkNow(WorkState.DONE, BackupWorkDone("demo-1", document))
    done = (await world.get(f"/backups/work/{begun['id']}")).json()
    assert (done["state"], done["document"], done["backup"]) == ("done", document, "demo-1")
    world.works.ended[begun["id"]] = WorkNow(WorkState.REFUSED, None, "UnknownDocument", "no such document")
    refused = (await world.get(f"/backups/work/{begun['id']}")).json()
    assert (refused["state"], refused["error"]) == ("refused", "UnknownDocument")


# --------------------------------------------------------------------------- the catalogue


async def test_what_was_taken_never_changes_and_what_it_is_worth_does(world: World) -> None:
    await world.catalogue.keep(a_backup(state=BackupState.STORED))
    await world.catalogue.keep(a_backup(sha256="f" * 64).proven(7, NOON))
    kept = await world.catalogue.find("demo-1")
    assert (kept.sha256, kept.state, kept.restore_milliseconds) == ("a" * 64, BackupState.PROVEN, 7)


async def test_a_deleted_backup_stays_deleted_and_stays_on_record(world: World) -> None:
    await world.catalogue.keep(a_backup(state=BackupState.DELETED, reason="retention"))
    await world.catalogue.keep(a_backup())
    assert (await world.catalogue.find("demo-1")).state == BackupState.DELETED
    assert await world.catalogue.of("demo") == ()
    with pytest.raises(UnknownBackup):
        await world.catalogue.find("none")
