"""Work on backups outside cases: a small workflow for a snapshot, a test, or a document brought back."""

from dataclasses import dataclass

from temporalio import workflow

from workflows.backup_steps import (
    ExtractOrder,
    SnapshotOrder,
    SnapshotSteps,
    TestOrder,
    TidyOrder,
    how_to_copy,
)
from workflows.domain.digest import Json
from workflows.domain.errors import UncloseError


@dataclass(frozen=True, kw_only=True)
class BackupWork:
    """What is to be done: exactly one of the three orders."""

    ledger: str
    at_site: bool = False
    snapshot: SnapshotOrder | None = None
    test: TestOrder | None = None
    extract: ExtractOrder | None = None


@dataclass(frozen=True)
class BackupWorkDone:
    """How it ended: which backup, and the document if one was asked for."""

    backup: str
    document: dict[str, Json] | None = None


@workflow.defn(failure_exception_types=[UncloseError])
class BackupWorkflow:
    """Repeating it under its id does nothing: every step of it is safe to repeat besides."""

    @workflow.run
    async def run(self, work: BackupWork) -> BackupWorkDone:
        how = how_to_copy(work.ledger, work.at_site)
        if work.snapshot is not None:
            taken = await workflow.execute_activity_method(SnapshotSteps.take_snapshot, work.snapshot, **how)
            await workflow.execute_activity_method(SnapshotSteps.tidy, TidyOrder(ledger=work.ledger), **how)
            return BackupWorkDone(taken.id)
        if work.test is not None:
            tested = await workflow.execute_activity_method(SnapshotSteps.test_backup, work.test, **how)
            return BackupWorkDone(tested.id)
        assert work.extract is not None
        found = await workflow.execute_activity_method(SnapshotSteps.extract, work.extract, **how)
        return BackupWorkDone(work.extract.backup, found.document)
