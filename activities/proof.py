"""Compute the proof of a ledger by streaming its balance rows: memory does not grow with the ledger."""

from activities.erp.connector import LedgerConnector
from workflows.domain.ledger import Module
from workflows.domain.proof import Leaf, LeafHash, Proof, tree


async def prove_ledger(connector: LedgerConnector) -> Proof:
    """The proof over every module's closed periods, one ordered query for each module."""
    state = await connector.read_close_state()
    leaves: list[Leaf] = []
    for module in sorted(state.pointers()):
        leaves.extend(await _leaves(connector, module))
    return tree(leaves)


async def _leaves(connector: LedgerConnector, module: Module) -> list[Leaf]:
    leaves: list[Leaf] = []
    hashing: LeafHash | None = None
    async with connector.balances(module) as chunks:
        async for period, rows in chunks:
            if hashing is None or hashing.period != period:
                if hashing is not None:
                    leaves.append(hashing.leaf())
                hashing = LeafHash(module, period)
            hashing.add(rows)
    if hashing is not None:
        leaves.append(hashing.leaf())
    return leaves
