"""A Temporal server that can be killed and started again on what it had written."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.supervisor import tied_to
from service.temporal_server import QUIET, find_temporal, free_port, is_settled, server_command
from tests.e2e.tree import eventually


class TemporalServer:
    """The embedded server with the product's own flags, its history in a file."""

    def __init__(self, folder: Path, namespaces: tuple[str, ...]) -> None:
        found = find_temporal()
        assert found is not None, "no `temporal` program beside the interpreter or on the path"
        self._program, self._port, self._log = found, free_port(), folder / "temporal.log"
        spaces = (part for name in namespaces for part in ("--namespace", name))
        self._command = (*server_command(found, self._port, folder / "temporal.db"), *spaces)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **QUIET},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=tied_to(os.getpid()),
            )

    def wait_until_settled(self) -> None:
        eventually(lambda: is_settled(self._program, self._port), "Temporal serves", 60)

    def kill(self) -> None:
        """SIGKILL; it is gone when this returns."""
        assert self._process is not None, "the server has been started"
        self._process.kill()
        self._process.wait()


@contextmanager
def running_temporal(folder: Path, namespaces: tuple[str, ...]) -> Iterator[TemporalServer]:
    server = TemporalServer(folder, namespaces)
    server.start()
    try:
        server.wait_until_settled()
        yield server
    finally:
        server.kill()
