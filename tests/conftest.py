"""Fixtures that every folder of tests may use."""

from collections.abc import Iterator

import pytest

from activities.demo_erp.ledger import DemoLedger
from activities.demo_erp.seed import fill_demo
from tests.postgres import Server, postgres

__all__ = ["demo_on_postgres", "postgres"]


@pytest.fixture(scope="session")
def demo_on_postgres(postgres: Server) -> Iterator[str]:
    """The name of a database with the demo ledger in it, to make others from; nobody is connected to it."""
    with postgres.database() as name:
        with DemoLedger(postgres.url(name)) as ledger:
            fill_demo(ledger)
        yield name
