"""The gate fails when it should: each check is shown a copy of the tree that is broken on purpose."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
TYPES = ("mypy", "workflows/domain/period.py", "activities/lease.py")


@pytest.fixture
def copy_of_the_tree(tmp_path: Path) -> Path:
    return a_copy(tmp_path)


@pytest.fixture(scope="module")
def sound_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its types were found right, and what mypy knows of it lies beside it; nobody breaks this one."""
    tree = a_copy(tmp_path_factory.mktemp("sound"))
    if (ROOT / ".mypy_cache").exists():  # only to be quicker
        shutil.copytree(ROOT / ".mypy_cache", tree / ".mypy_cache")
    sound = run(tree, *TYPES)
    assert sound.returncode == 0, sound.stdout
    return tree


def a_copy(folder: Path) -> Path:
    for name in ("service", "activities", "workflows"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def run(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    program, *arguments = command
    return subprocess.run(
        [TOOLS / program, *arguments], cwd=tree, capture_output=True, text=True, check=False
    )


def with_line(tree: Path, file: str, line: str) -> None:
    path = tree / file
    path.write_text(f"{path.read_text('utf-8')}\n{line}\n", "utf-8")


def test_the_arrows_hold_in_an_unbroken_copy(copy_of_the_tree: Path) -> None:
    assert run(copy_of_the_tree, "lint-imports").returncode == 0


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("workflows/domain/period.py", "import temporalio"),
        ("workflows/domain/plan.py", "import sqlalchemy"),
        ("workflows/steps.py", "import httpx"),
        ("workflows/case.py", "import activities.ledger"),
        ("activities/ledger.py", "import service.settings"),
    ],
)
def test_an_import_against_the_arrows_is_found(copy_of_the_tree: Path, file: str, line: str) -> None:
    with_line(copy_of_the_tree, file, line)
    result = run(copy_of_the_tree, "lint-imports")
    assert result.returncode != 0, result.stdout


def a_wrong_type(tree: Path) -> None:
    with_line(tree, "workflows/domain/period.py", "THIRTEENTH: Period = '2025-13'")


def an_untyped_function(tree: Path) -> None:
    with_line(tree, "workflows/domain/period.py", "def next_year(period):\n    return period")


def a_step_under_a_wrong_name(tree: Path) -> None:
    path = tree / "activities/lease.py"
    path.write_text(path.read_text("utf-8").replace("async def take_lease", "async def grab_lease"), "utf-8")


@pytest.mark.parametrize("break_it", [a_wrong_type, an_untyped_function, a_step_under_a_wrong_name])
def test_a_wrong_type_is_found(sound_tree: Path, tmp_path: Path, break_it: Callable[[Path], None]) -> None:
    tree = Path(shutil.copytree(sound_tree, tmp_path / "broken"))
    break_it(tree)
    result = run(tree, *TYPES)
    assert result.returncode == 1, result.stdout  # it is 2 where mypy itself fails
