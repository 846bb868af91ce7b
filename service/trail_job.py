"""The daily work on the audit trail: packages of cases that have ended, then a checkpoint over everything."""

from collections.abc import Callable

from temporalio import activity

from service.checkpoints import Checkpoints
from service.evidence_packages import EvidencePackages
from service.temporal_gateway import Gateway, TemporalGateway
from workflows.domain.digest import Json
from workflows.domain.errors import NotStamped
from workflows.periodic_steps import JobDone, JobOrder


class TrailJob:
    """Runs in an activity: the engine that runs it is asked for the histories of cases."""

    def __init__(self, checkpoints: Checkpoints, packages: Callable[[Gateway], EvidencePackages]) -> None:
        self._checkpoints, self._packages = checkpoints, packages

    async def run(self, order: JobOrder) -> JobDone:
        """Twice in a day is harmless: a package is made once, and a checkpoint more says what one less would.

        Raises:
            CheckpointKeyMissing, WorkflowUnavailable, StorageUnavailable: the run is on record as failed.
        """
        kept = await self._packages(TemporalGateway(activity.client())).keep_missing()
        packages: dict[str, Json] = {"packages": kept.made, "failed": list(kept.failed)}
        try:
            checkpoint = await self._checkpoints.make()
        except NotStamped as error:
            return JobDone({**packages, "not_stamped": error.reason})
        told = {"checkpoint": checkpoint.n, "moved": checkpoint.moved, "stamped": checkpoint.stamped}
        return JobDone({**packages, **told})
