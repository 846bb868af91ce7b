"""Steps that find out where two states of a ledger differ, and what a case has changed in it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from temporalio import activity
from typing_extensions import override

from activities.artefact import JsonLines
from activities.backup.progress import heartbeats
from activities.erp.connector import LedgerConnector
from activities.ledgers import Ledgers
from activities.proof import digest_of_documents, prove_documents, prove_ledger
from activities.row_differences import differences, documents_of
from workflows.domain.canonical import Place, Rows
from workflows.domain.difference import Assembly, Difference
from workflows.domain.ledger import Module
from workflows.domain.location import Located, Tally
from workflows.domain.period import FiscalCalendar, Period
from workflows.domain.proof import Proof
from workflows.ledger_steps import (
    CompareOrder,
    ComparisonSteps,
    LedgerReference,
    LocateOrder,
    ProveDocumentsOrder,
)


class RestoredBackups(Protocol):
    """Backups that can be looked into."""

    def opened(self, ledger: str, backup: str) -> AbstractAsyncContextManager[LedgerConnector]:
        """A read-only connector to a backup, restored to scratch for as long as this lasts.

        Raises:
            BackupUnproven: it is not there, or not as it was stored.
        """


class ComparisonActivities(ComparisonSteps):
    """Compares ledgers this worker serves with each other and with their backups."""

    def __init__(self, ledgers: Ledgers, backups: RestoredBackups, folder: Path) -> None:
        self.ledgers, self.backups, self.folder = ledgers, backups, folder

    @override
    @activity.defn
    async def locate(self, order: LocateOrder) -> Located:
        async with heartbeats(), self._open(order.before) as before, self._open(order.after) as after:
            return await locate(before, after, order.calendar)

    @override
    @activity.defn
    async def compare(self, order: CompareOrder) -> Difference:
        live = self.ledgers.connector(order.ledger)
        async with heartbeats(), self.backups.opened(order.ledger, order.backup) as before:
            # People are in the ledger again, and work in periods that were never opened.
            log = await live.changes_since(order.mark)
            assembly = Assembly(entry for entry in log if (entry.module, entry.period) in order.touched)
            closed = {
                f"{module} {period}": await digest_of_documents(live, module, period)
                for module, period in order.touched
            }
            with JsonLines(self.folder, f"{order.case}-difference.jsonl") as whole:
                for place in places_of(order.touched):
                    async for row in differences(before, live, place):
                        assembly.add_balance(row)
                        whole.write(row)
                for place in places_of(order.touched, Rows.DOCUMENTS):
                    async for document in documents_of(before, live, place):
                        whole.write(assembly.add_document(document))
            return assembly.difference(whole.artefact, closed)

    @override
    @activity.defn
    async def prove_documents(self, order: ProveDocumentsOrder) -> Proof:
        async with heartbeats():
            return await prove_documents(self.ledgers.connector(order.ledger), order.calendar)

    @asynccontextmanager
    async def _open(self, reference: LedgerReference) -> AsyncIterator[LedgerConnector]:
        if reference.backup is None:
            yield self.ledgers.connector(reference.ledger)
            return
        async with self.backups.opened(reference.ledger, reference.backup) as restored:
            yield restored


# --------------------------------------------------------------------------- ledger against ledger


async def locate(before: LedgerConnector, after: LedgerConnector, calendar: FiscalCalendar) -> Located:
    """Every place where two ledgers differ, down to the row; leaves that are equal are not looked into."""
    tally = Tally()
    for place in await _differing(before, after, calendar):
        async for row in differences(before, after, place):
            tally.add(row)
    return tally.located()


async def _differing(
    before: LedgerConnector, after: LedgerConnector, calendar: FiscalCalendar
) -> list[Place]:
    """Places whose leaves are not the same in both, or that only one of them has."""
    places: list[Place] = []
    for rows in Rows:
        was = (await _prove(before, rows, calendar)).by_place()
        now = (await _prove(after, rows, calendar)).by_place()
        unlike = sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))
        places += [Place(rows, module, period) for module, period in unlike]
    return places


async def _prove(connector: LedgerConnector, rows: Rows, calendar: FiscalCalendar) -> Proof:
    if rows == Rows.BALANCES:
        return await prove_ledger(connector)
    return await prove_documents(connector, calendar)


def places_of(touched: tuple[tuple[Module, Period], ...], rows: Rows = Rows.BALANCES) -> list[Place]:
    """The places of what was touched, in order."""
    return sorted(Place(rows, module, period) for module, period in set(touched))
