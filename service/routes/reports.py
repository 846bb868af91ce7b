"""The report of a case, as a PDF that a controller files."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from service.audit_trail import AuditKind
from service.dependencies import Parts, TheActor, TheLanguage, TheParts
from service.fresh import CONDITIONAL, TheFreshness
from service.problem_answers import responses
from service.routes.requests import Number
from service.texts import Language
from workflows.domain.errors import (
    NoRoom,
    ReportDamaged,
    ReportNotMade,
    StorageUnavailable,
    UnknownRequest,
    WrongState,
)
from workflows.domain.request import FINAL_STATES, CaseState

router = APIRouter(prefix="/requests", tags=["requests"])


class Pdf(Response):
    media_type = "application/pdf"


Lang = Annotated[
    Literal["zh", "en"] | None,
    Query(description="Language of the report; that of `Accept-Language` if not given."),
]
Draft = Annotated[
    bool, Query(description="Of a case that has not ended: as it stands, marked as a draft and not kept.")
]


@router.get(
    "/{case}/report.pdf",
    response_class=Pdf,
    responses=responses(UnknownRequest, WrongState, ReportDamaged, ReportNotMade, StorageUnavailable, NoRoom)
    | CONDITIONAL,
)
async def read_report(
    case: Number,
    parts: TheParts,
    actor: TheActor,
    language: TheLanguage,
    fresh: TheFreshness,
    lang: Lang = None,
    draft: Draft = False,
) -> Pdf:
    """The report of a case that has ended: made once, and the same bytes at every reading."""
    chosen = Language(lang) if lang else language
    state = await _state(parts, case)
    if state in FINAL_STATES:
        report = await parts.reports.sealed(case, chosen)
        headers = fresh.of_bytes(report.sha256)
        await parts.trail.tell(
            actor, AuditKind.REPORT_READ, case, {"language": chosen, "sha256": report.sha256}
        )
        return Pdf(report.content, headers={**headers, **_named(case, chosen)})
    if not draft or state == CaseState.RECEIVED:
        raise WrongState(case, state, tuple(sorted(FINAL_STATES)))
    content = await parts.reports.draft(case, chosen)
    return Pdf(content, headers={"Cache-Control": "private, no-store", **_named(case, chosen, "-draft")})


async def _state(parts: Parts, case: str) -> CaseState:
    """Where the case stands. Raises UnknownRequest, unless its row is about to be written."""
    try:
        return (await parts.reader.case(case)).state
    except UnknownRequest:
        await parts.acceptance.not_yet_on_record(case)
        return CaseState.RECEIVED


def _named(case: str, language: Language, mark: str = "") -> dict[str, str]:
    return {
        "Content-Disposition": f'attachment; filename="{case}-{language}{mark}.pdf"',
        "Content-Language": language,
        "X-Content-Type-Options": "nosniff",
    }
