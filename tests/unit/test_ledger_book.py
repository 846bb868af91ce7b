"""`ledgers.toml`: what it configures, and what is said when it cannot be read."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from activities.erp.demo import DemoOptions
from service.ledger_book import LedgerBook, LedgersUnreadable, add_demo_ledger, ledgers_path
from workflows.domain.approval import DEFAULT_POLICY, Group, Level
from workflows.domain.errors import UnknownLedger
from workflows.domain.ledger import Module
from workflows.domain.period import FiscalCalendar

WHOLE = """
[ledgers.factory]
name = "一厂账套"
connector = "demo"
options = { path = "factory.sqlite" }
modules = ["inventory", "gl"]
closes_before = [["inventory", "gl"]]
calendar = { periods_per_year = 13, first_month = 4 }
time_zone = "Europe/Berlin"
executor = "robot"
approval_hours = 8
authorisation_hours = 4
max_window_hours = 12
at_site = true
backup_policy = "twice-1"
retention = { daily = 1, weekly = 2, monthly = 3 }

[ledgers.factory.policy]
version = "factory-3"
levels = [{ name = "finance", group = "finance" }]
authorising_groups = ["it", "finance_head"]
"""

LEAST = '[ledgers.demo]\nname = "D"\nconnector = "demo"\noptions = {path = "d.sqlite"}\nmodules = ["gl"]\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "ledgers.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_everything_can_be_configured(tmp_path: Path) -> None:
    configuration = LedgerBook.load(written(tmp_path, WHOLE)).configuration("factory")

    profile = configuration.profile
    assert profile.graph.closes_before == ((Module.INVENTORY, Module.GL),)
    assert profile.calendar == FiscalCalendar(13, 4)
    assert profile.policy.version == "factory-3"
    assert profile.policy.levels == (Level("finance", Group.FINANCE, "policy"),)
    assert profile.policy.authorising_groups == (Group.IT, Group.FINANCE_HEAD)
    assert profile.policy.cross_year_level == DEFAULT_POLICY.cross_year_level
    assert (profile.executor, profile.approval_hours, profile.authorisation_hours) == ("robot", 8, 4)
    assert (profile.at_site, profile.backup_policy) == (True, "twice-1")
    assert configuration.options == DemoOptions(str(tmp_path / "factory.sqlite"))
    assert configuration.time_zone == ZoneInfo("Europe/Berlin")
    assert configuration.max_window_hours == 12
    assert configuration.retention.monthly == 3


def test_the_least_that_must_be_said_gives_the_default_chain(tmp_path: Path) -> None:
    configuration = LedgerBook.load(written(tmp_path, LEAST)).configuration("demo")

    assert configuration.profile.policy == DEFAULT_POLICY
    assert configuration.time_zone == ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("demo]", "Demo]"), "ledgers.Demo"),
        (('"D"', '""'), "ledgers.demo.name"),
        (('= "demo"', '= "sap"'), "ledgers.demo.connector"),
        (("path", "pfad"), "ledgers.demo.options"),
        (('["gl"]', '["sales"]'), "ledgers.demo.modules.0"),
        (('["gl"]', '["gl", "gl"]'), "ledgers.demo.closes_before"),
        (('["gl"]', '["gl"]\ntime_zone = "Mars"'), "ledgers.demo.time_zone"),
        (('["gl"]', '["gl"]\ncalendar = {periods_per_year = 11}'), "ledgers.demo.calendar.periods_per_year"),
        (('["gl"]', '["gl"]\nwindow = 3'), "ledgers.demo.window"),
        (
            ('["gl"]', '["gl"]\n[ledgers.demo.policy]\nversion = "1"\nlevels = []'),
            "ledgers.demo.policy.levels",
        ),
    ],
)
def test_what_is_wrong_is_named_by_file_and_field(
    tmp_path: Path, change: tuple[str, str], field: str
) -> None:
    file = written(tmp_path, LEAST.replace(*change))

    with pytest.raises(LedgersUnreadable) as refused:
        LedgerBook.load(file)
    assert refused.value.field.startswith(field)
    assert str(refused.value).startswith(f"{file}: {field}")


@pytest.mark.parametrize("text", ["[ledgers", "\x00"])
def test_what_is_not_toml_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(LedgersUnreadable, match="is not TOML"):
        LedgerBook.load(written(tmp_path, text))


def test_a_file_that_is_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgersUnreadable, match="cannot be read"):
        LedgerBook.load(tmp_path / "none.toml")


def test_a_ledger_that_is_not_configured_is_unknown(tmp_path: Path) -> None:
    book = LedgerBook.load(written(tmp_path, LEAST))

    with pytest.raises(UnknownLedger):
        book.profile("other")
    assert book.connector("demo") is book.connector("demo")


def test_dev_gets_a_demo_ledger_of_its_own_and_others_do_not(tmp_path: Path) -> None:
    with pytest.raises(LedgersUnreadable):
        LedgerBook.load(ledgers_path(None, tmp_path, dev=False))

    assert LedgerBook.load(ledgers_path(None, tmp_path, dev=True)).codes == ("demo",)


def test_a_ledger_is_added_once(tmp_path: Path) -> None:
    file = ledgers_path(None, tmp_path, dev=True)
    add_demo_ledger(file, "retail", "零售 Retail")
    add_demo_ledger(file, "retail", "零售 Retail")

    book = LedgerBook.load(file)
    assert book.codes == ("demo", "retail")
    assert book.configuration("retail").options == DemoOptions(str(tmp_path / "retail.sqlite"))
