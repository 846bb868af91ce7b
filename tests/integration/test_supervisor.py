"""One owner, children that come back, and a clear word when they cannot."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import temporal_server
from service.supervisor import PIDS, Child, StopAsked, Supervisor, TreeFailed
from service.temporal_server import find_temporal
from tests.e2e.tree import is_alive

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")
BROKEN = (sys.executable, "-c", "import sys; sys.exit('no such setting')")


class Said(list[str]):
    """What the supervisor told people."""


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def supervisor(tmp_path: Path, said: Said) -> Iterator[Supervisor]:
    owner = Supervisor(tmp_path, said.append)
    with owner.in_charge():
        yield owner


def pid_of(supervisor: Supervisor, name: str) -> int:
    """The process number that the supervisor publishes."""
    return int(json.loads((supervisor.data_dir / PIDS).read_text())[name])


def test_a_child_that_dies_is_started_again(supervisor: Supervisor, said: Said) -> None:
    supervisor.start(Child("sleeper", SLEEPER))
    first = pid_of(supervisor, "sleeper")
    os.kill(first, signal.SIGKILL)
    supervisor.wait_until(lambda: pid_of(supervisor, "sleeper") != first, "restart", 10)
    assert said == ["sleeper ended with signal 9 (SIGKILL); starting it again in 0.1 s"]


def test_a_child_that_never_gets_up_ends_the_start_with_its_own_words(supervisor: Supervisor) -> None:
    supervisor.start(Child("broken", BROKEN))
    with pytest.raises(TreeFailed, match=r"broken ends with code 1 every time\n(.*\n)*no such setting"):
        supervisor.wait_until(lambda: False, "anything", 20)


def test_what_runs_once_is_awaited(supervisor: Supervisor) -> None:
    is_done = supervisor.begin(Child("once", (sys.executable, "-c", "pass")))
    supervisor.wait_until(is_done, "once", 10)


def test_what_runs_once_and_fails_is_told_with_its_log(supervisor: Supervisor) -> None:
    is_done = supervisor.begin(Child("once", BROKEN))
    with pytest.raises(TreeFailed, match="once ended with code 1\nno such setting"):
        supervisor.wait_until(is_done, "once", 10)


def test_waiting_too_long_says_for_what(supervisor: Supervisor) -> None:
    with pytest.raises(TreeFailed, match="the moon took longer than 0 s"):
        supervisor.wait_until(lambda: False, "the moon", 0.1)


def test_a_second_owner_is_refused(supervisor: Supervisor, tmp_path: Path) -> None:
    second = Supervisor(tmp_path, print)
    with pytest.raises(TreeFailed, match="in use by another"), second.in_charge():
        pass


def test_a_signal_ends_the_wait_and_every_child(tmp_path: Path) -> None:
    stopper = (sys.executable, "-c", "import os, signal; os.kill(os.getppid(), signal.SIGTERM)")
    owner, pids = Supervisor(tmp_path, print), []

    def stop_while_waiting() -> None:
        with owner.in_charge():
            owner.start(Child("sleeper", SLEEPER))
            pids.append(pid_of(owner, "sleeper"))
            owner.begin(Child("stopper", stopper))
            owner.wait_until(lambda: False, "a signal", 20)

    with pytest.raises(StopAsked):
        stop_while_waiting()
    assert not is_alive(pids[0])
    assert not (tmp_path / PIDS).exists()


def test_temporal_is_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_CLI", "/opt/elsewhere/temporal")
    assert find_temporal() == Path("/opt/elsewhere/temporal")


def test_temporal_is_found_beside_the_interpreter_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEMPORAL_CLI", raising=False)
    monkeypatch.setenv("PATH", "")
    found = find_temporal()
    assert found is not None
    assert found.parent == Path(sys.executable).parent


def test_without_the_program_and_without_a_network_the_reason_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporal_server, "find_temporal", lambda: None)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with pytest.raises(temporal_server.NoTemporal, match=r"none could be downloaded: .*download"):
        temporal_server.obtain_temporal(tmp_path)


def test_what_was_downloaded_once_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporal_server, "find_temporal", lambda: None)
    program = tmp_path / "temporal-sdk-python"
    program.touch(mode=0o755)
    assert temporal_server.obtain_temporal(tmp_path) == program
