"""Ask for an un-close, read how far it has come, and act as its applicant or corrector."""

import asyncio
from collections.abc import AsyncIterable
from dataclasses import replace
from typing import Annotated, Any

from annotated_types import Ge, Le
from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import AfterValidator

from service import views
from service.audit_trail import AuditKind
from service.dependencies import DoneOnce, Parts, TheActor, TheLanguage, ThePage, TheParts, TheSender
from service.fresh import CONDITIONAL, TheFreshness
from service.problem_answers import responses
from service.queries import CaseFilter, CaseHead, News
from service.refusals import CursorUnreadable, KeyReused, NotHere, WindowTooLong
from service.schemas import (
    ActOut,
    CaseDetailOut,
    CaseList,
    CaseOut,
    CommentIn,
    DifferenceOut,
    ExtendIn,
    PlanOut,
    RequestIn,
    ResubmitIn,
    RollBackIn,
    Timeline,
    Whole,
    printable,
)
from service.scopes import needs
from service.sealed_files import DIFFERENCE, EVIDENCE
from service.user import TokenScope
from service.wishes import wish_of
from service.wishing import wish_in
from workflows.domain.errors import (
    AcknowledgementNotOfToday,
    ActionNotPossible,
    AlreadyDecided,
    BeforeStartPeriod,
    CaseNotBegun,
    CrossesFiscalYear,
    EvidenceDamaged,
    ExtensionAsked,
    ExtensionTooLong,
    LedgerBusy,
    LedgerUnavailable,
    MalformedPeriod,
    NotACorrector,
    NotAnOperator,
    NotTheApplicant,
    OwnCase,
    PeriodInFuture,
    PeriodLocked,
    PeriodNotClosed,
    PeriodOutsideCalendar,
    RemindedTooSoon,
    SecondGroupNeeded,
    TaskClosed,
    UnknownLedger,
    UnknownModule,
    UnknownPerson,
    UnknownRequest,
    WindowExpired,
    WorkflowUnavailable,
    WrongState,
)
from workflows.domain.request import CaseState, ScopeItem, UncloseRequest

router = APIRouter(prefix="/requests", tags=["requests"])

POLL_SECONDS = 0.1
"""How often an event stream looks for news."""

Number = Annotated[
    str, Path(description="Number of the case, UC-2025-000123.", max_length=32), AfterValidator(printable)
]
Sought = Annotated[str, AfterValidator(printable)]
Text = Annotated[Sought | None, Query(max_length=120)]


@router.post(
    "",
    status_code=202,
    responses=responses(
        UnknownLedger,
        MalformedPeriod,
        PeriodOutsideCalendar,
        UnknownModule,
        WindowTooLong,
        AcknowledgementNotOfToday,
        PeriodNotClosed,
        PeriodInFuture,
        BeforeStartPeriod,
        PeriodLocked,
        CrossesFiscalYear,
        UnknownPerson,
        LedgerBusy,
        KeyReused,
        LedgerUnavailable,
        WorkflowUnavailable,
    ),
    openapi_extra=needs(TokenScope.REQUEST),
)
async def create_request(
    body: RequestIn, parts: TheParts, actor: TheActor, sender: TheSender, response: Response
) -> CaseOut:
    """Ask for a closed period to be opened. What can be refused at once is refused, and nothing taken."""
    request = await parts.acceptance.accept(wish_in(body), actor, sender)
    taken = views.case(views.newly_taken(request, CaseState.CHECKING))
    response.headers["Location"] = taken.links.self
    return taken


@router.get("", responses=responses(CursorUnreadable))
async def list_requests(
    parts: TheParts,
    _actor: TheActor,
    page: ThePage,
    state: Annotated[list[CaseState] | None, Query(description="Any of these.")] = None,
    ledger: Text = None,
    applicant: Text = None,
    waiting_for: Annotated[Sought | None, Query(max_length=120, description="A group or a person.")] = None,
    q: Annotated[Sought | None, Query(max_length=200, description="Words that all must occur.")] = None,
) -> CaseList:
    """Cases, newest first."""
    wanted = CaseFilter(tuple(state or ()), ledger, applicant, waiting_for, q)
    found = await parts.reader.cases(wanted, page)
    return CaseList(items=[views.case(head) for head in found.items], next=found.next)


@router.get("/{case}", responses=responses(UnknownRequest) | CONDITIONAL)
async def read_request(
    case: Number, parts: TheParts, _actor: TheActor, language: TheLanguage, fresh: TheFreshness
) -> CaseDetailOut:
    """Where a case stands, and what was asked for."""
    head = await _head(parts, case)
    fresh.of_case(case, head.last_seq, language)
    is_back = head.state == CaseState.ROLLED_BACK
    restored = (await parts.reader.parts(case)).get("restored") if is_back else None
    return views.case_detail(head, await parts.reader.decisions(case), restored)


