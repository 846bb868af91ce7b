"""What `unclose demo` checks afterwards, in the ledger and not in what the case says about itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from activities.erp.connector import LedgerConnector
from workflows.domain.corrections import Invariants


@dataclass(frozen=True)
class Claim:
    """Something that must be true of the ledger after the case."""

    says: str
    holds: bool


async def check_ledger(connector: LedgerConnector, before: Mapping[str, str]) -> tuple[Claim, ...]:
    """Ask the ledger itself; `before` tells each module's current period before the case."""
    state = await connector.read_close_state()
    after = {str(module): str(period) for module, period in state.pointers().items()}
    return (_same_periods(before, after), *_sound(await connector.invariants()))


def _same_periods(before: Mapping[str, str], after: Mapping[str, str]) -> Claim:
    moved = [f"{name} {before.get(name)}→{after[name]}" for name in after if before.get(name) != after[name]]
    told = ", ".join(moved) or ", ".join(f"{module} {period}" for module, period in after.items())
    return Claim(f"every module's current period is what it was: {told}", not moved)


def _sound(found: Invariants) -> Iterator[Claim]:
    broken = ", ".join(found.broken_openings)
    yield Claim(f"the opening of every period is the closing of the one before {broken}".strip(), not broken)
    yield Claim(
        f"the stock's value {found.stock_value} is the ledger's {found.stock_account}",
        found.stock_value == found.stock_account,
    )
    yield Claim(f"debits equal credits, difference {found.trial_balance}", found.trial_balance == 0)
