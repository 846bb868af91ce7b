"""`ledgers.toml`: what it configures, and what is said when it cannot be read."""

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from activities.erp.demo import DemoOptions
from service.ledger_book import LedgerBook, LedgersUnreadable, add_demo_ledger, ledgers_path
from workflows.domain.approval import Group
from workflows.domain.errors import UnknownLedger
from workflows.domain.ledger import Module, StepMode, Verb
from workflows.domain.period import FiscalCalendar, Period
from workflows.domain.plan import PlanStep, Why
from workflows.domain.policy import DEFAULT_POLICY, Authorising, Level, one_of
from workflows.domain.retention import Retention
from workflows.domain.runbook import runbook_for

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
retention = { daily = 1, weekly = 2, monthly = 3, case_days = 365, by_hand_days = 30 }

[ledgers.factory.policy]
version = "factory-3"
levels = [{ name = "finance", groups = "finance", deadline_hours = 4 }]
authorisation = { groups = ["it", "finance_head"], within_minutes = 15 }
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
    assert configuration.policy.version == "factory-3"
    assert configuration.policy.levels == (
        Level("finance", one_of(Group.FINANCE), deadline_hours=4, expires_hours=12),
    )
    assert configuration.policy.authorising == Authorising((Group.IT, Group.FINANCE_HEAD), 15)
    assert configuration.policy.expedited == DEFAULT_POLICY.expedited
    assert (profile.executor, profile.approval_hours, profile.authorisation_hours) == ("robot", 8, 4)
    assert (profile.at_site, profile.backup_policy) == (True, "twice-1")
    assert configuration.options == DemoOptions(str(tmp_path / "factory.sqlite"))
    assert configuration.time_zone == ZoneInfo("Europe/Berlin")
    assert configuration.max_window_hours == 12
    assert configuration.retention == Retention(1, 2, 3, 365, 30)


def test_the_least_that_must_be_said_gives_the_default_chain(tmp_path: Path) -> None:
    configuration = LedgerBook.load(written(tmp_path, LEAST)).configuration("demo")

    assert configuration.policy == DEFAULT_POLICY
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
        (('["gl"]', '["gl"]\nretention = {case_days = 0}'), "ledgers.demo.retention.case_days"),
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

    book = LedgerBook.load(ledgers_path(None, tmp_path, dev=True))
    assert book.codes == ("demo",)
    usual = LedgerBook.load(written(tmp_path, LEAST)).configuration("demo").retention
    assert book.configuration("demo").retention == usual, "the file shows what holds without it"


def test_a_ledger_is_added_once(tmp_path: Path) -> None:
    file = ledgers_path(None, tmp_path, dev=True)
    add_demo_ledger(file, "retail", "零售 Retail")
    add_demo_ledger(file, "retail", "零售 Retail")

    book = LedgerBook.load(file)
    assert book.codes == ("demo", "retail")
    assert book.configuration("retail").options == DemoOptions(str(tmp_path / "retail.sqlite"))


def test_people_are_warned_for_a_minute_unless_said_otherwise(tmp_path: Path) -> None:
    assert LedgerBook.load(written(tmp_path, LEAST)).profile("demo").warning_seconds == 60
    longer = LedgerBook.load(written(tmp_path, LEAST + "warning_seconds = 300\n"))
    assert longer.profile("demo").warning_seconds == 300


OWN_RUNBOOK = """
[ledgers.demo.runbook]
version = "ours-3"
[ledgers.demo.runbook.modules]
gl = { zh = "总分类账", en = "nominal ledger" }
[[ledgers.demo.runbook.steps]]
verb = "unclose"
module = "gl"
zh = { title = "反结账 {period}", menu = ["总账"], do = ["点击"], expect = "{after}", avoid = ["其他"] }
en = { title = "TITLE", menu = ["GL"], do = ["click"], expect = "{after}", avoid = ["else"] }
"""


def test_a_house_may_write_its_own_runbook_texts(tmp_path: Path) -> None:
    own = LedgerBook.load(written(tmp_path, LEAST + OWN_RUNBOOK)).runbook("demo")
    plain = LedgerBook.load(written(tmp_path, LEAST)).runbook("demo")
    step = PlanStep(1, Verb.UNCLOSE, Module.GL, Period(2025, 5), StepMode.GUIDED, Why.REQUESTED)
    assert runbook_for(own, step, "en", FiscalCalendar()).text.title == "TITLE"
    assert runbook_for(plain, step, "en", FiscalCalendar()).text.title == "general ledger: un-close 2025-05"
    again = replace(step, verb=Verb.RECLOSE)
    assert "nominal ledger" in runbook_for(own, again, "en", FiscalCalendar()).text.title
    assert (own.version, plain.version) == ("ours-3", "demo-1")


def test_a_runbook_text_that_speaks_of_what_no_step_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgersUnreadable, match=r"runbook.*month"):
        LedgerBook.load(written(tmp_path, LEAST + OWN_RUNBOOK.replace("TITLE", "{month}")))


def test_movements_can_be_left_to_people(tmp_path: Path) -> None:
    guided = LEAST.replace('"d.sqlite"', '"d.sqlite", guided = ["gl", "cost:unclose"]')
    options = LedgerBook.load(written(tmp_path, guided)).configuration("demo").options
    assert isinstance(options, DemoOptions)
    assert options.guided == (
        (Module.GL, Verb.UNCLOSE),
        (Module.GL, Verb.RECLOSE),
        (Module.COST, Verb.UNCLOSE),
    )
    with pytest.raises(LedgersUnreadable, match="guided"):
        LedgerBook.load(written(tmp_path, guided.replace("cost", "stock")))
