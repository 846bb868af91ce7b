"""Backups outside cases: snapshots, tests of what is stored, documents brought back, and retention."""

from collections.abc import Callable
from dataclasses import replace
from datetime import tzinfo

from temporalio import activity
from typing_extensions import override

from activities.backup import manifest as manifests
from activities.backup.catalogue import BackupAct, BackupEvent
from activities.backup.keeper import BackupKeeper, Wanted
from activities.backup.progress import Meter, heartbeats, in_thread
from activities.erp.connector import LedgerConnector, TellsDocuments
from workflows.backup_steps import (
    Extracted,
    ExtractOrder,
    SnapshotOrder,
    SnapshotSteps,
    TestOrder,
    Tidied,
    TidyOrder,
)
from workflows.domain.backups import Backup, BackupPoint, BackupState
from workflows.domain.digest import Json, sha256
from workflows.domain.errors import LedgerRefused, Refused, UnknownBackup, UnknownDocument
from workflows.domain.retention import Retention, Verdict, judged

Rules = Callable[[str], tuple[Retention, tzinfo]]
"""How long backups of a ledger are kept, and in which zone its days begin."""


class SnapshotActivities(SnapshotSteps):
    """Everything is restored to scratch; the live ledger is only read."""

    def __init__(self, keeper: BackupKeeper, rules: Rules) -> None:
        self.keeper, self.rules = keeper, rules

    @override
    @activity.defn
    async def take_snapshot(self, order: SnapshotOrder) -> Backup:
        wanted = Wanted(
            name=order.id,
            ledger=order.ledger,
            point=BackupPoint.SNAPSHOT,
            case=None,
            made_for=f"snapshot/{order.id}",
        )
        async with heartbeats() as meter:
            taken = (await self.keeper.take(wanted, meter)).backup
        await self._record(taken.id, BackupAct.TAKEN, "taken", order.by, {"reason": order.reason})
        return taken

    @override
    @activity.defn
    async def test_backup(self, order: TestOrder) -> Backup:
        try:
            async with heartbeats() as meter:
                entry, manifest = await self.keeper.read(order.backup)
                tested = (await self.keeper.test(entry, manifest, meter)).backup
        except UnknownBackup:
            raise
        except Refused as error:
            await self._record(order.backup, BackupAct.TESTED, order.key, order.by, {"refused": str(error)})
            raise
        told: dict[str, Json] = {"restore_milliseconds": tested.restore_milliseconds}
        await self._record(order.backup, BackupAct.TESTED, order.key, order.by, told)
        return tested

    @override
    @activity.defn
    async def extract(self, order: ExtractOrder) -> Extracted:
        entry, manifest = await self.keeper.read(order.backup)
        scratch_name = f"{order.backup}-extract-{sha256(order.key)[:8]}"
        async with heartbeats() as meter, self.keeper.restored(manifest, scratch_name, meter) as scratch:
            document = await _document(scratch.connector(), entry, order.document)
        told: dict[str, Json] = {"document": order.document, "digest": sha256(document)}
        await self._record(order.backup, BackupAct.EXTRACTED, order.key, order.by, told)
        return Extracted(document)

    @override
    @activity.defn
    async def tidy(self, order: TidyOrder) -> Tidied:
        there = await self.keeper.catalogue.of(order.ledger)
        ties = await self.keeper.catalogue.ties(order.ledger)
        retention, zone = self.rules(order.ledger)
        verdicts = judged(there, retention, ties, zone, self.keeper.now())
        deleted = []
        async with heartbeats() as meter:
            for backup in there:
                verdict = verdicts[backup.id]
                if verdict.stays:
                    await self._note_why(backup, verdict.says)
                elif await self._delete(backup, verdict, meter):
                    deleted.append(backup.id)
        return Tidied(tuple(deleted))

    async def _note_why(self, backup: Backup, reason: str) -> None:
        if backup.kept_because != reason:
            await self.keeper.catalogue.keep(replace(backup, kept_because=reason))

    async def _delete(self, backup: Backup, verdict: Verdict, meter: Meter) -> bool:
        """First said, then done: what is half removed is never taken for a backup. Whether it was deleted."""
        reason = f"retention ({verdict.rule}): {verdict.says}"
        gone = replace(backup, state=BackupState.DELETED, reason=reason, kept_because="")
        told: dict[str, Json] = {"rule": verdict.rule, "reason": verdict.says}
        event = self._event(backup.id, BackupAct.DELETED, "deleted", "retention", told)
        if not await self.keeper.catalogue.let_go(gone, event):
            return False
        folder = manifests.folder(backup.ledger, backup.id)

        def remove() -> None:
            # The manifest goes first: without it the rest is rubbish that any later look may remove.
            names = sorted((found.name for found in self.keeper.store.list(folder)), key=_manifest_first)
            self.keeper.store.delete(names)
            self.keeper.store.sweep(folder)

        await in_thread(meter, remove)
        return True

    async def _record(self, backup: str, act: BackupAct, key: str, by: str, data: dict[str, Json]) -> None:
        await self.keeper.catalogue.record(self._event(backup, act, key, by, data))

    def _event(self, backup: str, act: BackupAct, key: str, by: str, data: dict[str, Json]) -> BackupEvent:
        return BackupEvent(backup=backup, key=key, act=act, actor=by, at=self.keeper.now(), data=data)


def _manifest_first(name: str) -> tuple[bool, str]:
    return not name.endswith(manifests.FILE), name


async def _document(connector: LedgerConnector, entry: Backup, number: str) -> dict[str, Json]:
    """Closes the connector. Raises UnknownDocument; LedgerRefused if this ERP's documents cannot be told."""
    try:
        if not isinstance(connector, TellsDocuments):
            raise LedgerRefused(entry.ledger, "its connector cannot tell single documents")
        document = await connector.document(number)
    finally:
        await connector.aclose()
    if document is None:
        raise UnknownDocument(entry.id, entry.ledger, number)
    return document
