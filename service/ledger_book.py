"""The ledgers of `ledgers.toml`: read, checked, and turned into connectors and the profiles cases pin."""

import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from activities.erp import ConnectorOptions, connect
from activities.erp.connector import LedgerConnector
from activities.erp.demo import DemoOptions
from service.cause_catalogue import CausePart, catalogue
from service.holidays import with_chinese_holidays
from service.jobs import JOBS
from service.policy_text import PolicyPart, read_policy
from service.runbooks import OwnRunbook, shipped
from service.timetable_schemas import TimetableWritten
from workflows.domain.approval import Group
from workflows.domain.errors import PolicyUnreadable, UnknownLedger
from workflows.domain.ledger import Module, ModuleGraph
from workflows.domain.period import FiscalCalendar
from workflows.domain.plan import Books
from workflows.domain.policy import DEFAULT_POLICY, ApprovalPolicy
from workflows.domain.retention import BY_HAND_DAYS, CASE_DAYS, Retention
from workflows.domain.root_cause import CauseCatalogue
from workflows.domain.runbook import Runbook
from workflows.domain.timetable import Timetable
from workflows.domain.working_time import STANDARD, WorkingTime
from workflows.steps import LedgerProfile

_OPTIONS: Mapping[str, type[ConnectorOptions]] = {"demo": DemoOptions}
"""What each connector needs to start, by the name it has in the file."""


class LedgersUnreadable(Exception):
    """The file of ledgers cannot be used; the text names the file and the field."""

    def __init__(self, path: Path, field: str, reason: str) -> None:
        super().__init__(f"{path}: {field}: {reason}" if field else f"{path}: {reason}")
        self.path, self.field, self.reason = path, field, reason


# --------------------------------------------------------------------------- the file


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Hours = Annotated[int, Field(ge=1, le=24 * 366)]
_Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class _Calendar(_Part):
    periods_per_year: Annotated[int, Field(ge=12, le=13)] = 12
    first_month: Annotated[int, Field(ge=1, le=12)] = 1


_Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-4]):[0-5]\d$")]


class _WorkingTime(_Part):
    """When people work; deadlines of approval levels run in these hours."""

    hours: Annotated[tuple[tuple[_Clock, _Clock], ...], Field(min_length=1)] = STANDARD.hours
    weekend: tuple[Annotated[int, Field(ge=1, le=7)], ...] = (6, 7)
    """Days of the week, Monday is 1."""
    holidays: Literal["china", "none"] = "china"
    days_off: tuple[date, ...] = ()
    days_on: tuple[date, ...] = ()


_Days = Annotated[int, Field(ge=1, le=36_600)]


class _Retention(_Part):
    """How long backups are kept; none of a case that has not ended or is under legal hold is ever deleted."""

    daily: Annotated[int, Field(ge=0)] = 7
    weekly: Annotated[int, Field(ge=0)] = 5
    monthly: Annotated[int, Field(ge=0)] = 24
    case_days: _Days = CASE_DAYS
    by_hand_days: _Days = BY_HAND_DAYS


