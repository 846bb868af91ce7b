"""The demo ledger as the only one there is: its connector and its profile."""

from dataclasses import replace

from activities.demo_erp.seed import DEMO
from activities.erp.demo import DemoConnector
from tests.fake_world import a_profile
from workflows.steps import LedgerProfile


class OneLedger:
    """Both ports to configured ledgers."""

    def __init__(self, connector: DemoConnector) -> None:
        self._connector = connector

    def connector(self, ledger: str) -> DemoConnector:
        return self._connector

    def profile(self, ledger: str) -> LedgerProfile:
        return replace(a_profile(ledger), graph=DEMO.graph, calendar=DEMO.calendar)
