"""The port to ERPs and its connectors. May import demo_erp, workflows and workflows.domain.

`connect` is the only place that names the implementations.
"""

from typing import assert_never

from activities.erp.connector import LedgerConnector
from activities.erp.demo import DemoConnector, DemoOptions

ConnectorOptions = DemoOptions
"""What the connectors need to start: one dataclass each, in the file of its connector."""


def connect(options: ConnectorOptions) -> LedgerConnector:
    """The connector that these options belong to. Opens nothing yet."""
    match options:
        case DemoOptions():
            return DemoConnector(options)
        case _:
            assert_never(options)
