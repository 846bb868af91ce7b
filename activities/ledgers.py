"""The port through which activities reach the connector of a configured ledger."""

from typing import Protocol

from activities.erp.connector import LedgerConnector


class Ledgers(Protocol):
    """The ledgers this worker serves."""

    def connector(self, ledger: str) -> LedgerConnector:
        """The one connector of this ledger in this process. Raises UnknownLedger."""
