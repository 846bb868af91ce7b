"""A whole `unclose dev` tree in a data directory of its own, started and ended as a person would."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

BOOT = 120.0
POLL = 0.05

T = TypeVar("T")


def eventually(look: Callable[[], T | None], what: str, seconds: float = 30.0) -> T:
    """The first answer that is not empty; fails with `what` if none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := look():
            return answer
        time.sleep(POLL)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


class Tree:
    """One running tree: its address, its processes, its logs."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.url = ""
        self._output = data_dir / "dev.out"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the tree has been started"
        return self._process

    def start(self) -> "Tree":
        """Start on free ports and wait for the line that says ready."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service.cli", "dev", "--port", "0", "--data-dir", str(self.data_dir)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.url = eventually(self._ready, "the tree is ready", BOOT)
        return self

    def _ready(self) -> str | None:
        if self.process.poll() is not None:
            raise AssertionError(f"the tree ended with {self.process.returncode}\n{self.logs()}")
        found = re.search(r"^ready (http://\S+)$", self._output.read_text(), re.MULTILINE)
        return found[1] if found else None

    def pids(self) -> dict[str, int]:
        """Process numbers by name, as the tree itself publishes them."""
        file = self.data_dir / "pids.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def kill(self, name: str) -> int:
        """SIGKILL to one process of the tree; the number it had."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def pause(self, name: str) -> None:
        """SIGSTOP: it is there, and says nothing."""
        os.kill(self.pids()[name], signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        os.kill(self.pids()[name], signal.SIGCONT)

    @contextmanager
    def another(self, name: str) -> Iterator[int]:
        """A second process of the same kind, with the same settings; its number."""
        of = Path(f"/proc/{self.pids()[name]}")
        command = of.joinpath("cmdline").read_text().split("\0")[:-1]
        settings = dict(one.split("=", 1) for one in of.joinpath("environ").read_text().split("\0") if one)
        with (self.data_dir / "logs" / f"another-{name}.log").open("wb") as log:
            running = subprocess.Popen(
                command, env=settings, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            yield running.pid
        finally:
            running.terminate()
            running.wait(20)

    def wait_for_another(self, name: str, than: int) -> int:
        """Wait until the process has been started again; its new number."""
        return eventually(
            lambda: pid if (pid := self.pids().get(name)) not in (None, than) else None,
            f"{name} is started again",
        )

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.interrupt()

    def logs(self, lines: int = 40) -> str:
        """The last lines of everyone, for a test that fails."""
        files = [self._output, *sorted((self.data_dir / "logs").glob("*.log"))]
        return "\n".join(
            f"--- {file.name}\n" + "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
            for file in files
            if file.exists()
        )


@contextmanager
def running_tree(data_dir: Path) -> Iterator[Tree]:
    tree = Tree(data_dir)
    try:
        yield tree.start()
    finally:
        tree.stop()


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # the latter if it ends between opening and reading
        return False
    return state != "Z"
