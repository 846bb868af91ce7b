"""`unclose demo --exit` on a machine that has nothing: one whole case, told as it happens."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.tree import eventually, is_alive

STATES = [
    "received",
    "checking",
    "approving",
    "protecting",
    "authorising",
    "isolating",
    "unclosing",
    "verifying_open",
    "correcting",
    "reclosing",
    "verifying_closed",
    "archiving",
    "completed",
]
ORDER = ("gl", "cost", "inventory")
PERIODS = ("2025-05", "2025-04", "2025-03")


DEMO = (sys.executable, "-m", "service.cli", "demo", "--port", "0")


def test_the_demo_plays_a_whole_case_and_exits(tmp_path: Path) -> None:
    command = [*DEMO, "--exit", "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout

    assert re.findall(r"^ *\d+\.\d\d s  (\w+)", shown, re.MULTILINE) == STATES
    opened = [("unclose", module, period) for period in PERIODS for module in ORDER]
    closed = [("reclose", module, period) for _, module, period in reversed(opened)]
    assert re.findall(r"(unclose|reclose) (\w+) (\d{4}-\d\d) ✓ read back", shown) == opened + closed
    assert re.search(r"clock A .* \d+\.\d\d s  \(people .*machine", shown)
    assert re.search(r"clock B .* \d+\.\d\d s  \(people .*machine", shown)
    assert "✗" not in shown
    assert shown.count("✓ every module's current period is what it was") == 1
    reports = re.findall(r"^report +(\S+)$", shown, re.MULTILINE)
    assert [Path(report).read_bytes()[:5] for report in reports] == [b"%PDF-"] * 2
    evidence = re.search(r"^evidence +(\S+)$", shown, re.MULTILINE)
    assert evidence is not None
    assert Path(evidence[1]).is_file()


def test_a_case_may_begin_with_a_form_and_end_in_it(tmp_path: Path) -> None:
    command = [*DEMO, "--exit", "--jiandaoyun", "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout

    assert re.search(r"form +record \w+ filled in by zhangmin, in a fake Jiandaoyun", shown)
    assert re.findall(r"^ *\d+\.\d\d s  (\w+)", shown, re.MULTILINE) == STATES
    assert re.search(r"form +shows 已完成$", shown, re.MULTILINE)
    assert "✗" not in shown
    assert "✓ the form shows UC-" in shown
    assert "✓ the timeline names the record and what its form shows: 已完成" in shown


@pytest.mark.parametrize(
    ("number", "after", "code"),
    [(signal.SIGINT, "serving on", 0), (signal.SIGKILL, "approving", -signal.SIGKILL)],
)
def test_an_ended_demo_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, after: str, code: int
) -> None:
    shown = tmp_path / "demo.out"
    with (
        shown.open("wb") as output,
        subprocess.Popen([*DEMO, "--data-dir", str(tmp_path)], stdout=output, stderr=output) as demo,
    ):
        eventually(lambda: after in shown.read_text(), f"the demo says {after!r}", 90)
        pids = json.loads((tmp_path / "pids.json").read_text())
        demo.send_signal(number)
        assert demo.wait(20) == code
    eventually(lambda: not any(is_alive(pid) for pid in pids.values()), f"{pids} are gone", 5)
