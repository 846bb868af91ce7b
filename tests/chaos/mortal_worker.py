"""Workers that die right after the register has taken a certain event; forked, so that each costs little.

Run as a program this is the process that they are forked from: it imports everything once and makes nothing.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from typing_extensions import override

from service import event_loop
from service.database import Database, open_database
from service.logs import set_up_logs
from service.register import SqlRegister
from service.settings import Settings
from service.supervisor import tied_to
from service.temporal_client import connect_patiently
from service.worker import Queues, build_workers, open_parts
from workflows.domain.case import CaseChange


@dataclass(frozen=True)
class Fate:
    """Which event of which case a worker does not outlive."""

    case: str
    event: int


class MortalRegister(SqlRegister):
    """The register, and the end of its process once the fatal event has been committed."""

    def __init__(self, database: Database, fate: Fate) -> None:
        super().__init__(database)
        self._fate = fate

    @override
    async def record(self, change: CaseChange) -> None:
        await super().record(change)
        if change.case == self._fate.case and any(event.seq == self._fate.event for event in change.events):
            os.kill(os.getpid(), signal.SIGKILL)


class Nursery:
    """Starts workers by having them forked."""

    def __init__(self, forking: subprocess.Popen[str]) -> None:
        self._forking = forking

    def worker(self, settings: Mapping[str, str], log: Path, fate: Fate | None = None) -> int:
        """Start a worker with these settings in its environment; its process number."""
        wanted = {"settings": dict(settings), "log": str(log), "fate": asdict(fate) if fate else None}
        assert self._forking.stdin is not None
        assert self._forking.stdout is not None
        self._forking.stdin.write(json.dumps(wanted) + "\n")
        self._forking.stdin.flush()
        answer = self._forking.stdout.readline()
        assert answer, "the process that forks workers has ended"
        return int(answer)


@contextmanager
def nursery(log: Path) -> Iterator[Nursery]:
    """The process to fork from. All its workers end with it."""
    with log.open("ab") as output:
        forking = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.mortal_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            start_new_session=True,
            preexec_fn=tied_to(os.getpid()),
        )
    with forking:  # closes the pipes and waits
        try:
            yield Nursery(forking)
        finally:
            forking.kill()


def fork_workers(orders: IO[str], answers: IO[str]) -> None:
    """Fork a worker for every line until there are no more. The kernel buries them."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    parent = os.getpid()
    for line in orders:
        pid = os.fork()
        if pid == 0:
            tied_to(parent)()
            _live(json.loads(line))
        answers.write(f"{pid}\n")
        answers.flush()


def _live(wanted: Mapping[str, dict[str, str]]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = os.open(str(wanted["log"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for given, taken in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(given, taken)
    os.environ.update(wanted["settings"])
    fate = wanted["fate"]
    try:
        event_loop.run(_serve(Settings(), Fate(fate["case"], int(fate["event"])) if fate else None))
    finally:
        sys.stderr.flush()
        os._exit(1)


async def _serve(settings: Settings, fate: Fate | None) -> None:
    """The product's own worker, except that its register may be mortal."""
    set_up_logs(settings.log_format)
    client = await connect_patiently(settings)
    async with open_parts(settings) as parts, AsyncExitStack() as running:
        if fate is not None:
            parts = replace(parts, register=MortalRegister(open_database(settings.database_url), fate))
        for worker in build_workers(client, parts, Queues()):
            await running.enter_async_context(worker)
        await asyncio.Event().wait()


if __name__ == "__main__":
    fork_workers(sys.stdin, sys.stdout)
