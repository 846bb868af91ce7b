"""What may be asked of backups besides making one in a case: restore, rehearse, snapshot, test, extract.

As in `workflows/steps.py`: typed contracts, empty; activities implement them, and each says why twice is
harmless.
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

from workflows.domain.backups import Backup
from workflows.domain.digest import Json
from workflows.steps import COPY, Nothing, Order, ledger_queue

REHEARSAL_FENCE = 2**31 - 1
"""Higher than any lease's: a rehearsal copy is held by nobody else, whatever its original had seen."""

DISCARD = workflow.ActivityConfig(
    start_to_close_timeout=timedelta(minutes=10),
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_attempts=8),
)
"""Removing a copy: short, harmless to repeat."""


@dataclass(frozen=True, kw_only=True)
class RestoreOrder(Order):
    """Put a named, proven backup in the place of the live ledger, under the lease's fence."""

    backup: str
    fence: int


@dataclass(frozen=True)
class Restored:
    """The live ledger is what the backup was, proven; what it replaced is kept beside it."""

    backup: str
    root: str
    kept: str
    """Name of the replaced database: the live one's name with this after it."""
    milliseconds: int


@dataclass(frozen=True, kw_only=True)
class RehearsalOrder(Order):
    """Make, or remove, the copy on which a case is rehearsed."""

    backup: str


@dataclass(frozen=True)
class RehearsalLedger:
    """A scratch ledger that stays until it is discarded; every step on a ledger works on it."""

    ledger: str
    """What to put in `Order.ledger` instead of the live ledger's code."""
    fence: int
    """What to act under; the copy is held exclusively by it."""
    milliseconds: int
    """How long restoring took: what a roll-back would cost."""


@dataclass(frozen=True, kw_only=True)
class SnapshotOrder:
    """Take a snapshot of a ledger that belongs to no case (R36)."""

    id: str
    ledger: str
    by: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class TestOrder:
    """Restore a stored backup to scratch once more and compare it with its manifest."""

    __test__ = False  # its name is the glossary's; it holds no tests

    backup: str
    by: str
    key: str
    """Under which the test goes on record, once."""


@dataclass(frozen=True, kw_only=True)
class ExtractOrder:
    """Bring a named document back from a backup, for comparison (R40)."""

    backup: str
    document: str
    by: str
    key: str
    """Under which the extraction goes on record, once."""


@dataclass(frozen=True)
class Extracted:
    """The document as the backup has it. Nothing is written into the live ledger."""

    document: dict[str, Json]


@dataclass(frozen=True, kw_only=True)
class TidyOrder:
    """Remove the backups of a ledger that retention keeps no longer."""

    ledger: str


@dataclass(frozen=True)
class Tidied:
    deleted: tuple[str, ...]


class RestoreSteps:
    """The way back to a backup."""

    @activity.defn
    async def restore_in_place(self, order: RestoreOrder) -> Restored:
        """Restore over the live ledger, under its lease. The journal's key makes it once, wherever it died.

        Raises:
            UnknownBackup, BackupUnproven: there is no such backup, or it has never been proven.
            BackupDamaged, BackupKeyMissing, BackupKeyUnreadable, BackupKeyWrong, ToolMissing, NoRoom: it
                cannot be restored here; nothing was touched.
            StaleFence, NotExclusive: the ledger is not held by this case; nothing was touched.
            ProofMismatch: the restored ledger is not what the backup was.
        """
        raise NotImplementedError


class RehearsalSteps:
    """A copy on which the whole plan is carried out before the real ledger (design §8)."""

    @activity.defn
    async def prepare(self, order: RehearsalOrder) -> RehearsalLedger:
        """Restore a backup into a ledger named after the case. Repeating makes it anew, untouched.

        Raises:
            as `restore_in_place`, and BackupUnproven if the copy proves otherwise than its manifest says.
        """
        raise NotImplementedError

    @activity.defn
    async def discard(self, order: RehearsalOrder) -> Nothing:
        """Remove the copy. Nothing there is nothing done."""
        raise NotImplementedError


class SnapshotSteps:
    """Backups outside cases: taken at intervals, looked into, and removed when their time has come."""

    @activity.defn
    async def take_snapshot(self, order: SnapshotOrder) -> Backup:
        """Copy, store, restore to scratch, compare by proof. The same id gives the same backup.

        Raises:
            as `BackupSteps.back_up`.
        """
        raise NotImplementedError

    @activity.defn
    async def test_backup(self, order: TestOrder) -> Backup:
        """Restore once more and compare. Changes only what the catalogue says of it; a failure too.

        Raises:
            UnknownBackup, BackupUnproven, BackupDamaged, BackupKeyMissing, BackupKeyUnreadable,
            BackupKeyWrong, ToolMissing, NoRoom: why it is no backup.
        """
        raise NotImplementedError

    @activity.defn
    async def extract(self, order: ExtractOrder) -> Extracted:
        """Restore to scratch, read one document, remove the scratch. Recorded once per key; reads only.

        Raises:
            as `test_backup`, and UnknownDocument: the backup does not hold it.
        """
        raise NotImplementedError

    @activity.defn
    async def tidy(self, order: TidyOrder) -> Tidied:
        """Remove what retention keeps no longer, each on record. Removing twice is removing once."""
        raise NotImplementedError


def how_to_copy(ledger: str, at_site: bool) -> workflow.ActivityConfig:
    """Options of a long step on a ledger's data, on the queue of its site if it has one."""
    return {**COPY, "task_queue": ledger_queue(ledger)} if at_site else COPY
