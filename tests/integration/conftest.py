"""Real neighbours for integration tests: Temporal servers that can skip time."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from activities.converter import data_converter
from activities.demo_erp.seed import create_demo
from service.migrate import upgrade
from service.temporal_server import find_temporal
from tests.temporal_flags import TIME_SKIPPING


@pytest.fixture(scope="session")
def empty_register(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once, copied for every test."""
    file = tmp_path_factory.mktemp("register") / "register.sqlite"
    upgrade(f"sqlite+aiosqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def demo_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo ledger as it is made, for copies of it; nobody writes into this one."""
    return create_demo(tmp_path_factory.mktemp("demo") / "demo.db")


@pytest.fixture
def path(demo_template: Path, tmp_path: Path) -> Path:
    """A demo ledger of the test's own."""
    return Path(shutil.copy(demo_template, tmp_path / "demo.db"))


@asynccontextmanager
async def temporal_server() -> AsyncIterator[WorkflowEnvironment]:
    """A real server that can skip time; workflows run in real time until a test jumps."""
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=str(find_temporal()),
        data_converter=data_converter,
        dev_server_extra_args=TIME_SKIPPING,
    )
    async with environment:
        yield environment


@pytest.fixture
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    """A server for one test alone."""
    async with temporal_server() as environment:
        yield environment


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_temporal() -> AsyncIterator[WorkflowEnvironment]:
    """One server for all tests of a file, each with its own queue; they run on the file's event loop."""
    async with temporal_server() as environment:
        yield environment
