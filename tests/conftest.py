"""Fixtures that every folder of tests may use."""

import gc
import os
import sys
from collections.abc import Iterator
from itertools import chain

import pytest

from activities.demo_erp.ledger import DemoLedger
from activities.demo_erp.seed import fill_demo
from tests.postgres import Server, postgres

__all__ = ["demo_on_postgres", "postgres"]

SAID = "said"
"""The property by which a test tells what is to be read at the end of a run, whatever became of it."""


# What one process compiled the next shall not compile again, were it a test file or the product's own: the
# tests start hundreds of processes.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# What is imported stays to the end: looking through it for garbage takes longer than most tests.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tests may run in other processes, whose own output nobody sees."""
    reports = chain.from_iterable(terminalreporter.stats.values())
    told = (report.user_properties for report in reports if getattr(report, "when", "") == "call")
    for name, value in chain.from_iterable(told):
        if name == SAID:
            terminalreporter.write_line(str(value))


@pytest.fixture(scope="session")
def demo_on_postgres(postgres: Server) -> Iterator[str]:
    """The name of a database with the demo ledger in it, to make others from; nobody is connected to it."""
    with postgres.database() as name:
        with DemoLedger(postgres.url(name)) as ledger:
            fill_demo(ledger)
        yield name
