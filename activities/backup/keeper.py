"""Takes backups and proves them: what every step on backups is made of."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from uuid import uuid4

from activities.backup import manifest as manifests
from activities.backup.catalogue import BackupCatalogue
from activities.backup.drafts import Drafts
from activities.backup.manifest import Manifest
from activities.backup.progress import Meter, in_thread
from activities.backup.store import ObjectStore
from activities.backup.vault import Sealed, Vault
from activities.erp.connector import LedgerConnector, Scratch
from activities.ledgers import Ledgers
from activities.proof import prove_ledger
from workflows.domain.backups import Backup, BackupPoint, BackupState
from workflows.domain.digest import sha256
from workflows.domain.errors import BackupDamaged, BackupUnproven, Refused, UnknownBackup
from workflows.domain.proof import Proof, differing


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A backup that is to be taken."""

    name: str
    """Its id, unless that is taken by an earlier copy: then the same with a number after it."""
    ledger: str
    point: BackupPoint
    case: str | None
    made_for: str
    """Names the one activity that asks, over all its attempts."""


@dataclass(frozen=True)
class Taken:
    """A backup that counts, with the proof that it was found equal to."""

    backup: Backup
    proof: Proof


class BackupKeeper:
    """Copies ledgers into the vault, restores them to scratch, and keeps the catalogue true."""

    def __init__(self, ledgers: Ledgers, vault: Vault, catalogue: BackupCatalogue, folder: Path) -> None:
        self.ledgers, self.vault, self.catalogue = ledgers, vault, catalogue
        self.folder = folder
        """For drafts and scratch ledgers; what a dead attempt left there is removed by the next."""

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)

    @property
    def store(self) -> ObjectStore:
        return self.vault.store

    async def take(self, wanted: Wanted, meter: Meter) -> Taken:
        """Copy, store, restore, prove; or find that an attempt before this one has copied and stored already.

        Raises:
            BackupUnproven: the restored copy is damaged or differs from the source.
            BackupKeyMissing, BackupKeyUnreadable, BackupKeyWrong: it is encrypted and cannot be tested here.
            RecipientUnreadable, ToolMissing, NoRoom: it cannot be made here.
        """
        self.vault.require_readable(wanted.name)
        manifest = await self._unanswered(wanted)
        if manifest is not None:
            try:
                return await self._prove(manifest, meter)
            except (BackupDamaged, BackupUnproven):
                # An earlier attempt was cut off by the store, or by another attempt: this one makes its own.
                manifest = None
        return await self._prove(await self._copy(wanted, meter), meter)

    async def read(self, backup: str) -> tuple[Backup, Manifest]:
        """A backup that can be restored: its entry, and its manifest checked against it.

        Raises:
            UnknownBackup: there is none, or its data has been deleted.
            BackupDamaged: the manifest is not what was written, or is gone; it is unproven from now on.
        """
        entry = await self.catalogue.find(backup)
        if entry.state == BackupState.DELETED:
            raise UnknownBackup(backup)
        try:
            manifest = await in_thread(Meter(), lambda: self._manifest(entry))
        except BackupDamaged as error:
            await self._note_unproven(entry, error)
            raise
        return entry, manifest

    def _manifest(self, entry: Backup) -> Manifest:
        try:
            manifest = manifests.read(self.store, entry.ledger, entry.id, entry.manifest_sha256)
        except UnknownBackup:
            raise BackupDamaged(entry.id, manifests.FILE, "its files are gone from the store") from None
        if manifest.sha256 != entry.sha256:
            raise BackupDamaged(entry.id, manifests.FILE, "it speaks of other data than the catalogue")
        return manifest

    async def _note_unproven(self, entry: Backup, error: Refused) -> None:
        """Raises UnknownBackup if it is no wonder: retention has deleted the backup meanwhile."""
        await self.catalogue.keep(entry.unproven(str(error), self.now()))
        if (await self.catalogue.find(entry.id)).state == BackupState.DELETED:
            raise UnknownBackup(entry.id) from error

    async def test(self, entry: Backup, manifest: Manifest, meter: Meter) -> Taken:
        """Restore to scratch and compare with what the manifest says; the catalogue learns how it ended.

        Raises:
            BackupUnproven, BackupDamaged, BackupKeyWrong and their like: why it does not count.
            UnknownBackup: retention has deleted it meanwhile.
        """
        began = time.perf_counter()
        try:
            async with self.restored(manifest, manifest.id, meter) as scratch:
                await self.compare(manifest, scratch.connector(), meter)
        except Refused as error:
            await self._note_unproven(entry, error)
            raise
        took = round((time.perf_counter() - began) * 1000)
        proven = entry.proven(took, self.now())
        await self.catalogue.keep(proven)
        return Taken(proven, manifest.proof)

    @asynccontextmanager
    async def restored(self, manifest: Manifest, name: str, meter: Meter) -> AsyncIterator[Scratch]:
        """A scratch ledger made from a backup, removed at the end."""
        source = self.ledgers.connector(manifest.ledger).backup_source()
        with self._drafts(f"{name}.restored") as folder:
            scratch = source.scratch(folder, name)
            try:
                await self.receive(manifest, scratch, meter)
                yield scratch
            finally:
                await in_thread(Meter(), scratch.remove)

    async def clear(self, ledger: str, name: str) -> Scratch:
        """Remove what a dead attempt has left of a scratch ledger; the ledger, not there any more."""
        source = self.ledgers.connector(ledger).backup_source()
        with self._drafts(f"{name}.restored") as folder:
            scratch = source.scratch(folder, name)
            await in_thread(Meter(), scratch.remove)
        return scratch

    async def receive(self, manifest: Manifest, scratch: Scratch, meter: Meter) -> None:
        """Make a scratch ledger from a backup, sound by the database's own check.

        Raises:
            BackupUnproven, BackupDamaged, BackupKeyMissing, BackupKeyUnreadable, BackupKeyWrong, ToolMissing,
            NoRoom: it cannot be; no ledger was touched.
        """

        def fill() -> None:
            with scratch.receiving() as sink:
                self.vault.unseal(manifest, sink, meter.moved)
            meter.begin("checking", 0)
            scratch.check()

        meter.begin("restoring", manifest.stored_bytes)
        await in_thread(meter, fill)

    async def compare(self, manifest: Manifest, restored: LedgerConnector, meter: Meter) -> None:
        """Closes the connector. Raises BackupUnproven unless its proof is the manifest's."""
        meter.begin("proving the copy")
        try:
            seen = await prove_ledger(restored)
        finally:
            await restored.aclose()
        if seen.root != manifest.proof.root:
            where = ", ".join(differing(manifest.proof, seen))
            raise BackupUnproven(manifest.id, f"it differs from the ledger at {where}")

    # ----------------------------------------------------------------- taking

    async def _prove(self, manifest: Manifest, meter: Meter) -> Taken:
        entry = self.entry(manifest)
        await self.catalogue.keep(entry)
        return await self.test(entry, manifest, meter)

    async def _copy(self, wanted: Wanted, meter: Meter) -> Manifest:
        connector = self.ledgers.connector(wanted.ledger)
        position = await _position(connector)
        name = await in_thread(meter, lambda: self._free_name(wanted))
        started, began = self.now(), time.perf_counter()
        source = connector.backup_source()
        meter.begin("copying", await in_thread(meter, source.size))
        sealed = await in_thread(meter, lambda: self._seal(wanted.ledger, name, connector, meter))
        took = round((time.perf_counter() - began) * 1000)
        meter.begin("proving the ledger")
        manifest = Manifest(
            id=name,
            ledger=wanted.ledger,
            case=wanted.case,
            point=wanted.point,
            engine=source.engine,
            made_for=wanted.made_for,
            position=position,
            started_at=started,
            taken_at=self.now(),
            milliseconds=took,
            raw_bytes=sealed.raw_bytes,
            parts=sealed.parts,
            sha256=sealed.sha256,
            recipients=sealed.recipients,
            proof=await prove_ledger(connector),
        )
        await in_thread(meter, lambda: manifests.write(self.store, manifest))
        return manifest

    def _seal(self, ledger: str, name: str, connector: LedgerConnector, meter: Meter) -> Sealed:
        place = manifests.folder(ledger, name)
        with self._drafts(f"{name}.copy") as drafts, connector.backup_source().reading(drafts) as copy:
            return self.vault.seal(copy, f"{place}/{uuid4().hex[:12]}", meter.moved)

    def _free_name(self, wanted: Wanted) -> str:
        """The first id under which no backup has been completed; what dead attempts left there is removed."""
        for name in _names(wanted.name):
            place = manifests.folder(wanted.ledger, name)
            there = [found.name for found in self.store.list(place)]
            if manifests.place(wanted.ledger, name) not in there:
                self.store.delete(there)
                self.store.sweep(place)
                return name
        raise AssertionError("names do not end")

    async def _unanswered(self, wanted: Wanted) -> Manifest | None:
        """What an earlier attempt of the same activity has stored, unless the ledger has moved since."""
        found = await in_thread(Meter(), lambda: self._made_for(wanted))
        if found is None or found.position != await _position(self.ledgers.connector(wanted.ledger)):
            return None
        return found

    def _made_for(self, wanted: Wanted) -> Manifest | None:
        newest = None
        for name in _names(wanted.name):
            try:
                manifest = manifests.read(self.store, wanted.ledger, name)
            except UnknownBackup:
                return newest
            except BackupDamaged:
                continue
            if manifest.made_for == wanted.made_for:
                newest = manifest
        raise AssertionError("names do not end")

    def entry(self, manifest: Manifest) -> Backup:
        """What the catalogue is told of a backup that has just been stored."""
        return Backup(
            id=manifest.id,
            ledger=manifest.ledger,
            case=manifest.case,
            point=manifest.point,
            engine=manifest.engine,
            location=manifests.place(manifest.ledger, manifest.id),
            raw_bytes=manifest.raw_bytes,
            stored_bytes=manifest.stored_bytes,
            sha256=manifest.sha256,
            manifest_sha256=manifest.digest,
            encrypted_to=manifest.recipients,
            root=manifest.proof.root,
            started_at=manifest.started_at,
            taken_at=manifest.taken_at,
            milliseconds=manifest.milliseconds,
        )

    def _drafts(self, name: str) -> Drafts:
        return Drafts(self.folder / name)


async def _position(connector: LedgerConnector) -> str:
    """Where a ledger stands: equal means that nothing has been done to it in between."""
    return sha256({"mark": await connector.mark(), "state": await connector.read_close_state()})


def _names(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{n}" for n in count(2))