class _Ledger(_Part):
    name: Annotated[str, Field(min_length=1)]
    connector: str
    options: dict[str, Any] = Field(default_factory=dict)  # Any: read by the connector's own options
    modules: Annotated[tuple[Module, ...], Field(min_length=1)]
    closes_before: tuple[tuple[Module, Module], ...] = ()
    calendar: _Calendar = _Calendar()
    time_zone: str = "Asia/Shanghai"
    policy: PolicyPart | None = None
    """The approval policy; the shipped one if nothing is said."""
    policy_file: str | None = None
    """The same in a file of its own, relative to this one."""
    working_time: _WorkingTime = _WorkingTime()
    backup_policy: str = "proven-copy-1"
    executor: str = "unclose"
    approval_hours: _Hours = 72
    authorisation_hours: _Hours = 24
    max_window_hours: _Hours = 72
    extension_group: Group = Group.FINANCE_HEAD
    """Who decides whether a correction window is extended."""
    retention: _Retention = _Retention()
    at_site: bool = False
    warning_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    runbook: OwnRunbook | None = None
    schedules: dict[str, TimetableWritten] = Field(default_factory=dict)
    """When periodic work is due, by job; what is not named keeps its usual time."""

    @field_validator("schedules")
    @classmethod
    def _known_jobs(cls, schedules: dict[str, TimetableWritten]) -> dict[str, TimetableWritten]:
        known = {job.name for job in JOBS if job.per_ledger}
        if unknown := schedules.keys() - known:
            raise ValueError(f"no job is called {sorted(unknown)[0]!r}; there are {', '.join(sorted(known))}")
        return schedules

    root_causes: tuple[CausePart, ...] = ()
    """Causes of this house, beside those that are shipped; one with the same code is worded anew."""
    root_cause_days: Annotated[int, Field(ge=1, le=366)] = 14
    archive_years: Annotated[int, Field(ge=1, le=200)] | None = None
    """How long a case is kept after its end; for ever if nothing is said."""

    @field_validator("connector")
    @classmethod
    def _known(cls, connector: str) -> str:
        if connector not in _OPTIONS:
            raise ValueError(f"no connector has this name; there are {', '.join(_OPTIONS)}")
        return connector

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            return ZoneInfo(name).key
        except (OSError, ValueError, KeyError):
            raise ValueError("no time zone has this name") from None


class _File(_Part):
    ledgers: Annotated[dict[_Code, _Ledger], Field(min_length=1)]


# --------------------------------------------------------------------------- the configuration


@dataclass(frozen=True)
class LedgerConfiguration:
    """One ledger: how to reach it, in what order it closes, and by which rules it may be opened."""

    profile: LedgerProfile
    policy: ApprovalPolicy
    """The policy that came with the ledger; a version put into the register goes before it."""
    has_chinese_holidays: bool
    connector: str
    options: ConnectorOptions
    time_zone: ZoneInfo
    max_window_hours: int
    retention: Retention
    runbook: Runbook
    schedules: Mapping[str, Timetable]
    """When periodic work is due here, by job, where it differs from the usual."""
    causes: CauseCatalogue
    archive_years: int | None

    @property
    def code(self) -> str:
        return self.profile.code


