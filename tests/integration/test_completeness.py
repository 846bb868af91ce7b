"""Nothing is forgotten: every error, finding and step has what it needs, and what is committed is current."""

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from string import Formatter

import pytest
from openapi_spec_validator import validate

from activities.backup.backing_up import BackupActivities
from activities.backup.rehearsal import RehearsalActivities
from activities.backup.restoring import RestoreActivities
from activities.backup.snapshots import SnapshotActivities
from activities.case import CaseActivities
from activities.comparison import ComparisonActivities
from activities.guiding import GuidingActivities
from activities.lease import LeaseActivities
from activities.ledger import LedgerActivities
from activities.periodic import PeriodicActivities
from service import openapi_document, texts
from service.job_bodies import job_bodies
from service.jobs import JOBS
from service.migrate import check, upgrade
from service.problems import ROWS, TABLE, FailureClass, Problem
from service.refusals import every_refusal
from workflows import backup_steps, ledger_steps, periodic_steps, steps
from workflows.domain.approval import Group
from workflows.domain.case import TaskAction, TaskKind
from workflows.domain.errors import Conflict, Forbidden, Hidden, Malformed, TooSoon, Unavailable, every_error
from workflows.domain.findings import CATALOGUE, FindingCode, Severity
from workflows.domain.ledger import Module, StepMode, Verb
from workflows.domain.plan import Why
from workflows.domain.request import CaseState, Intent, ReasonCode

ROOT = Path(__file__).parents[2]
EVERY_FAILURE: tuple[FailureClass, ...] = (*every_error(), *every_refusal())
CHINESE = re.compile(r"[\u4e00-\u9fff]")


# --------------------------------------------------------------------------- errors


def test_every_error_has_a_row_and_every_row_an_error() -> None:
    assert set(ROWS) == set(EVERY_FAILURE)
    assert len(ROWS) == len(TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row_speaks_of_the_facts_that_its_error_has(row: Problem) -> None:
    named = {name for _, name, _, _ in Formatter().parse(row.detail_zh) if name}
    assert named <= {field.name for field in fields(row.cls)}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row_has_words_in_both_languages(row: Problem) -> None:
    assert all(CHINESE.search(text) for text in (row.title.zh, row.detail_zh, row.remedy.zh))
    assert not any(CHINESE.search(text) for text in (row.title.en, row.remedy.en))


@pytest.mark.parametrize(
    ("family", "status"),
    [(Hidden, 404), (Forbidden, 403), (Malformed, 422), (Conflict, 409), (TooSoon, 429), (Unavailable, 503)],
)
def test_a_family_of_errors_has_one_status(family: type, status: int) -> None:
    assert {ROWS[cls].status for cls in every_error() if issubclass(cls, family)} == {status}


def test_every_problem_has_a_heading() -> None:
    headings = re.findall(r"^## (\S+)$", (ROOT / "openapi/problems.md").read_text("utf-8"), re.MULTILINE)
    assert headings == [row.name for row in TABLE]


# --------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("codes", "table"),
    [
        (FindingCode, texts.FINDINGS),
        (CaseState, texts.STATES),
        (Module, texts.MODULES),
        (Verb, texts.VERBS),
        (StepMode, texts.MODES),
        (Why, texts.WHYS),
        (Severity, texts.SEVERITIES),
        (Group, texts.GROUPS),
        (TaskKind, texts.TASK_KINDS),
        (TaskAction, texts.TASK_ACTIONS),
        (ReasonCode, texts.REASONS),
        (Intent, texts.INTENTS),
    ],
)
def test_every_code_has_words(codes: type[StrEnum], table: Iterable[StrEnum]) -> None:
    assert set(table) == set(codes)


def test_every_finding_is_in_the_catalogue() -> None:
    assert {rule.code for rule in CATALOGUE} == set(FindingCode)


# --------------------------------------------------------------------------- steps

CONTRACTS: list[tuple[type, type]] = [
    (steps.CaseSteps, CaseActivities),
    (steps.LeaseSteps, LeaseActivities),
    (steps.LedgerSteps, LedgerActivities),
    (steps.BackupSteps, BackupActivities),
    (ledger_steps.ComparisonSteps, ComparisonActivities),
    (ledger_steps.GuidingSteps, GuidingActivities),
    (backup_steps.RestoreSteps, RestoreActivities),
    (backup_steps.RehearsalSteps, RehearsalActivities),
    (backup_steps.SnapshotSteps, SnapshotActivities),
    (periodic_steps.PeriodicSteps, PeriodicActivities),
]


def _steps_of(contract: type) -> dict[str, Callable[..., object]]:
    return {name: step for name, step in vars(contract).items() if not name.startswith("_")}


def test_every_contract_has_an_implementation() -> None:
    contracts = {
        cls
        for module in (steps, ledger_steps, backup_steps, periodic_steps)
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__name__.endswith("Steps")
    }
    assert contracts == {contract for contract, _ in CONTRACTS}


@pytest.mark.parametrize(
    ("implementation", "name"),
    [(implementation, name) for contract, implementation in CONTRACTS for name in _steps_of(contract)],
    ids=lambda part: part if isinstance(part, str) else part.__name__,
)
def test_every_step_is_implemented_as_an_activity(implementation: type, name: str) -> None:
    assert name in vars(implementation), "the empty contract would be called"
    assert hasattr(vars(implementation)[name], "__temporal_activity_definition")


def test_every_job_has_a_body_and_words() -> None:
    bodies = inspect.getsource(job_bodies)
    assert [job.name for job in JOBS if f'"{job.name}":' not in bodies] == []
    assert all(CHINESE.search(job.title.zh) and not CHINESE.search(job.title.en) for job in JOBS)
    assert all(re.fullmatch("[a-z-]+", job.name) for job in JOBS)


# --------------------------------------------------------------------------- what is committed


def test_the_committed_openapi_document_is_current() -> None:
    assert (ROOT / "openapi/openapi.json").read_text("utf-8") == openapi_document.text()


def test_the_committed_reference_of_problems_is_current() -> None:
    assert (ROOT / "openapi/problems.md").read_text("utf-8") == openapi_document.problems_text()


def test_the_openapi_document_is_valid() -> None:
    validate(openapi_document.build())


def test_every_operation_tells_which_problems_it_gives() -> None:
    paths = openapi_document.build()["paths"]
    silent = [
        f"{method} {path}"
        for path, operations in paths.items()
        for method, operation in operations.items()
        if path.startswith("/api/") and "application/problem+json" not in str(operation["responses"])
    ]
    assert silent == []


def test_the_migrations_lead_to_the_tables(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}"
    upgrade(url)
    upgrade(url)
    check(url)  # raises if a migration is missing
