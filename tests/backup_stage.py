"""One ledger, a vault and a catalogue, and what takes backups of the one into the other."""

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.backup import manifest as manifests
from activities.backup.backing_up import BackupActivities
from activities.backup.keeper import BackupKeeper
from activities.backup.progress import Meter
from activities.backup.vault import Vault
from activities.demo_erp.seed import create_demo
from activities.erp import connect
from activities.erp.connector import LedgerConnector
from activities.erp.demo import DemoOptions
from activities.proof import prove_ledger
from tests.fake_world import FakeCatalogue
from tests.postgres import TOOLS, Server
from tests.vaults import a_vault, keys_in
from workflows.domain.errors import UnknownLedger
from workflows.steps import BackupOrder, ProvenBackup

ORDER = BackupOrder(case="UC-2025-000001", ledger="demo", point="A")
ID = "UC-2025-000001-A"


class OneLedger:
    """The port to ledgers, with one that is there."""

    def __init__(self, connector: LedgerConnector) -> None:
        self.live = connector

    def connector(self, ledger: str) -> LedgerConnector:
        if ledger != "demo":
            raise UnknownLedger(ledger)
        return self.live


@dataclass
class Stage:
    """One ledger, a vault, and what takes backups of the one into the other."""

    folder: Path
    place: str
    ledgers: OneLedger
    vault: Vault
    catalogue: FakeCatalogue

    @property
    def keeper(self) -> BackupKeeper:
        return BackupKeeper(self.ledgers, self.vault, self.catalogue, self.folder / "scratch")

    async def back_up(self, order: BackupOrder = ORDER) -> ProvenBackup:
        return await ActivityEnvironment().run(BackupActivities(self.keeper).back_up, order)

    async def test(self, backup: str = ID) -> None:
        entry, manifest = await self.keeper.read(backup)
        await self.keeper.test(entry, manifest, Meter())

    def files(self) -> list[Path]:
        return sorted(path for path in (self.folder / "store").rglob("*") if path.is_file())

    @property
    def parts(self) -> list[Path]:
        return [path for path in self.files() if path.name != manifests.FILE]

    @property
    def manifest(self) -> Path:
        return next(path for path in self.files() if path.name == manifests.FILE)

    async def is_untouched(self, root: str) -> bool:
        return (await prove_ledger(self.ledgers.live)).root == root


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_demo(tmp_path_factory.mktemp("demo") / "demo.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(shutil.copy(request.getfixturevalue("demo"), tmp_path / "ledger.db"))
        return
    server: Server = request.getfixturevalue("postgres")
    with server.database(request.getfixturevalue("demo_on_postgres")) as name:
        yield server.url(name)


@pytest.fixture
async def stage(place: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Encrypted, on either database."""
    connector = connect(DemoOptions(place), TOOLS)
    vault = a_vault(tmp_path / "store", keys_in(tmp_path))
    yield Stage(tmp_path, place, OneLedger(connector), vault, FakeCatalogue())
    await connector.aclose()


@pytest.fixture
async def lite(demo: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    """Encrypted, on SQLite: for what does not depend on the database."""
    place = str(shutil.copy(demo, tmp_path / "ledger.db"))
    connector = connect(DemoOptions(place))
    vault = a_vault(tmp_path / "store", keys_in(tmp_path))
    yield Stage(tmp_path, place, OneLedger(connector), vault, FakeCatalogue())
    await connector.aclose()
