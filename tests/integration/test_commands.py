"""Commands as people type them: what they print, and how they say no."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.demo_erp.ledger import DemoLedger
from activities.demo_erp.seed import create_demo
from service import cli
from service.ledger_book import add_demo_ledger
from service.settings import Settings
from service.worker import open_parts
from tests.vaults import a_key_pair
from workflows.backup_steps import SnapshotOrder

CSV = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,WHITE HANGING HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
536366,71053,WHITE METAL LANTERN,8,2011-01-04 10:00:00,3.39,17850,United Kingdom
C536379,85123A,WHITE HANGING HEART,-1,2011-01-05 09:41:00,2.55,17850,United Kingdom
536380,85123A,WHITE HANGING HEART,2,2011-02-01 09:41:00,2.55,17850,United Kingdom
"""
ORDER = [(module, f"2025-0{n}") for n in (5, 4, 3) for module in ("gl", "cost", "inventory")]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data_dir: Path, tmp_path: Path
) -> Run:
    def run(*arguments: str, home: Path = data_dir) -> Outcome:
        monkeypatch.setenv("UNCLOSE_DATA_DIR", str(home))
        monkeypatch.setattr(sys, "argv", ["unclose", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        shown = capsys.readouterr()
        return Outcome(int(end.value.code or 0), shown.out, shown.err)

    monkeypatch.chdir(tmp_path)
    return run


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    create_demo(folder / "demo.sqlite")
    add_demo_ledger(folder / "ledgers.toml", "demo", "Demo")
    return folder


def test_help_names_every_command_and_loads_none_of_them() -> None:
    heavy = "pydantic temporalio sqlalchemy fastapi uvicorn httpx"
    check = f"import sys, service.cli; sys.exit(any(name in sys.modules for name in {heavy.split()}))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_every_command_tells_its_options(run: Run) -> None:
    for name in cli.COMMANDS:
        assert "Usage" in run(name, "--help").out


# --------------------------------------------------------------------------- plan


def test_a_plan_shows_its_steps_in_order_and_what_was_noticed(run: Run) -> None:
    seen = run("plan", "--ledger", "demo", "--period", "2025-03", "--module", "inventory")
    assert seen.code == 0
    assert re.findall(r"unclose +(\w+) +(\d{4}-\d\d) +automatic", seen.out) == ORDER
    assert re.search(r"warning +inventory 2025-03 +Some places were never counted", seen.out)
    assert re.search(r"risk medium · digest [0-9a-f]{64}", seen.out)


@pytest.mark.parametrize(
    ("ledger", "period", "code", "says"),
    [
        ("demo", "2024-03", 1, "2024-06 is locked in gl."),
        ("demo", "2025-06", 1, "2025-06 is not closed in inventory"),
        ("demo", "2023-12", 1, "lies before"),
        ("demo", "2025-3", 2, "'2025-3' is not a period"),
        ("demo", "2025-13", 2, "2025-13 does not exist"),
        ("elsewhere", "2025-03", 2, "There is no ledger 'elsewhere'."),
    ],
)
def test_a_plan_that_is_refused_says_why_and_what_to_do(
    run: Run, ledger: str, period: str, code: int, says: str
) -> None:
    refused = run("plan", "--ledger", ledger, "--period", period)
    first, second = refused.err.splitlines()
    assert refused.code == code
    assert first.startswith("unclose: ")
    assert says in first
    assert second.startswith("  → ")
    assert refused.out == ""


def test_without_ledgers_the_file_is_named(run: Run, tmp_path: Path) -> None:
    refused = run("plan", "--ledger", "demo", "--period", "2025-03", home=tmp_path)
    assert refused.code == 2
    assert "ledgers.toml: cannot be read" in refused.err


# --------------------------------------------------------------------------- ledger


def test_status_shows_every_module(run: Run) -> None:
    shown = run("ledger", "status", "--ledger", "demo").out
    assert re.findall(r"^ *(\w+) +2024-01 +2025-06 +2024-01, ", shown, re.MULTILINE) == [
        "inventory",
        "cost",
        "receivable",
        "payable",
        "gl",
    ]


def test_history_without_a_register_says_what_to_run(run: Run) -> None:
    refused = run("ledger", "history", "--ledger", "demo")
    assert refused.code == 1
    assert "unclose migrate" in refused.err


def test_history_of_a_ledger_without_cases(run: Run) -> None:
    assert run("migrate").code == 0
    assert run("ledger", "history", "--ledger", "demo").out == "no case on demo yet\n"


def test_a_loaded_ledger_can_be_planned_and_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    lines = tmp_path / "lines.csv"
    lines.write_text(CSV)
    load = ("ledger", "load", str(lines), "--ledger", "shop")
    loaded = run(*load, home=tmp_path)
    assert loaded.code == 0, loaded.err
    assert "over 3 periods, 2 of them closed" in loaded.out
    assert re.search(r"\d+ s, peak memory \d+ MiB", loaded.out)
    plan = run("plan", "--ledger", "shop", "--period", "2010-12", "--module", "inventory", home=tmp_path)
    assert plan.code == 0, plan.err

    refused = run(*load, home=tmp_path)
    assert refused.code == 1
    assert "already" in refused.err
    assert run(*load, "--replace", home=tmp_path).code == 0


def test_a_file_that_is_not_invoice_lines_leaves_no_ledger(run: Run, tmp_path: Path) -> None:
    lines = tmp_path / "lines.csv"
    lines.write_text("a,b\n1,2\n")
    refused = run("ledger", "load", str(lines), "--ledger", "shop", home=tmp_path)
    assert refused.code == 2
    assert refused.err.startswith("unclose: ")
    assert not (tmp_path / "shop.sqlite").exists()
    assert not (tmp_path / "ledgers.toml").exists()


# --------------------------------------------------------------------------- settings and contract


def test_a_check_of_the_settings_never_shows_a_secret(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNCLOSE_SECRET_KEY", "tell-nobody")
    monkeypatch.setenv("UNCLOSE_DATABASE_URL", "postgresql+asyncpg://unclose:tell-nobody@db/unclose")
    monkeypatch.setenv("UNCLOSE_TEMPORAL_ADDRESS", "temporal:7233")
    monkeypatch.setenv("UNCLOSE_BACKUP_RECIPIENTS", a_key_pair().public)
    shown = run("config", "check")
    assert shown.code == 0
    assert "UNCLOSE_SECRET_KEY = set  (environment)" in shown.out
    assert "tell-nobody" not in shown.out + shown.err
    assert "ledgers: demo" in shown.out


def test_a_setting_that_cannot_be_read_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNCLOSE_PORT", "eighty")
    refused = run("config", "check")
    assert refused.code == 2
    assert "unclose: UNCLOSE_PORT: " in refused.err


@pytest.mark.parametrize("process", ["api", "worker"])
def test_outside_dev_nothing_starts_with_a_secret_that_everybody_knows(run: Run, process: str) -> None:
    refused = run(process)
    assert refused.code == 2
    assert "UNCLOSE_SECRET_KEY still has its development value" in refused.err


@pytest.mark.parametrize("process", ["api", "worker"])
def test_outside_dev_nothing_starts_without_a_temporal(
    run: Run, process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNCLOSE_SECRET_KEY", "our own")
    refused = run(process)
    assert refused.code == 2
    assert "UNCLOSE_TEMPORAL_ADDRESS is not set" in refused.err


@pytest.mark.parametrize("command", [("api",), ("worker",), ("config", "check")])
@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "UNCLOSE_BACKUP_RECIPIENTS names no recipient"),
        ({"BACKUP_RECIPIENTS": "age1nobody"}, "'age1nobody', which is no age recipient"),
        ({"BACKUP_RECIPIENTS": a_key_pair().public, "OBJECT_STORE_URL": "ftp://x"}, "OBJECT_STORE_URL"),
        (
            {"BACKUP_RECIPIENTS": a_key_pair().public, "OBJECT_STORE_URL": "s3://key:secret@bucket"},
            "without credentials",
        ),
    ],
    ids=["no recipient", "no key", "no store", "a secret in the address"],
)
def test_outside_dev_nothing_starts_where_backups_would_lie_open_or_nowhere(
    run: Run,
    command: tuple[str, ...],
    settings: dict[str, str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = {"SECRET_KEY": "our own", "TEMPORAL_ADDRESS": "temporal:7233"}
    for name, value in {**own, **settings}.items():
        monkeypatch.setenv(f"UNCLOSE_{name}", value)
    refused = run(*command)
    assert refused.code == 2
    assert named in refused.err


def test_a_contract_that_has_drifted_is_shown(run: Run, tmp_path: Path) -> None:
    document = run("openapi").out
    file = tmp_path / "openapi.json"
    file.write_text(document)
    assert run("openapi", "--check", str(file)).code == 0
    file.write_text(document.replace('"Unclose"', '"Something else"', 1))
    drifted = run("openapi", "--check", str(file))
    assert drifted.code == 1
    assert '-    "title": "Something else"' in drifted.err


# --------------------------------------------------------------------------- people and tokens


@pytest.fixture
def office(run: Run, tmp_path: Path) -> Run:
    """Commands on a register of their own."""

    def run_here(*arguments: str) -> Outcome:
        return run(*arguments, home=tmp_path)

    assert run_here("migrate").code == 0
    return run_here


def test_the_first_administrator_comes_from_the_command_line(office: Run) -> None:
    assert (
        office("user", "set", "lilei", "--groups", "admin", "--display-name", "李雷").out == "lilei: admin\n"
    )
    made = office("token", "create", "--user", "lilei", "--scopes", "read,admin", "--days", "90")
    assert made.code == 0, made.err
    assert re.fullmatch(r"uct_[0-9a-f]{16}[\w-]{43}\n", made.out)
    listed = office("token", "list", "--user", "lilei").out
    assert re.search(r"lilei +read,admin +20", listed)
    assert made.out.strip() not in listed + made.err
    assert re.search(r"lilei +李雷 +person +admin +register +yes", office("user", "list").out)


def test_a_token_is_revoked_from_the_command_line(office: Run) -> None:
    office("user", "set", "lilei")
    made = office("token", "create", "--user", "lilei", "--scopes", "read", "--days", "1").out
    token = made[4:20]
    assert office("token", "revoke", token).out == f"token {token} is revoked\n"
    unknown = office("token", "revoke", "0" * 16)
    assert unknown.code == 1
    assert "There is no token" in unknown.err


def test_a_service_account_is_added_with_its_token(office: Run) -> None:
    made = office("token", "create", "--user", "portal", "--scopes", "request", "--days", "7", "--service")
    assert made.code == 0, made.err
    assert re.search(r"portal +portal +service", office("user", "list").out)
    wrong = office("token", "create", "--user", "portal", "--scopes", "request", "--days", "7")
    assert wrong.code == 2
    assert "service" in wrong.err
    refused = office("user", "set", "portal", "--groups", "finance")
    assert refused.code == 1
    assert "cannot be in a group that decides" in refused.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--user", "lilei", "--scopes", "all", "--days", "7"), "--scopes"),
        (("--user", "lilei", "--scopes", "", "--days", "7"), "--scopes names none"),
        (("--user", "unclose", "--scopes", "read", "--days", "7"), "means something else"),
        (("--user", "lilei", "--scopes", "read", "--days", "366"), "--days"),
    ],
)
def test_a_token_that_cannot_be_made_says_why(office: Run, arguments: tuple[str, ...], says: str) -> None:
    refused = office("token", "create", *arguments)
    assert refused.code == 2
    assert says in refused.err


def test_a_token_for_nobody_is_refused(office: Run) -> None:
    refused = office("token", "create", "--user", "ghost", "--scopes", "read", "--days", "7")
    assert refused.code == 1
    assert "Nobody active" in refused.err


def test_a_token_without_a_register_says_what_to_run(run: Run, tmp_path: Path) -> None:
    refused = run("token", "list", home=tmp_path)
    assert refused.code == 1
    assert "unclose migrate" in refused.err


# --------------------------------------------------------------------------- backups


async def _snapshot(home: Path) -> None:
    settings = Settings(dev=True, data_dir=home)
    async with open_parts(settings) as parts:
        take = next(step for step in parts.ledger if step.__name__ == "take_snapshot")
        order = SnapshotOrder(id="demo-snapshot-1", ledger="demo", by="operator")
        await ActivityEnvironment().run(take, order)


def test_backups_are_listed_tested_and_restored_beside_the_ledger(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNCLOSE_DEV", "true")
    assert run("prepare", home=tmp_path).code == 0
    assert "no backup yet" in run("backup", "list", home=tmp_path).out
    asyncio.run(_snapshot(tmp_path))
    assert "demo-snapshot-1" in run("backup", "list", home=tmp_path).out
    tested = run("backup", "test", "demo-snapshot-1", home=tmp_path)
    assert (tested.code, tested.out.startswith("demo-snapshot-1 is proven")) == (0, True)
    beside = ("backup", "restore", "demo-snapshot-1", "--as", "seen", "--folder", str(tmp_path))
    assert run(*beside, home=tmp_path).code == 0
    with DemoLedger(str(tmp_path / "seen.sqlite"), read_only=True) as ledger:
        assert ledger.book.code == "demo"
    again = run(*beside, home=tmp_path)
    assert (again.code, "is there already" in again.err) == (1, True)
    unknown = run("backup", "test", "none", home=tmp_path)
    assert (unknown.code, "There is no backup 'none'" in unknown.err) == (2, True)
