"""The evidence package of a case."""

from fastapi import APIRouter

from service.dependencies import TheActor, TheParts
from service.downloads import ZipDownload, saved_as
from service.problem_answers import responses
from service.refusals import NotHere
from service.routes.requests import Number
from workflows.domain.errors import (
    EvidenceDamaged,
    NoRoom,
    ReportDamaged,
    UnknownRequest,
    WorkflowUnavailable,
)

router = APIRouter(prefix="/requests", tags=["requests"])


@router.get(
    "/{case}/evidence.zip",
    response_class=ZipDownload,
    responses=responses(UnknownRequest, NotHere, EvidenceDamaged, ReportDamaged, NoRoom, WorkflowUnavailable),
)
async def export_evidence(case: Number, parts: TheParts, actor: TheActor) -> ZipDownload:
    """Everything that is kept of a case that has ended, with a verifier that needs nothing of Unclose.

    The same bytes for ever: it is made once. Every export goes into the audit trail. While the report of the
    case cannot be set, `…-without-report.zip` has everything else and says why; it is not kept, and the
    next call tries again.
    """
    package = await parts.packages.export(actor, case)
    return ZipDownload(package.data, headers=dict(saved_as(package.name, package.sha256)))
