"""Child processes of a run: their output in files, their end with ours, and the processor time they use."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_SET_PARENT_DEATH_SIGNAL = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
"""Loaded before any fork: the child must not load anything between fork and exec."""
_TICK = os.sysconf("SC_CLK_TCK")
_GRACE = 8.0
_OURS = "UNCLOSE_"


class BenchFailed(Exception):
    """The run cannot go on; the text says why, for people."""


class Process:
    """One child."""

    def __init__(self, name: str, running: subprocess.Popen[bytes]) -> None:
        self.name = name
        self._running = running

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def cpu(self) -> float:
        return cpu_seconds(self.pid)

    def await_ready(self, is_ready: Callable[[], bool], seconds: float = 60.0) -> None:
        """Raises BenchFailed if it ends first or takes too long."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            if self._running.poll() is not None or time.monotonic() > deadline:
                raise BenchFailed(f"{self.name} did not get ready")
            time.sleep(0.05)

    def stop(self) -> None:
        if self._running.poll() is not None:
            return
        self._running.terminate()
        try:
            self._running.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()


@contextmanager
def child(
    name: str, command: tuple[str, ...], logs: Path, env: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """A child for as long as the context lasts.

    Its output goes to a file: a pipe that nobody reads freezes a worker in silence. The settings of the one
    who runs this do not reach it: a benchmark must never meet somebody's real register.
    """
    log = logs / f"{name}.log"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
    with log.open("ab") as output:
        running = subprocess.Popen(
            command,
            env={**inherited, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_tied_to(os.getpid()),
        )
    process = Process(name, running)
    try:
        yield process
    finally:
        process.stop()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, all its threads together."""
    return _spent(Path(f"/proc/{pid}/stat"))


def cpu_by_thread(pid: int) -> dict[int, float]:
    """The same, thread by thread."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {int(task.name): _spent(task / "stat") for task in tasks}


class Machine:
    """What the machine has given to everyone since this was made."""

    def __init__(self) -> None:
        self._before = self._read()

    def shares(self) -> tuple[float, float]:
        """Idle, and stolen by the host of a virtual machine; both of all processor time."""
        spent = [now - then for now, then in zip(self._read(), self._before, strict=True)]
        return spent[3] / sum(spent), spent[7] / sum(spent)

    @staticmethod
    def _read() -> list[int]:
        first = Path("/proc/stat").read_text().splitlines()[0]
        return [int(ticks) for ticks in first.split()[1:9]]


def _spent(stat: Path) -> float:
    fields = stat.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _tied_to(parent: int) -> Callable[[], None]:
    """What the child does before it becomes its program: die with the parent, even one already dead."""

    def tie() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

    return tie
