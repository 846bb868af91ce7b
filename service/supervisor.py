"""One small process tree: children are started, watched, started again when they die, and ended in order.

A single thread and the standard library only, so that forking is safe and the parent costs nothing. Each
child is tied to this process: if the parent is killed outright, the kernel ends the children too.
"""

import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

PIDS = "pids.json"
"""Under the data directory: the name and process number of every living part."""

_SET_PARENT_DEATH_SIGNAL = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
"""Loaded before any fork: the child must not load anything between fork and exec."""

_FIRST_DELAY, _LONGEST_DELAY = 0.1, 10.0
_HEALTHY_AFTER = 10.0
"""Seconds after which a child that dies is started again without delay."""
_TRIES_BEFORE_READY = 4
"""How often a child may die before the tree has ever been ready."""


class TreeFailed(Exception):
    """The tree cannot be started; the text says why, for people."""


class StopAsked(Exception):
    """SIGINT or SIGTERM arrived while something was awaited."""


@dataclass(frozen=True)
class Child:
    """How one process of the tree is started and ended."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    listener: socket.socket | None = None
    """A socket the child serves; it stays open over restarts, so that callers only wait."""
    grace: float = 5.0
    """Seconds between asking the child to end and ending it."""


@dataclass
class _Running:
    child: Child
    process: subprocess.Popen[bytes]
    started: float
    deaths: int = 0
    restart_at: float | None = None


class Supervisor:
    """Owns the children and the files that tell others about them."""

    def __init__(self, data_dir: Path, say: Callable[[str], None]) -> None:
        self.data_dir, self.say = data_dir, say
        self.logs = data_dir / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._running: dict[str, _Running] = {}
        self._once: list[subprocess.Popen[bytes]] = []
        self._ready = False
        self._signals = _Signals()

    @contextmanager
    def in_charge(self) -> Iterator[None]:
        """Hold the data directory alone, listen to signals, and end every child on the way out.

        Raises:
            TreeFailed: another tree runs on this data directory.
        """
        with _sole_owner(self.data_dir / "supervisor.lock"), self._signals.caught():
            try:
                yield
            finally:
                self._stop_all()

    def start(self, child: Child) -> None:
        """Start a child and keep it running."""
        self._running[child.name] = _Running(child, self._spawn(child), time.monotonic())
        self._write_pids()

    def begin(self, child: Child) -> Callable[[], bool]:
        """Start something that runs once; the answer tells whether it is done.

        The answer raises TreeFailed when it ended badly.
        """
        process = self._spawn(child)
        self._once.append(process)

        def is_done() -> bool:
            code = process.poll()
            if code:
                raise TreeFailed(f"{child.name} ended with {_how(code)}\n{self.log_tail(child.name)}")
            return code == 0

        return is_done

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """Tend the children until the condition holds.

        Raises:
            TreeFailed: it did not within the time, or a child dies again and again.
            StopAsked: a signal came first.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TreeFailed(f"{what} took longer than {seconds:.0f} s; see {self.logs}")
            self.tend(0.05)

    def serve(self) -> None:
        """Tend the children until a signal asks to stop."""
        self._ready = True
        try:
            while True:
                self.tend(1.0)
        except StopAsked:
            self.say("stopping")

    def tend(self, at_most: float) -> None:
        """Sleep until something happens, then start again what has died. Raises StopAsked."""
        due = [r.restart_at for r in self._running.values() if r.restart_at is not None]
        self._signals.wait(max(0.0, min([at_most, *(moment - time.monotonic() for moment in due)])))
        if self._signals.stop_asked:
            raise StopAsked
        for running in list(self._running.values()):
            self._look_after(running)

    def log_tail(self, name: str, lines: int = 20) -> str:
        """The last lines a child wrote."""
        log = self.logs / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    def _look_after(self, running: _Running) -> None:
        now = time.monotonic()
        code = running.process.poll()
        if code is None:
            return
        if running.restart_at is None:
            running.deaths = 1 if now - running.started > _HEALTHY_AFTER else running.deaths + 1
            if not self._ready and running.deaths >= _TRIES_BEFORE_READY:
                name = running.child.name
                raise TreeFailed(f"{name} ends with {_how(code)} every time\n{self.log_tail(name)}")
            delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** (running.deaths - 1))
            running.restart_at = now + delay
            self.say(f"{running.child.name} ended with {_how(code)}; starting it again in {delay:.1f} s")
        elif now >= running.restart_at:
            running.process, running.started, running.restart_at = self._spawn(running.child), now, None
            self._write_pids()

    def _spawn(self, child: Child) -> subprocess.Popen[bytes]:
        with self._log(child.name) as log:
            return subprocess.Popen(  # noqa: S603
                child.command,
                env={**os.environ, **child.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(child.listener.fileno(),) if child.listener else (),
                start_new_session=True,
                preexec_fn=tied_to(os.getpid()),
            )

    def _log(self, name: str) -> IO[bytes]:
        """A file, never a pipe: a full pipe that nobody reads freezes the writer in silence."""
        return (self.logs / f"{name}.log").open("ab")

    def _write_pids(self) -> None:
        pids = {name: running.process.pid for name, running in self._running.items()}
        draft = self.data_dir / f"{PIDS}.new"
        draft.write_text(json.dumps({"supervisor": os.getpid(), **pids}))
        draft.replace(self.data_dir / PIDS)

    def _stop_all(self) -> None:
        """End the children, the last one started first."""
        for process in self._once:
            _end(process, grace=0.5)
        for running in reversed(list(self._running.values())):
            _end(running.process, running.child.grace)
        (self.data_dir / PIDS).unlink(missing_ok=True)


class _Signals:
    """SIGINT and SIGTERM as a flag, and any signal, SIGCHLD too, as the end of a sleep."""

    def __init__(self) -> None:
        self.stop_asked = False

    @contextmanager
    def caught(self) -> Iterator[None]:
        self._reader, writer = socket.socketpair()
        writer.setblocking(False)
        self._reader.setblocking(False)
        handlers = {signal.SIGINT: self._stop, signal.SIGTERM: self._stop, signal.SIGCHLD: _ignore}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._reader.close()
            writer.close()

    def wait(self, seconds: float) -> None:
        if select.select([self._reader], [], [], seconds)[0]:
            self._reader.recv(4096)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_asked = True


def _ignore(number: int, frame: FrameType | None) -> None:
    """A handler must be there for the signal to wake the sleeper."""


def tied_to(parent: int) -> Callable[[], None]:
    """What the child does before it becomes its program: die with the parent, also if that has died already.

    SIGKILL, because everything in the tree is built to survive it and nothing may stay behind.
    """

    def tie() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

    return tie


def _end(process: subprocess.Popen[bytes], grace: float) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _how(code: int) -> str:
    return f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"code {code}"


@contextmanager
def _sole_owner(lock: Path) -> Iterator[None]:
    """Hold the lock file; the kernel frees it however this process ends."""
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise TreeFailed(
                f"{lock.parent} is in use by another `unclose dev` (process {owner}); "
                "stop it or choose another --data-dir"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
