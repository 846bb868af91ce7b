"""Rights given and taken are believed only when the ERP, asked again, says so (R50, R51)."""

from activities.erp.connector import HeldRight, LedgerConnector
from workflows.domain.errors import RightNotGranted, RightNotWithdrawn


async def require_granted(
    connector: LedgerConnector, ledger: str, persons: tuple[str, ...], right: str
) -> None:
    """Raises RightNotGranted for the first person who does not have the right."""
    having = {held.person for held in await _read(connector, persons, right)}
    for person in persons:
        if person not in having:
            raise RightNotGranted(person, right, ledger)


async def require_withdrawn(
    connector: LedgerConnector, ledger: str, persons: tuple[str, ...], right: str
) -> None:
    """Raises RightNotWithdrawn for the first person who still has the right for a time."""
    for held in await _read(connector, persons, right):
        if held.until is not None:
            raise RightNotWithdrawn(held.person, right, ledger)


async def _read(connector: LedgerConnector, persons: tuple[str, ...], right: str) -> list[HeldRight]:
    return [held for held in await connector.rights(persons) if held.right == right]
