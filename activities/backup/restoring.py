"""The step that puts a backup in the place of the live ledger."""

import time

from temporalio import activity
from typing_extensions import override

from activities.backup.catalogue import BackupAct, BackupEvent
from activities.backup.keeper import BackupKeeper
from activities.backup.manifest import Manifest
from activities.backup.progress import Meter, heartbeats, in_thread
from activities.erp.connector import Hold, Scratch
from activities.proof import prove_ledger
from workflows.backup_steps import Restored, RestoreOrder, RestoreSteps
from workflows.domain.backups import BackupState
from workflows.domain.errors import BackupUnproven
from workflows.domain.proof import require_equal


class RestoreActivities(RestoreSteps):
    """Restores beside the ledger, proves the copy, and only then lets it take the ledger's place."""

    def __init__(self, keeper: BackupKeeper) -> None:
        self.keeper = keeper

    @override
    @activity.defn
    async def restore_in_place(self, order: RestoreOrder) -> Restored:
        began = time.perf_counter()
        entry, manifest = await self.keeper.read(order.backup)
        if entry.state != BackupState.PROVEN or manifest.ledger != order.ledger:
            raise BackupUnproven(order.backup, f"it is {entry.state}, of ledger {entry.ledger}")
        hold = Hold(order.fence, f"{order.case}: {order.backup}", f"{order.case}/restore/{order.backup}")
        async with heartbeats() as meter:
            kept = await self._replace(manifest, hold, meter)
            meter.begin("proving the ledger")
            connector = self.keeper.ledgers.connector(order.ledger)
            seen = await prove_ledger(connector)
        require_equal(manifest.proof, seen)
        await self._record(order, kept)
        took = round((time.perf_counter() - began) * 1000)
        return Restored(order.backup, seen.root, kept, took)

    async def _replace(self, manifest: Manifest, hold: Hold, meter: Meter) -> str:
        source = self.keeper.ledgers.connector(manifest.ledger).backup_source()

        def put(scratch: Scratch) -> str:
            return source.put_in_place(scratch, hold)

        name = f"{manifest.id}-back"
        if await self._is_done(manifest.ledger, hold):
            cleared = await self.keeper.clear(manifest.ledger, name)
            return await in_thread(meter, lambda: put(cleared))
        async with self.keeper.restored(manifest, name, meter) as scratch:
            await self.keeper.compare(manifest, scratch.connector(), meter)
            meter.begin("putting it in place")
            return await in_thread(meter, lambda: put(scratch))

    async def _is_done(self, ledger: str, hold: Hold) -> bool:
        """Whether a worker that died had done it: then the ledger knows."""
        journal = await self.keeper.ledgers.connector(ledger).journal(hold.key)
        return any(entry.key == hold.key for entry in journal)

    async def _record(self, order: RestoreOrder, kept: str) -> None:
        await self.keeper.catalogue.record(
            BackupEvent(
                backup=order.backup,
                key=f"restored-{order.case}-{order.fence}",
                act=BackupAct.RESTORED,
                actor=order.case,
                at=self.keeper.now(),
                data={"kept": kept, "fence": order.fence},
            )
        )
