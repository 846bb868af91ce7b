"""Rehearsal copies: ledgers made from a backup that stay for a while and are acted on like the real one."""

import asyncio
import time
from pathlib import Path

from temporalio import activity
from typing_extensions import override

from activities.backup.keeper import BackupKeeper
from activities.backup.progress import heartbeats, in_thread
from activities.erp.connector import LedgerConnector, Scratch
from activities.ledgers import Ledgers
from workflows.backup_steps import REHEARSAL_FENCE, RehearsalLedger, RehearsalOrder, RehearsalSteps
from workflows.steps import Nothing

_MARK = "@"
"""Between the code of a ledger and the name of a copy of it; no code holds it."""


class WithRehearsals:
    """Implements `Ledgers`: those configured, and under `demo@rehearsal-UC-…` the copies made of them."""

    def __init__(self, ledgers: Ledgers, folder: Path) -> None:
        self._ledgers, self._folder = ledgers, folder
        self._copies: dict[str, LedgerConnector] = {}

    def connector(self, ledger: str) -> LedgerConnector:
        """Raises UnknownLedger. A copy that is not there answers nothing: LedgerUnavailable."""
        if _MARK not in ledger:
            return self._ledgers.connector(ledger)
        if ledger not in self._copies:
            self._copies[ledger] = self.scratch(ledger).connector(read_only=False)
        return self._copies[ledger]

    def scratch(self, ledger: str) -> Scratch:
        """The scratch ledger behind a copy's name. Raises UnknownLedger."""
        code, _, name = ledger.partition(_MARK)
        return self._ledgers.connector(code).backup_source().scratch(self._folder, name)

    async def forget(self, ledger: str) -> None:
        """Let go of connections to a copy."""
        if ledger in self._copies:
            await self._copies.pop(ledger).aclose()

    async def aclose(self) -> None:
        """Let go of connections to every copy."""
        for ledger in tuple(self._copies):
            await self.forget(ledger)


class RehearsalActivities(RehearsalSteps):
    """One copy for each case, named after it."""

    def __init__(self, keeper: BackupKeeper, ledgers: WithRehearsals) -> None:
        self.keeper, self.ledgers = keeper, ledgers

    @override
    @activity.defn
    async def prepare(self, order: RehearsalOrder) -> RehearsalLedger:
        began = time.perf_counter()
        _, manifest = await self.keeper.read(order.backup)
        name = copy_name(order.ledger, order.case)
        await self.ledgers.forget(name)
        scratch = self.ledgers.scratch(name)
        async with heartbeats() as meter:
            await self.keeper.receive(manifest, scratch, meter)
            await self.keeper.compare(manifest, scratch.connector(), meter)
            took = round((time.perf_counter() - began) * 1000)
            await in_thread(meter, scratch.free)
        copy = self.ledgers.connector(name)
        await copy.enter_exclusive(REHEARSAL_FENCE, f"rehearsal of {order.case}")
        return RehearsalLedger(name, REHEARSAL_FENCE, took)

    @override
    @activity.defn
    async def discard(self, order: RehearsalOrder) -> Nothing:
        name = copy_name(order.ledger, order.case)
        await self.ledgers.forget(name)
        await asyncio.to_thread(self.ledgers.scratch(name).remove)
        return Nothing()


def copy_name(ledger: str, case: str) -> str:
    """What the copy of a ledger is called on which a case is rehearsed."""
    return f"{ledger}{_MARK}rehearsal-{case}"
