"""The process tree that `unclose demo` plays on: `unclose dev` as its one child."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from service.failures import CommandFailed
from service.supervisor import tied_to

_BOOT_SECONDS = 90.0
_GRACE = 20.0
_TAIL = 15


class Stage:
    """Started on entering, ended on leaving; also when this process is killed outright."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.data_dir, self.port = data_dir, port
        self._logs = data_dir / "logs"
        self._output = self._logs / "dev.log"

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "service.cli", "dev", "--port", str(self.port)]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603
                [*command, "--data-dir", str(self.data_dir)],
                env=_own_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=tied_to(os.getpid()),
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._process.terminate()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait_until_ready(self) -> str:
        """The address of the API, once it serves.

        Raises:
            CommandFailed: it ended instead, or took too long; with what it said.
        """
        deadline = time.monotonic() + _BOOT_SECONDS
        while time.monotonic() < deadline:
            if found := re.search(r"^ready (\S+)$", self._said(), re.MULTILINE):
                return found[1]
            if self._process.poll() is not None:
                raise CommandFailed(self._said().strip().removeprefix("unclose: "))
            time.sleep(0.05)
        raise CommandFailed(f"nothing is ready after {_BOOT_SECONDS:.0f} s", f"see {self._logs}")

    def wait(self) -> None:
        """Until it ends, or this process is interrupted."""
        self._process.wait()

    def log_tail(self) -> str:
        """The last lines of those who may know what went wrong."""
        files = [self._logs / f"{name}.log" for name in ("dev", "worker", "api")]
        return "\n".join(
            f"--- {file}\n" + "\n".join(file.read_text(errors="replace").splitlines()[-_TAIL:])
            for file in files
            if file.exists()
        )

    def _said(self) -> str:
        return self._output.read_text(errors="replace")


def _own_environment() -> dict[str, str]:
    """Nothing of another installation: a demo must not write into somebody's register."""
    return {name: value for name, value in os.environ.items() if not name.startswith("UNCLOSE_")}