class LedgerBook:
    """Every ledger that is configured. Implements `Profiles`; connectors are made once and kept."""

    def __init__(
        self,
        configurations: tuple[LedgerConfiguration, ...],
        connect: Callable[[ConnectorOptions], LedgerConnector] = connect,
    ) -> None:
        self._configurations = {configuration.code: configuration for configuration in configurations}
        self._connect = connect
        self._connectors: dict[str, LedgerConnector] = {}

    @staticmethod
    def load(path: Path, connect: Callable[[ConnectorOptions], LedgerConnector] = connect) -> "LedgerBook":
        """Read the file.

        Raises:
            LedgersUnreadable: absent, not TOML, or wrong in the field that it names.
        """
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise LedgersUnreadable(path, "", f"cannot be read ({error.strerror})") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise LedgersUnreadable(path, "", f"is not TOML: {error}") from error
        try:
            read = _File.model_validate(document)
        except ValidationError as error:
            raise _unreadable(path, "", error) from error
        configurations = tuple(_configuration(path, code, part) for code, part in read.ledgers.items())
        return LedgerBook(configurations, connect)

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(self._configurations)

    @property
    def sites(self) -> frozenset[str]:
        """Codes of the ledgers that only a worker at their site reaches."""
        return frozenset(code for code, one in self._configurations.items() if one.profile.at_site)

    def configuration(self, ledger: str) -> LedgerConfiguration:
        """Raises UnknownLedger."""
        try:
            return self._configurations[ledger]
        except KeyError:
            raise UnknownLedger(ledger) from None

    def profile(self, ledger: str) -> LedgerProfile:
        """As a case pins it today, with the public holidays known by now. Raises UnknownLedger."""
        configuration = self.configuration(ledger)
        if not configuration.has_chinese_holidays:
            return configuration.profile
        profile = configuration.profile
        today = datetime.now(configuration.time_zone).date()
        return replace(profile, working_time=with_chinese_holidays(profile.working_time, today))

    def runbook(self, ledger: str) -> Runbook:
        """What people are told at guided steps. Raises UnknownLedger."""
        return self.configuration(ledger).runbook

    def retention(self, ledger: str) -> tuple[Retention, ZoneInfo]:
        """How long backups are kept, and in which zone a day begins. Raises UnknownLedger."""
        configuration = self.configuration(ledger)
        return configuration.retention, configuration.time_zone

    @property
    def archive_years(self) -> dict[str, int | None]:
        """By ledger: how long a case is to be kept after its end; none for ever."""
        return {code: configuration.archive_years for code, configuration in self._configurations.items()}

    @property
    def zones(self) -> dict[str, ZoneInfo]:
        """By ledger: whose calendar its days and months are on."""
        return {code: configuration.time_zone for code, configuration in self._configurations.items()}

    @property
    def causes(self) -> dict[str, CauseCatalogue]:
        """By ledger: what may be named as the cause of its cases."""
        return {code: configuration.causes for code, configuration in self._configurations.items()}

    def connector(self, ledger: str) -> LedgerConnector:
        """Raises UnknownLedger."""
        configuration = self.configuration(ledger)
        if ledger not in self._connectors:
            self._connectors[ledger] = self._connect(configuration.options)
        return self._connectors[ledger]

    async def books(self, ledger: str) -> Books:
        """What the planner must know of a ledger. Raises UnknownLedger, LedgerUnavailable."""
        profile = self.profile(ledger)
        capabilities = await self.connector(ledger).capabilities()
        return Books(profile.graph, profile.calendar, capabilities)

    async def aclose(self) -> None:
        """Let go of every connector."""
        while self._connectors:
            _, connector = self._connectors.popitem()
            await connector.aclose()


def _configuration(path: Path, code: str, part: _Ledger) -> LedgerConfiguration:
    profile = LedgerProfile(
        code=code,
        name=part.name,
        graph=_graph(path, code, part),
        calendar=FiscalCalendar(part.calendar.periods_per_year, part.calendar.first_month),
        backup_policy=part.backup_policy,
        executor=part.executor,
        approval_hours=part.approval_hours,
        authorisation_hours=part.authorisation_hours,
        at_site=part.at_site,
        working_time=_working_time(path, code, part),
        warning_seconds=part.warning_seconds,
        max_window_hours=part.max_window_hours,
        extension_group=part.extension_group,
    )
    return LedgerConfiguration(
        profile=profile,
        policy=_policy(path, code, part),
        has_chinese_holidays=part.working_time.holidays == "china",
        connector=part.connector,
        options=_options(path, code, part),
        time_zone=ZoneInfo(part.time_zone),
        max_window_hours=part.max_window_hours,
        retention=Retention(**part.retention.model_dump()),
        runbook=_runbook(path, code, part),
        schedules={job: timetable.read() for job, timetable in part.schedules.items()},
        causes=catalogue(part.root_causes, part.root_cause_days),
        archive_years=part.archive_years,
    )


def _graph(path: Path, code: str, part: _Ledger) -> ModuleGraph:
    try:
        return ModuleGraph(part.modules, part.closes_before)
    except ValueError as error:
        raise LedgersUnreadable(path, f"ledgers.{code}.closes_before", str(error)) from error


def _policy(path: Path, code: str, part: _Ledger) -> ApprovalPolicy:
    """The policy that comes with a ledger: in this file, in a file of its own, or the one that is shipped."""
    if part.policy is not None:
        return part.policy.policy(part.policy.version or f"{code}-configured")
    if part.policy_file is None:
        return DEFAULT_POLICY
    file = path.absolute().parent / part.policy_file
    try:
        text = file.read_text(encoding="utf-8")
        return read_policy(code, text, f"{code}-{hashlib.sha256(text.encode()).hexdigest()[:8]}")
    except (OSError, UnicodeDecodeError) as error:
        raise LedgersUnreadable(file, "", f"cannot be read ({error})") from error
    except PolicyUnreadable as error:
        raise LedgersUnreadable(file, error.where, error.reason) from error


