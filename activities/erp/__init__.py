"""The port to ERPs and its connectors. May import demo_erp, engines, workflows and workflows.domain.

`connect` is the only place that names the implementations.
"""

from typing import assert_never

from activities.engines.postgresql import PostgreSQLTools
from activities.erp.connector import LedgerConnector
from activities.erp.demo import NO_TOOLS, DemoConnector, DemoOptions

ConnectorOptions = DemoOptions
"""What the connectors need to start: one dataclass each, in the file of its connector."""


def connect(options: ConnectorOptions, tools: PostgreSQLTools = NO_TOOLS) -> LedgerConnector:
    """The connector that these options belong to. Opens nothing yet."""
    match options:
        case DemoOptions():
            return DemoConnector(options, tools)
        case _:
            assert_never(options)
