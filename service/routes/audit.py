"""The audit trail: what was read, exported and changed by administrators, and whether everything is whole."""

from datetime import datetime
from typing import Annotated

from annotated_types import Ge, Le
from fastapi import APIRouter, Query
from pydantic import AfterValidator

from activities.verifier import Fault
from service.audit_trail import AuditFilter, AuditKind
from service.dependencies import DoneOnce, TheActor, TheLanguage, TheParts
from service.problem_answers import responses
from service.queries import count_of, counted
from service.refusals import CursorUnreadable, KeyReused
from service.schemas import Whole, printable
from service.texts import Language
from service.trail_schemas import AuditEventOut, AuditList, FaultOut, VerifiedOut, VerifyIn
from workflows.domain.approval import Group
from workflows.domain.case import Actor
from workflows.domain.errors import NotAnAuditor, UnknownRequest

router = APIRouter(prefix="/audit", tags=["audit"])

READERS = (Group.AUDITOR,)
EVERYTHING = VerifyIn()

Word = Annotated[str | None, Query(max_length=120), AfterValidator(lambda text: text and printable(text))]
Limit = Annotated[int, Ge(1), Le(200), Whole, Query(description="How many, newest first.")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]
Since = Annotated[datetime | None, Query(description="From this moment on, RFC 3339.")]
Until = Annotated[datetime | None, Query(description="Before this moment, RFC 3339.")]


def _require_auditor(actor: Actor) -> None:
    if not set(READERS) & set(actor.groups):
        raise NotAnAuditor(actor.person, READERS)


@router.get("", responses=responses(NotAnAuditor, CursorUnreadable))
async def list_audit_events(
    parts: TheParts,
    actor: TheActor,
    kind: Word = None,
    person: Word = None,
    subject: Word = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AuditList:
    """Reads and exports of evidence, acts on backups, changes by administrators, newest first.

    That the trail was read is told in it as well.
    """
    _require_auditor(actor)
    wanted = AuditFilter(kind, person, subject, since, until)
    found = await parts.trail.page(wanted, limit + 1, None if cursor is None else count_of(cursor))
    if cursor is None:
        asked = {"kind": kind, "person": person, "subject": subject}
        await parts.trail.tell(actor, AuditKind.TRAIL_READ, "audit", {k: v for k, v in asked.items() if v})
    more = counted(found[limit - 1].n) if len(found) > limit else None
    return AuditList(items=[AuditEventOut(**vars(event)) for event in found[:limit]], next=more)


@router.post("/verify", responses=responses(NotAnAuditor, UnknownRequest, KeyReused))
async def verify_register(
    parts: TheParts, actor: TheActor, once: DoneOnce, language: TheLanguage, body: VerifyIn = EVERYTHING
) -> VerifiedOut:
    """Look for whatever is not what was put on record: in a case, or in the next so many and the chains."""
    _require_auditor(actor)

    async def verify() -> VerifiedOut:
        if body.case is not None:
            found, checked, more = await parts.verification.case(body.case), 1, None
        else:
            part = await parts.verification.some(body.after, body.limit)
            found, checked, more = part.faults, part.checked, part.next
            found += () if more else await parts.verification.trail()
        told = {"checked": checked, "faults": len(found)}
        await parts.trail.tell(actor, AuditKind.VERIFIED, body.case or "register", told)
        faults = [_fault(fault, language) for fault in found]
        return VerifiedOut(checked=checked, whole=not faults, faults=faults, next=more)

    return await once.answer(VerifiedOut, verify)


def _fault(fault: Fault, language: Language) -> FaultOut:
    return FaultOut(
        case=fault.case or None, place=fault.place, code=fault.code, says=fault.says(str(language))
    )
