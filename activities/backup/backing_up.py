"""The step that takes a backup in a case."""

from temporalio import activity
from typing_extensions import override

from activities.backup.keeper import BackupKeeper, Taken, Wanted
from activities.backup.progress import heartbeats
from workflows.domain.backups import BackupPoint
from workflows.steps import BackupOrder, BackupSteps, ProvenBackup


class BackupActivities(BackupSteps):
    """Copies that count, in the object store, encrypted where recipients are configured."""

    def __init__(self, keeper: BackupKeeper) -> None:
        self.keeper = keeper

    @override
    @activity.defn
    async def back_up(self, order: BackupOrder) -> ProvenBackup:
        wanted = Wanted(
            name=f"{order.case}-{order.point}",
            ledger=order.ledger,
            point=BackupPoint(order.point),
            case=order.case,
            made_for=this_activity(),
        )
        async with heartbeats() as meter:
            return _proven(await self.keeper.take(wanted, meter))


def this_activity() -> str:
    """Names this activity over all its attempts, and no other."""
    info = activity.info()
    return f"{info.workflow_id}/{info.workflow_run_id}/{info.activity_id}"


def _proven(taken: Taken) -> ProvenBackup:
    backup = taken.backup
    return ProvenBackup(
        id=backup.id,
        point=backup.point,
        location=backup.location,
        bytes=backup.stored_bytes,
        sha256=backup.sha256,
        proof=taken.proof,
        restore_milliseconds=backup.restore_milliseconds or 0,
        taken_at=backup.taken_at,
    )
