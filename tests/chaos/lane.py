"""Where one case after another is played: a register, ledgers and a namespace that no other lane has."""

import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from activities.converter import data_converter
from activities.demo_erp.seed import create_demo
from service.database import open_database
from service.ledger_book import add_demo_ledger
from service.migrate import upgrade
from tests.chaos.account import account_of
from tests.chaos.whole_case import Glance, WholeCase
from workflows.domain.digest import Json


@dataclass(frozen=True)
class Lane:
    """One lane. Every case has a ledger of its own: a copy of one and the same."""

    name: str
    folder: Path
    address: str
    original: Path
    """The folder of what everything is copied from."""

    @property
    def register(self) -> Path:
        return self.folder / "register.sqlite"

    @property
    def settings(self) -> Mapping[str, str]:
        """The environment of a worker of this lane."""
        return {
            "UNCLOSE_DEV": "true",
            "UNCLOSE_DATA_DIR": str(self.folder),
            "UNCLOSE_TEMPORAL_ADDRESS": self.address,
            "UNCLOSE_TEMPORAL_NAMESPACE": self.name,
        }

    @property
    def log(self) -> Path:
        return self.folder / "worker.log"

    def prepare(self) -> None:
        self.folder.mkdir()
        shutil.copyfile(self.original / "register.sqlite", self.register)

    def open_ledger(self, case: str) -> None:
        """A fresh ledger for this case. A worker serves those that were there when it was started."""
        put_ledger(self.folder, code_of(case), self.original)

    async def play(self, case: str, script: type[WholeCase] = WholeCase) -> dict[str, Json]:
        """Play a case to its end; what it has left behind."""
        ledger = self.folder / f"{code_of(case)}.sqlite"
        client = await Client.connect(self.address, namespace=self.name, data_converter=data_converter)
        with closing(Glance(self.register)) as glance:
            await script(case, client, glance, ledger).play()
        register = open_database(f"sqlite+aiosqlite:///{self.register}")
        try:
            return await account_of(case, register, ledger, self.folder / "evidence")
        finally:
            await register.aclose()


def code_of(case: str) -> str:
    """The ledger of a case."""
    return f"of-{case.lower()}"


def put_ledger(folder: Path, code: str, original: Path) -> Path:
    """Add a copy of the demo ledger to those of a data folder."""
    shutil.copyfile(original / "demo.sqlite", folder / f"{code}.sqlite")
    add_demo_ledger(folder / "ledgers.toml", code, "演示账套")
    return folder / f"{code}.sqlite"


def make_originals(folder: Path) -> Path:
    """A register without cases and a demo ledger, to be copied."""
    folder.mkdir()
    upgrade(f"sqlite+aiosqlite:///{folder / 'register.sqlite'}")
    create_demo(folder / "demo.sqlite")
    return folder