@router.get("/{case}/plan", responses=responses(UnknownRequest, NotHere) | CONDITIONAL)
async def read_plan(
    case: Number, parts: TheParts, _actor: TheActor, language: TheLanguage, fresh: TheFreshness
) -> PlanOut:
    """The plan, what the checks noticed, and who must agree."""
    head = await _head(parts, case)
    known = {} if head.state == CaseState.RECEIVED else await parts.reader.parts(case)
    if "plan" not in known:
        raise NotHere(case, "plan")
    fresh.of_case(case, head.last_seq, language)
    return views.plan(head, known, language)


@router.get("/{case}/timeline", responses=responses(UnknownRequest) | CONDITIONAL)
async def read_timeline(
    case: Number, parts: TheParts, _actor: TheActor, language: TheLanguage, fresh: TheFreshness
) -> Timeline:
    """All that has happened, oldest first."""
    seq, form = (await _head(parts, case)).last_seq, await parts.forms.of_case(case)
    if form is None:
        fresh.of_case(case, seq, language)
    else:  # it is written to after the event that it is told of
        fresh.of_text(f"{case}.{seq}.{language}.{form.mark}")
    news = await _news(parts, case, 0)
    return Timeline(items=[views.event(event) for event in news.events], form=views.form(form), next=None)


async def _known_case(case: Number, parts: TheParts, _actor: TheActor) -> None:
    await _head(parts, case)


@router.get(
    "/{case}/events",
    response_class=EventSourceResponse,
    responses=responses(UnknownRequest),
    dependencies=[Depends(_known_case)],
)
async def stream_events(
    case: Number,
    parts: TheParts,
    last: Annotated[
        int,
        Ge(0),
        Le(2**31 - 1),
        Whole,
        Header(alias="Last-Event-ID", description="Go on after this event."),
    ] = 0,
) -> AsyncIterable[ServerSentEvent]:
    """Events as they happen (server-sent). The stream ends with `end` once the case has."""
    while True:
        news = await _news(parts, case, last)
        for event in news.events:
            last = event.seq
            yield ServerSentEvent(data=views.event(event), event=event.kind, id=str(last))
        if news.is_final:
            yield ServerSentEvent(data={"request": case}, event="end")
            return
        await asyncio.sleep(POLL_SECONDS)


@router.get(
    "/{case}/evidence.json",
    response_class=FileResponse,
    responses=responses(UnknownRequest, NotHere, EvidenceDamaged),
)
async def read_evidence(case: Number, parts: TheParts, actor: TheActor) -> FileResponse:
    """The sealed evidence of a case, byte by byte as it was sealed. That it was read goes on record."""
    await _head(parts, case)
    file = await parts.files.path(case, EVIDENCE)
    await parts.trail.tell(actor, AuditKind.EVIDENCE_READ, case, {"file": file.name})
    return FileResponse(file, media_type="application/json", filename=f"{case}.json")


@router.get("/{case}/difference", responses=responses(UnknownRequest, NotHere) | CONDITIONAL)
async def read_difference(
    case: Number, parts: TheParts, _actor: TheActor, language: TheLanguage, fresh: TheFreshness
) -> DifferenceOut:
    """What the case has changed: documents field by field, balances per period, warehouse, item, account."""
    head = await _head(parts, case)
    told = views.difference(case, await _difference(parts, case))
    fresh.of_case(case, head.last_seq, language)
    return told


@router.get(
    "/{case}/difference.jsonl",
    response_class=FileResponse,
    responses=responses(UnknownRequest, NotHere, EvidenceDamaged),
)
async def read_whole_difference(case: Number, parts: TheParts, actor: TheActor) -> FileResponse:
    """The difference with everything that the report only counts, one JSON object a line."""
    await _head(parts, case)
    file = await parts.files.path(case, DIFFERENCE)
    await parts.trail.tell(actor, AuditKind.DIFFERENCE_READ, case, {"file": file.name})
    return FileResponse(file, media_type="application/jsonl", filename=f"{case}-difference.jsonl")


async def _difference(parts: Parts, case: str) -> dict[str, Any]:  # Any: JSON as it was put on record
    try:
        found = (await parts.reader.parts(case)).get("difference")
    except UnknownRequest:  # taken, and its row not written yet
        found = None
    if not isinstance(found, dict):
        raise NotHere(case, "difference")
    return found


# --------------------------------------------------------------------------- acts of applicant and correctors

