"""Compute the proofs of a ledger by streaming its canonical rows: memory does not grow with the ledger."""

from activities.erp.connector import LedgerConnector
from workflows.domain.ledger import Module
from workflows.domain.period import FiscalCalendar, Period
from workflows.domain.proof import DOCUMENTS_FORMAT, Leaf, LeafHash, Proof, tree


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


async def prove_documents(connector: LedgerConnector, calendar: FiscalCalendar) -> Proof:
    """The proof over what people entered in every module's closed periods, one ordered query for each leaf.

    It shows what the balances cannot: a document of a closed period that was changed past the ERP leaves them
    as they were until the period is closed anew.
    """
    leaves: list[Leaf] = []
    for state in sorted((await connector.read_close_state()).modules, key=lambda state: state.module):
        for period in calendar.span(state.start, calendar.previous(state.current)):
            hashing = await _documents(connector, state.module, period)
            if hashing.rows:
                leaves.append(hashing.leaf())
    return tree(leaves, DOCUMENTS_FORMAT)


async def digest_of_documents(connector: LedgerConnector, module: Module, period: Period) -> str:
    """Of what people entered in one place, as in the proof over documents; empty where that is nothing."""
    hashing = await _documents(connector, module, period)
    return hashing.leaf().digest if hashing.rows else ""


async def _documents(connector: LedgerConnector, module: Module, period: Period) -> LeafHash:
    hashing = LeafHash(module, period)
    async with connector.documents(module, period) as chunks:
        async for _, rows in chunks:
            hashing.add(rows)
    return hashing