def _working_time(path: Path, code: str, part: _Ledger) -> WorkingTime:
    said = part.working_time
    try:
        return WorkingTime(
            zone=part.time_zone,
            hours=said.hours,
            weekend=tuple(day - 1 for day in said.weekend),
            days_off=said.days_off,
            days_on=said.days_on,
        )
    except ValueError as error:
        raise LedgersUnreadable(path, f"ledgers.{code}.working_time", str(error)) from error


def _runbook(path: Path, code: str, part: _Ledger) -> Runbook:
    runbook = shipped(part.connector)
    if part.runbook is None:
        return runbook
    try:
        return part.runbook.applied_to(runbook)
    except ValueError as error:
        raise LedgersUnreadable(path, f"ledgers.{code}.runbook", str(error)) from error


def _options(path: Path, code: str, part: _Ledger) -> ConnectorOptions:
    options = dict(part.options)
    if isinstance(options.get("path"), str):
        # Written relative to the file, so that both can be moved together.
        options["path"] = str(path.absolute().parent / options["path"])
    try:
        return TypeAdapter(_OPTIONS[part.connector]).validate_python(options, extra="forbid")
    except ValidationError as error:
        raise _unreadable(path, f"ledgers.{code}.options", error) from error


def _unreadable(path: Path, under: str, error: ValidationError) -> LedgersUnreadable:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in ((under,) if under else ()) + first["loc"])
    return LedgersUnreadable(path, field, first["msg"])


# --------------------------------------------------------------------------- on a development machine

_DEMO = """
[ledgers.{code}]
name = "{name}"
connector = "demo"
options = {{ path = "{path}" }}
modules = ["inventory", "cost", "receivable", "payable", "gl"]
# Pairs (earlier, later): the later one closes after the earlier, and is opened before it.
closes_before = [["inventory", "cost"], ["cost", "gl"], ["receivable", "gl"], ["payable", "gl"]]
# How long people in the ledger are given to leave. Nobody sits in this one for real; elsewhere it is 60.
warning_seconds = 0
# How long backups are kept; these are the usual values (docs/backups.md). Snapshots at intervals: the newest
# of so many days, weeks and months. Backups A and B of a case: so many days after its end, and always while
# it is open or under legal hold. Snapshots by hand: so many days.
# 备份保留（默认值）：定期快照按天、周、月各留最近若干份；案件的备份 A、B 在案件结束后保留 case_days 天，
# 案件未结束或处于法律保全期间绝不删除；手工快照保留 by_hand_days 天。
retention = {{ daily = 7, weekly = 5, monthly = 24, case_days = 400, by_hand_days = 90 }}
"""

_PREFACE = """# The ledgers of this machine. Written once; change it as you like.
"""


def ledgers_path(given: Path | None, data_dir: Path, dev: bool) -> Path:
    """The file to load: the one given, else `ledgers.toml` in the data folder, written first if dev."""
    path = given or data_dir / "ledgers.toml"
    if given is None and dev and not path.exists():
        _write(path, _PREFACE + _DEMO.format(code="demo", name="演示账套 Demo ledger", path="demo.sqlite"))
    return path


def require_plain(code: str) -> None:
    """A code names files, queues and tables of a configuration, so it is plain.

    Raises:
        ValueError: it is anything else than small letters, digits, - and _, at most 40 of them.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", code):
        raise ValueError(f"{code!r} is no code for a ledger: small letters, digits, - and _, at most 40")


def add_demo_ledger(path: Path, code: str, name: str) -> None:
    """Append a ledger of our own kind, in a database beside the file, unless the file has it already."""
    text = path.read_text(encoding="utf-8") if path.exists() else _PREFACE
    require_plain(code)
    if code not in tomllib.loads(text).get("ledgers", {}):
        _write(path, text + _DEMO.format(code=code, name=name, path=f"{code}.sqlite"))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