NO_COMMENT = CommentIn()
NOTHING_NEW = ResubmitIn()

_ACTS = (UnknownRequest, WrongState, KeyReused, WorkflowUnavailable)


@router.post(
    "/{case}/withdraw",
    responses=responses(*_ACTS, NotTheApplicant, CaseNotBegun),
    openapi_extra={"x-irreversible": "The case ends; the wish needs a new request."},
)
async def withdraw(case: Number, parts: TheParts, once: DoneOnce, body: CommentIn = NO_COMMENT) -> ActOut:
    """Take the wish back. Possible until the execution has been released."""
    return await once.act(lambda call: parts.acts.withdraw(call, case, body.comment))


@router.post(
    "/{case}/resubmit",
    responses=responses(
        *_ACTS,
        NotTheApplicant,
        UnknownModule,
        UnknownPerson,
        MalformedPeriod,
        PeriodOutsideCalendar,
        WindowTooLong,
    ),
)
async def resubmit(case: Number, parts: TheParts, once: DoneOnce, body: ResubmitIn = NOTHING_NEW) -> ActOut:
    """What was returned has been put right: check anew. Consents given so far are void."""
    asked = await _asked_anew(case, parts, body)
    return await once.act(lambda call: parts.acts.resubmit(call, case, body.comment, asked))


async def _asked_anew(case: str, parts: Parts, body: ResubmitIn) -> UncloseRequest | None:
    said = body.model_dump(exclude={"comment"}, exclude_unset=True)
    if not said:
        return None
    before = (await _head(parts, case)).request
    if body.scope is not None:
        said["scope"] = tuple(ScopeItem(item.document, item.intent, item.note) for item in body.scope)
    changes: dict[str, Any] = {  # Any: as typed by Wish
        name: tuple(value) if isinstance(value, list) else value for name, value in said.items()
    }
    request = parts.wishes.read_again(before, replace(wish_of(before), **changes), parts.now())
    await parts.wishes.require_known(request)
    return request


@router.post("/{case}/remind", responses=responses(*_ACTS, NotTheApplicant, RemindedTooSoon))
async def remind(case: Number, parts: TheParts, once: DoneOnce, body: CommentIn = NO_COMMENT) -> ActOut:
    """Ask those who are waited for to act (催办); at most once an hour."""
    return await once.act(lambda call: parts.acts.remind(call, case, body.comment))


@router.post(
    "/{case}/corrections/finish",
    responses=responses(*_ACTS, NotACorrector, WindowExpired),
    openapi_extra={"x-irreversible": "The correction window is shut and the periods are closed again."},
)
async def finish_corrections(
    case: Number, parts: TheParts, once: DoneOnce, body: CommentIn = NO_COMMENT
) -> ActOut:
    """The corrections are done: close everything again."""
    return await once.act(lambda call: parts.acts.finish(call, case, body.comment))


@router.post(
    "/{case}/extend",
    responses=responses(*_ACTS, NotACorrector, WindowExpired, ExtensionAsked, ExtensionTooLong),
)
async def extend_window(case: Number, parts: TheParts, once: DoneOnce, body: ExtendIn) -> ActOut:
    """Ask for a longer correction window. Somebody without another part in the case decides.

    Without an answer the window ends when it would have ended.
    """
    return await once.act(lambda call: parts.acts.extend(call, case, body.hours, body.reason))


@router.post(
    "/{case}/roll-back",
    responses=responses(
        *_ACTS,
        NotAnOperator,
        OwnCase,
        ActionNotPossible,
        TaskClosed,
        AlreadyDecided,
        SecondGroupNeeded,
    ),
    openapi_extra={"x-irreversible": "The ledger becomes what it was at point B; corrections are only kept."},
)
async def roll_back(case: Number, parts: TheParts, once: DoneOnce, body: RollBackIn) -> ActOut:
    """Propose, or confirm, that point B takes the ledger's place; only while the case needs a person.

    The first call proposes; a second one, by another person of the other group, makes it happen.
    """
    return await once.act(lambda call: parts.acts.roll_back(call, case, body.comment))


# --------------------------------------------------------------------------- right after acceptance


async def _head(parts: Parts, case: str) -> CaseHead:
    """The case, or what was taken if its workflow has not written the row yet."""
    try:
        return await parts.reader.case(case)
    except UnknownRequest:
        request = await parts.acceptance.not_yet_on_record(case)
        return views.newly_taken(request, CaseState.RECEIVED)


async def _news(parts: Parts, case: str, after: int) -> News:
    try:
        return await parts.reader.news(case, after)
    except UnknownRequest:
        await parts.acceptance.not_yet_on_record(case)
        return News((), is_final=False)
