"""The embedded Temporal server of `unclose dev`: where its program is found, how it is started and settled.

The flags matter more than the machine: without them every dispatch waits for a grid of 50 ms and every timer
for one of a second, and a database file without the two pragmas is six times slower under load.
"""

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

RETENTION = "8760h"
"""Closed cases stay inspectable for a year; the server's own default is a day."""

_DYNAMIC_CONFIG = (
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    "history.visibilityProcessorMaxPollRPS=2000",
    'history.timerProcessorMaxTimeShift="10ms"',
)

QUIET: Mapping[str, str] = {"TEMPORAL_CLI_DISABLE_UPDATE_CHECK": "1"}
"""Environment under which the program asks nobody for news of itself."""


class NoTemporal(Exception):
    """The server's program is neither installed nor could it be downloaded."""


def find_temporal(name: str = "temporal") -> Path | None:
    """The program: named by TEMPORAL_CLI, beside this interpreter, or on the path."""
    if named := os.environ.get("TEMPORAL_CLI"):
        return Path(named)
    program = name + (".exe" if os.name == "nt" else "")
    for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        candidate = Path(folder) / program
        if os.access(candidate, os.X_OK):
            return candidate
    found = shutil.which(name)
    return Path(found) if found else None


def obtain_temporal(downloads: Path) -> Path:
    """The program as found, or else as the SDK downloads it; kept in `downloads` for the next time.

    Raises:
        NoTemporal: neither way leads to it.
    """
    return find_temporal() or _downloaded(downloads) or _download(downloads)


def _downloaded(downloads: Path) -> Path | None:
    return next((file for file in sorted(downloads.glob("temporal*")) if os.access(file, os.X_OK)), None)


def _download(downloads: Path) -> Path:
    command = [sys.executable, "-m", "service.temporal_download", str(downloads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    program = _downloaded(downloads)
    if done.returncode or program is None:
        lines = done.stderr.strip().splitlines() or ["the SDK left no program behind"]
        raise NoTemporal(f"no `temporal` program is installed and none could be downloaded: {lines[-1]}")
    return program


def server_command(program: Path, port: int, database: Path) -> tuple[str, ...]:
    """The command line that serves on `port` with its history in the file `database`."""
    command = [str(program), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port)]
    command += ["--db-filename", str(database), "--log-level", "error"]
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
        command += ["--sqlite-pragma", pragma]
    for value in _DYNAMIC_CONFIG:
        command += ["--dynamic-config-value", value]
    return tuple(command)


def is_settled(program: Path, port: int) -> bool:
    """Whether the server answers and keeps closed cases as long as it should. Asking again is harmless."""
    if not _listens(port):
        return False
    command = [str(program), "operator", "namespace", "update", "--namespace", "default"]
    command += ["--retention", RETENTION, "--address", f"127.0.0.1:{port}", "--command-timeout", "5s"]
    command += ["--disable-config-env", "--disable-config-file"]
    done = subprocess.run(command, capture_output=True, env={**os.environ, **QUIET}, check=False)  # noqa: S603
    return done.returncode == 0


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
