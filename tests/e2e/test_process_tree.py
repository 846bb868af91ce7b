"""`unclose dev` as a process tree: one owner, nothing left behind, everything kept."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.e2e.people import people_at
from tests.e2e.tree import Tree, eventually, is_alive, running_tree

PARTS = {"supervisor", "temporal", "worker", "api"}


def all_gone(pids: dict[str, int]) -> bool:
    return not any(is_alive(pid) for pid in pids.values())


def test_a_killed_supervisor_leaves_nothing_behind(tmp_path: Path) -> None:
    with running_tree(tmp_path / "dev") as tree:
        pids = tree.pids()
        assert set(pids) == PARTS
        os.kill(pids["supervisor"], signal.SIGKILL)
        tree.process.wait()
        eventually(lambda: all_gone(pids), f"all of {pids} are gone", 5)


def test_ctrl_c_ends_everything_and_the_data_survives(tmp_path: Path) -> None:
    with running_tree(tmp_path / "dev") as tree:
        with people_at(tree.url) as people:
            case = people.request()
            people.act("warehouse", case, "approval", "approve")
        pids = tree.pids()
        assert tree.interrupt() == 0
        assert all_gone(pids)
        assert not tree.pids()

        tree.start()
        with people_at(tree.url) as people:
            assert people.case(case)["waiting_for"] == ["finance"]
            people.act("finance", case, "approval", "approve")
            people.act("it", case, "approval", "approve")
            people.act("finance-head", case, "approval", "approve")
            assert people.wait_for(case, "authorising") == "authorising"


def test_a_second_tree_on_the_same_data_is_refused(tree: Tree) -> None:
    refused = dev("--port", "0", "--data-dir", str(tree.data_dir))
    assert refused.returncode == 1
    assert "in use by another `unclose dev`" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_taken_port_is_said_clearly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = dev("--port", str(taken.getsockname()[1]), "--data-dir", str(tmp_path))
    assert refused.returncode == 1
    assert "choose another port" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_dead_part_comes_back(tree: Tree) -> None:
    for name in ("worker", "api", "temporal"):
        tree.wait_for_another(name, than=tree.kill(name))
    with people_at(tree.url) as people:
        assert people.pointers()["gl"] == "2025-06"


def dev(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", "dev", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
