"""The whole OpenAPI document, fuzzed in-process: nothing breaks, every answer is one that was announced."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
import schemathesis
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    PhasesConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    StatefulPhaseConfig,
)
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import CheckNode, ScenarioRecorder
from schemathesis.python.asgi import shutdown_lifespans

from activities.demo_erp.desk import Desk
from activities.demo_erp.ledger import DemoLedger
from activities.demo_erp.seed import create_demo
from service.app import create_app
from service.database import open_database
from service.migrate import upgrade
from service.register import SqlRegister
from service.settings import Settings
from tests.api_document import api_document
from tests.builders import a_request
from tests.fakes import FakeBackupWorks, FakeGateway, FakeScheduleServer
from tests.integration.test_routes import DIGEST, FINDING, LEVEL, NOW, PLAN, an_event
from workflows.domain.approval import Group
from workflows.domain.case import CaseChange, Task, TaskAction, TaskKind
from workflows.domain.digest import Json
from workflows.domain.request import CaseState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SEED, EXAMPLES = 20250603, 5
REQUEST = a_request(id="UC-2025-000001")
TASK = Task(
    f"{REQUEST.id}-approval-1-1",
    TaskKind.APPROVAL,
    "warehouse",
    (Group.WAREHOUSE,),
    ("warehouse",),
    (TaskAction.APPROVE, TaskAction.REJECT),
    DIGEST,
    NOW,
)

PATHS: Mapping[str, Mapping[str, str]] = {
    "anywhere": {},
    "at what is there": {
        "path.code": "demo",
        "path.case": REQUEST.id,
        "path.task": TASK.id,
        "path.number": "IN-2025-03-0007",
        "path.period": "2025-05",
        "path.name": "snapshot.demo",
    },
}
"""Parts of paths that are given. Where none is, most calls end at something that is not there."""


def config_at(given: Mapping[str, str]) -> SchemathesisConfig:
    project = ProjectConfig(
        headers={"Authorization": "Bearer demo-warehouse"},
        continue_on_failure=True,
        parameters=dict(given),
        generation=GenerationConfig(
            deterministic=True, max_examples=EXAMPLES, no_shrink=True, database="none"
        ),
        phases=PhasesConfig(stateful=StatefulPhaseConfig(enabled=False)),
        # Rules that no schema tells refuse what is well-formed, some of them with 422 (design §10).
        checks=ChecksConfig(positive_data_acceptance=PositiveDataAcceptanceConfig(enabled=False)),
    )
    return SchemathesisConfig(seed=SEED, projects=ProjectsConfig(default=project))


@pytest.fixture(scope="module", params=PATHS.values(), ids=list(PATHS))
def tried(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[ScenarioRecorder]]:
    """Everything that was sent, and what became of it: development routes too, on stores of their own."""
    folder = tmp_path_factory.mktemp("fuzzed")
    create_demo(folder / "demo.sqlite")
    with DemoLedger(str(folder / "demo.sqlite")) as ledger:
        Desk(ledger).login("warehouse")
    settings = Settings(dev=True, data_dir=folder)
    upgrade(settings.database_url)
    asyncio.run(_put_on_record(settings.database_url))
    gateway = FakeGateway()
    gateway.started[REQUEST.id] = REQUEST
    app = create_app(settings, gateway, works=FakeBackupWorks(), schedule_server=FakeScheduleServer())
    config = config_at(request.param)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, config=config)
    found: list[ScenarioRecorder] = []
    for event in from_schema(schema).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), event
        if isinstance(event, events.ScenarioFinished):
            found.append(event.recorder)
    yield found
    shutdown_lifespans()


async def _put_on_record(url: str) -> None:
    """A case with a plan and a task, on record as ended, so that the stream of its events ends too."""
    database = open_database(url)
    register = SqlRegister(database)
    await register.receive(REQUEST)
    parts: dict[str, Json] = {
        "digest": DIGEST,
        "risk": "low",
        "plan": PLAN,
        "findings": [FINDING],
        "chain": [LEVEL],
    }
    passed: dict[str, Json] = {"from": "received", "to": "withdrawn"}
    ended = replace(an_event(1), data=passed)
    change = CaseChange(REQUEST.id, CaseState.WITHDRAWN, (ended,), opened=(TASK,), parts=parts)
    await register.record(change)
    await database.aclose()


def test_every_answer_is_one_that_was_announced(tried: list[ScenarioRecorder]) -> None:
    """Nothing fails inside or is undocumented, nothing malformed is taken, no stranger is let in."""
    failures = [
        f"{recorder.label}: {check.name}: {check.failure_info.failure}\n"
        f"{recorder.cases[case].value.as_curl_command()}"
        for recorder in tried
        for case, checks in recorder.checks.items()
        for check in checks
        if check.failure_info is not None and not _is_about_an_unknown_header(check)
    ]
    assert not failures, "\n\n".join(failures)


def _is_about_an_unknown_header(check: CheckNode) -> bool:
    """Headers that nobody knows are not read and refuse nothing: every proxy on the way adds some."""
    failure = check.failure_info
    return failure is not None and "in header - object with unexpected properties" in str(failure.failure)


def test_every_operation_was_tried_and_held_against_the_document(tried: list[ScenarioRecorder]) -> None:
    checks = Counter(
        check.name for recorder in tried for found in recorder.checks.values() for check in found
    )
    operations = {
        f"{method.upper()} {path}" for path, found in api_document()["paths"].items() for method in found
    }
    assert {recorder.label for recorder in tried if recorder.interactions} == operations
    assert {
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "ignored_auth",
        "allow_header_conformance",
    } <= set(checks)
