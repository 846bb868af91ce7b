"""The process tree of `unclose dev`: embedded Temporal, worker and API on one data directory."""

import http.client
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from service.listener import listen
from service.supervisor import Child, StopAsked, Supervisor, TreeFailed
from service.temporal_server import QUIET, NoTemporal, free_port, is_settled, obtain_temporal, server_command

HOST = "127.0.0.1"
_BOOT_SECONDS = 60.0
_NO_OTHER_TEMPORAL = {
    f"UNCLOSE_TEMPORAL_{name}": "" for name in ("NAMESPACE", "TLS", "TLS_CERT", "TLS_KEY", "API_KEY")
}
"""How another server is reached must not be tried on the embedded one."""


@dataclass(frozen=True)
class DevTree:
    """Where the tree keeps its state and which ports it serves."""

    data_dir: Path
    port: int
    temporal_port: int | None = None

    def run(self, announce: Callable[[str], None], say: Callable[[str], None]) -> None:
        """Serve until SIGINT or SIGTERM; `announce` gets the line that tells where.

        Raises:
            TreeFailed: the tree cannot be started; the text says why.
        """
        with listen(HOST, self.port) as listener:
            supervisor = Supervisor(self.data_dir, say)
            with supervisor.in_charge():
                try:
                    self._boot(supervisor, listener)
                except StopAsked:
                    return
                announce(f"ready http://{HOST}:{listener.getsockname()[1]}")
                supervisor.serve()

    def _boot(self, supervisor: Supervisor, listener: socket.socket) -> None:
        program = _program(self.data_dir)
        temporal_port = self.temporal_port or free_port()
        api_port = int(listener.getsockname()[1])
        env = self._environment(api_port, temporal_port)
        database = self.data_dir / "temporal.db"
        supervisor.start(Child("temporal", server_command(program, temporal_port, database), QUIET))
        prepared = supervisor.begin(Child("prepare", _unclose("prepare"), env))
        supervisor.wait_until(prepared, "preparing the register and the demo ledger", _BOOT_SECONDS)
        supervisor.start(Child("worker", _unclose("worker"), env))
        fd = str(listener.fileno())
        supervisor.start(Child("api", _unclose("api", "--fd", fd), env, listener))
        supervisor.wait_until(lambda: is_settled(program, temporal_port), "starting Temporal", _BOOT_SECONDS)
        supervisor.wait_until(lambda: _answers(api_port), "getting ready", _BOOT_SECONDS)

    def _environment(self, api_port: int, temporal_port: int) -> Mapping[str, str]:
        return {
            "UNCLOSE_DEV": "true",
            "UNCLOSE_DATA_DIR": str(self.data_dir),
            **_NO_OTHER_TEMPORAL,
            "UNCLOSE_TEMPORAL_ADDRESS": f"{HOST}:{temporal_port}",
            "UNCLOSE_HOST": HOST,
            "UNCLOSE_PORT": str(api_port),
            "PYTHONUNBUFFERED": "1",
        }


def _program(data_dir: Path) -> Path:
    try:
        return obtain_temporal(data_dir / "temporal")
    except NoTemporal as error:
        raise TreeFailed(str(error)) from error


def _unclose(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "service.cli", *arguments)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
