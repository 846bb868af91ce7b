"""A client generated from the committed OpenAPI document does what a person does by hand."""

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import pytest

from tests.e2e.people import EXAMPLE
from tests.e2e.tree import Tree, eventually

DOCUMENT = Path(__file__).parents[2] / "openapi/openapi.json"
NAME = "unclose_generated"
SETTINGS = """\
post_hooks: []
content_type_overrides:
  application/pdf: application/octet-stream
  application/zip: application/octet-stream
"""
"""The formatter it would call is not needed to run the code; files are bytes to it."""
Generated: TypeAlias = Any  # Any: code that is written while the test runs


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the generated package; importable while the tests of this file run."""
    folder = tmp_path_factory.mktemp("generated")
    config = folder / "generator.yml"
    config.write_text(SETTINGS)
    generator = Path(sys.executable).with_name("openapi-python-client")
    command: list[str | Path] = [
        generator,
        "generate",
        "--path",
        DOCUMENT,
        "--meta",
        "none",
        "--fail-on-warning",
    ]
    command += ["--output-path", folder / NAME, "--config", config]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


class Person:
    """Somebody who uses the generated client; its methods are named after the operations."""

    def __init__(self, tree: Tree, name: str) -> None:
        self._url, self._token = tree.url, f"demo-{name}"

    def call(self, operation: str, *arguments: object, **named: object) -> Generated:
        package: Generated = import_module(NAME)
        module: Generated = import_module(f"{NAME}.api.{operation}")
        with package.AuthenticatedClient(self._url, self._token, timeout=30) as client:
            return module.sync(*arguments, client=client, **named)


def model(name: str) -> Generated:
    return getattr(import_module(f"{NAME}.models"), name)


def test_a_case_is_asked_for_approved_and_read_through_the_generated_client(
    tree: Tree, generated: Path
) -> None:
    clerk, warehouse = Person(tree, "clerk"), Person(tree, "warehouse")
    key = uuid4().hex
    wish = model("RequestIn").from_dict(EXAMPLE)
    taken = clerk.call("requests.create_request", body=wish, idempotency_key=key)
    again = clerk.call("requests.create_request", body=wish, idempotency_key=key)
    assert (taken.ledger, taken.applicant) == ("demo", "clerk")
    assert again == taken

    def open_task() -> Generated:
        found = warehouse.call("tasks.list_tasks", mine=True, request=taken.id)
        return found.items[0] if found.items else None

    task = eventually(open_task, "the warehouse is asked")
    act = model("ActIn")(action=model("TaskAction").APPROVE, digest=task.digest, comment="同意")
    after = warehouse.call("tasks.act_on_task", task.id, body=act, idempotency_key=uuid4().hex)
    assert (after.id, str(after.state), after.waiting_for) == (taken.id, "approving", ["finance"])

    read = clerk.call("requests.read_request", taken.id)
    assert (read.digest, read.reason, read.window_hours) == (task.digest, EXAMPLE["reason"], 24)
    kinds = [str(event.kind) for event in clerk.call("requests.read_timeline", taken.id).items]
    assert kinds.count("decided") == 1
    assert clerk.call("requests.read_plan", taken.id).steps[0].module == "gl"
    clerk.call("requests.withdraw", taken.id, body=model("CommentIn")(comment="不再需要"))


def test_the_generated_client_reads_a_refusal_as_a_problem(tree: Tree, generated: Path) -> None:
    wish = model("RequestIn").from_dict(EXAMPLE | {"ledger": "nowhere"})
    refused = Person(tree, "clerk").call("requests.create_request", body=wish)

    assert isinstance(refused, model("Problem"))
    assert (refused.status, refused.type_, refused.errors[0].pointer) == (
        404,
        "/problems/unknown-ledger",
        "/ledger",
    )


def test_methods_of_a_client_are_named_after_what_they_do(generated: Path) -> None:
    files = {f"{file.parent.name}.{file.stem}" for file in (generated / NAME / "api").glob("*/*.py")}
    assert {
        "requests.create_request",
        "requests.list_requests",
        "requests.read_request",
        "tasks.list_tasks",
        "tasks.act_on_task",
        "plans.plan_ahead",
    } <= files
