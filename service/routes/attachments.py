"""Files of a case: add one, list them, take one away to read."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import AfterValidator

from activities.verifier import ATTACHED
from service.case_attachments import Upload
from service.dependencies import DoneOnce, TheActor, TheParts
from service.downloads import OctetDownload, saved_as
from service.problem_answers import responses
from service.refusals import BodyTooLarge, FileRefused, KeyReused
from service.routes.requests import Number
from service.schemas import printable
from service.trail_schemas import AttachmentList, AttachmentOut
from service.views import API
from workflows.domain.attachments import Attaching, Attachment
from workflows.domain.errors import (
    CaseNotBegun,
    EvidenceDamaged,
    NoRoom,
    NotAParty,
    TooManyAttachments,
    UnknownAttachment,
    UnknownRequest,
    WorkflowUnavailable,
    WrongState,
)

router = APIRouter(prefix="/requests", tags=["attachments"])

Id = Annotated[str, Path(description="Id of the attachment.", max_length=64), AfterValidator(printable)]
FileName = Annotated[
    str,
    Query(min_length=1, max_length=255, description="What the file is called, percent-encoded as UTF-8."),
    AfterValidator(printable),
]
Note = Annotated[str, Query(max_length=2000, description="What it shows."), AfterValidator(printable)]

_BODY: dict[str, Any] = {  # Any: OpenAPI
    "requestBody": {
        "required": True,
        "description": "The file itself. Its kind is told by its content, not by its name or type.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post(
    "/{case}/attachments",
    status_code=202,
    responses=responses(
        UnknownRequest,
        NotAParty,
        WrongState,
        TooManyAttachments,
        EvidenceDamaged,
        FileRefused,
        BodyTooLarge,
        KeyReused,
        NoRoom,
        WorkflowUnavailable,
        CaseNotBegun,
    ),
    openapi_extra=_BODY,
)
async def add_attachment(
    case: Number, parts: TheParts, once: DoneOnce, request: Request, name: FileName, note: Note = ""
) -> AttachmentOut:
    """Add a file to a running case. Its digest stands in the case's chain; it goes on record at once or soon.

    Applicant, correctors, everybody who was asked to sign or do something, operators and ERP administrators
    may add files, until the case has ended: then its evidence is sealed.
    """
    upload = Upload(name, await request.body(), note)

    async def add() -> AttachmentOut:
        return _taken(case, await parts.attachments.add(once.call, case, upload))

    return await once.answer(AttachmentOut, add)


@router.get("/{case}/attachments", responses=responses(UnknownRequest))
async def list_attachments(case: Number, parts: TheParts, _actor: TheActor) -> AttachmentList:
    """Every file of a case, in the order in which they were added."""
    found = await parts.attachments.list(case)
    return AttachmentList(items=[_out(case, attachment) for attachment in found], next=None)


@router.get(
    "/{case}/attachments/{attachment}",
    response_class=OctetDownload,
    responses=responses(UnknownRequest, UnknownAttachment, EvidenceDamaged),
)
async def read_attachment(case: Number, attachment: Id, parts: TheParts, actor: TheActor) -> OctetDownload:
    """The file, byte by byte as it was added. That it was read goes into the audit trail."""
    found, data = await parts.attachments.read(actor, case, attachment)
    return OctetDownload(data, headers=dict(saved_as(found.name, found.sha256)))


def _taken(case: str, attaching: Attaching) -> AttachmentOut:
    said = {name: getattr(attaching, name) for name in ATTACHED}
    actor = attaching.actor
    return AttachmentOut(
        **said,
        person=actor.person,
        on_behalf_of=actor.on_behalf_of,
        at=None,
        seq=None,
        links=_links(case, attaching.id),
    )


def _out(case: str, attachment: Attachment) -> AttachmentOut:
    return AttachmentOut(**vars(attachment), links=_links(case, attachment.id))


def _links(case: str, attachment: str) -> dict[str, str]:
    here = f"{API}/requests/{case}/attachments"
    return {"self": f"{here}/{attachment}", "list": here, "request": f"{API}/requests/{case}"}
