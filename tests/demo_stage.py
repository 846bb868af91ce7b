"""The true demo ledger on stage: the one ledger under both ports."""

from dataclasses import replace

from activities.demo_erp import creation
from activities.erp.demo import DemoConnector
from tests.fake_world import a_profile
from workflows.steps import LedgerProfile


class DemoLedgers:
    """One demo ledger, configured as a test wants it."""

    def __init__(self, connector: DemoConnector, **changes: object) -> None:
        self.demo, self._changes = connector, changes

    def connector(self, ledger: str) -> DemoConnector:
        return self.demo

    def profile(self, ledger: str) -> LedgerProfile:
        plain = replace(a_profile(ledger), graph=creation.GRAPH)
        return replace(plain, **self._changes)  # type: ignore[arg-type]  # a test names the fields it cares for
