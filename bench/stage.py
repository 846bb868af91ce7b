"""What all rows stand on: a Temporal server with the product's own flags, demo ledgers, a register."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from activities.demo_erp.seed import create_demo
from bench.bare import BARE_QUEUE
from bench.processes import BenchFailed, Process, child
from service.ledger_book import add_demo_ledger
from service.migrate import upgrade
from service.policy_text import write_policy
from service.temporal_server import QUIET, find_temporal, free_port, is_settled, server_command
from workflows.domain.errors import UncloseError
from workflows.domain.policy import DEFAULT_POLICY

_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Stage:
    """One run's folder, server and ledgers; workers are started when a row needs them."""

    folder: Path
    address: str
    server: Process
    ledgers: tuple[str, ...]
    """One for each lane: a ledger takes one case at a time."""
    lines: Path | None
    """A file of invoice lines to make the large ledger of; none if they are to be made up."""

    @property
    def register(self) -> Path:
        return self.folder / "register.sqlite"

    @property
    def settings(self) -> Mapping[str, str]:
        """The environment of the product's own processes."""
        return {
            "UNCLOSE_DEV": "true",
            "UNCLOSE_DATA_DIR": str(self.folder),
            "UNCLOSE_TEMPORAL_ADDRESS": self.address,
        }

    def worker(self) -> AbstractContextManager[Process]:
        """The product's worker, started as anybody starts it."""
        return self.run("worker", "service.cli", "worker")

    def bare_worker(self) -> AbstractContextManager[Process]:
        return self.run("bare-worker", "bench.bare_worker", self.address, BARE_QUEUE)

    def run(
        self, name: str, module: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Process]:
        """A module in an interpreter of its own."""
        command = (sys.executable, "-m", module, *arguments)
        return child(name, command, self.folder, {**self.settings, **(env or {})})


@contextmanager
def stage(lanes: int, lines: Path | None = None) -> Iterator[Stage]:
    """Set everything up in a folder that is removed afterwards. Raises BenchFailed."""
    program = find_temporal()
    if program is None:
        raise BenchFailed("no `temporal` program beside the interpreter or on the path")
    with TemporaryDirectory(prefix="unclose-bench-") as name:
        folder, port = Path(name), free_port()
        ledgers = _ledgers(folder, lanes)
        upgrade(f"sqlite+aiosqlite:///{folder / 'register.sqlite'}")
        command = server_command(program, port, folder / "temporal.db")
        try:
            with child("temporal", command, folder, QUIET) as server:
                server.await_ready(lambda: is_settled(program, port))
                yield Stage(folder, f"{_HOST}:{port}", server, ledgers, lines)
        except (BenchFailed, UncloseError, TimeoutError, httpx.HTTPError) as failure:
            raise BenchFailed(f"{str(failure) or type(failure).__name__}\n{_last_words(folder)}") from failure


def _last_words(folder: Path, lines: int = 8) -> str:
    """What every process said last: the folder is gone when people read why the run has failed."""
    logs = ((log.stem, log.read_text(errors="replace").splitlines()) for log in sorted(folder.glob("*.log")))
    return "\n".join("\n".join((f"--- {name}", *said[-lines:])) for name, said in logs if said)


def _ledgers(folder: Path, lanes: int) -> tuple[str, ...]:
    codes = tuple(f"lane{n}" for n in range(1, lanes + 1))
    policy = replace(DEFAULT_POLICY, levels=DEFAULT_POLICY.levels[:3])
    (folder / "policy.toml").write_text(write_policy(policy), encoding="utf-8")
    first = create_demo(folder / f"{codes[0]}.sqlite")
    for code in codes:
        book = folder / "ledgers.toml"
        add_demo_ledger(book, code, f"Demo ledger {code}")
        with book.open("a", encoding="utf-8") as more:
            # Three approvals, as the budget says; the shipped chain asks for one more here.
            more.write('policy_file = "policy.toml"\n')
        if code != codes[0]:
            shutil.copyfile(first, folder / f"{code}.sqlite")
    return codes
