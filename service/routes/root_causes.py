"""Why cases were needed: naming it, and what it puts on the pre-check list (R93 to R99)."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator

from service.archive_schemas import (
    CaseCauseOut,
    CatalogueCauseOut,
    CauseCatalogueOut,
    CauseQuestionList,
    CauseQuestionOut,
    NamedCauseOut,
    RootCauseIn,
    WordsOut,
)
from service.dependencies import TheActor, ThePage, TheParts
from service.problem_answers import responses
from service.refusals import CursorUnreadable
from service.root_causes import Named, Naming
from service.schemas import Flag, printable
from service.scopes import needs
from service.user import TokenScope
from service.views import API
from workflows.domain.errors import (
    CauseNeedsNote,
    NotToNameTheCause,
    TooLateForCause,
    UnknownCause,
    UnknownLedger,
    UnknownRequest,
    WrongState,
)
from workflows.domain.root_cause import PreventionCheck, RootCause

router = APIRouter(tags=["root causes"])

Number = Annotated[
    str, Path(description="Number of the case, UC-2025-000123.", max_length=32), AfterValidator(printable)
]
Code = Annotated[str, Path(description="Code of the ledger.", max_length=63)]


@router.get("/ledgers/{code}/root-causes", responses=responses(UnknownLedger))
async def list_root_causes(code: Code, parts: TheParts, _actor: TheActor) -> CauseCatalogueOut:
    """The causes that may be named on a ledger; those that past cases had come first."""
    catalogue = parts.book.configuration(code).causes
    checks = {check.cause.code: check for check in await parts.root_causes.checks(code)}
    had = [_cause(check.cause, check) for check in checks.values()]
    rest = [_cause(cause, None) for cause in catalogue.causes.values() if cause.code not in checks]
    return CauseCatalogueOut(items=[*had, *rest], days=catalogue.days, next=None)


@router.get("/root-causes", responses=responses(CursorUnreadable))
async def list_unnamed_causes(
    parts: TheParts,
    actor: TheActor,
    page: ThePage,
    mine: Annotated[Flag, Query(description="Only those that are yours to answer.")] = False,
) -> CauseQuestionList:
    """Cases that have ended and whose cause is still asked for, the latest due first."""
    found = await parts.root_causes.questions(actor if mine else None, parts.now(), page)
    items = [
        CauseQuestionOut(
            case=each.case,
            ledger=each.ledger,
            applicant=each.applicant,
            ended_at=each.ended_at,
            due=each.due,
            links={"root_cause": f"{API}/requests/{each.case}/root-cause"},
        )
        for each in found.items
    ]
    return CauseQuestionList(items=items, next=found.next)


@router.get("/requests/{case}/root-cause", responses=responses(UnknownRequest))
async def read_root_cause(case: Number, parts: TheParts, _actor: TheActor) -> CaseCauseOut:
    """Why a case was needed, as it was named last, and what was named before."""
    named = [_named(each) for each in await parts.root_causes.of_case(case)]
    return CaseCauseOut(current=named[0] if named else None, earlier=named[1:])


@router.put(
    "/requests/{case}/root-cause",
    responses=responses(
        UnknownRequest, WrongState, NotToNameTheCause, TooLateForCause, UnknownCause, CauseNeedsNote
    ),
    openapi_extra=needs(TokenScope.ACT),
)
async def name_root_cause(case: Number, body: RootCauseIn, parts: TheParts, actor: TheActor) -> NamedCauseOut:
    """Say why the case was needed: from the correction on, until some days after the end.

    The applicant, a corrector or somebody of finance says it. No re-close ever waits for it.
    """
    naming = Naming(case, body.cause, body.note, actor)
    return _named(await parts.root_causes.name(naming, parts.now()))


def _named(named: Named) -> NamedCauseOut:
    return NamedCauseOut(
        cause=named.cause,
        title=WordsOut(zh=named.zh, en=named.en),
        note=named.note,
        actor=named.actor,
        on_behalf_of=named.on_behalf_of,
        at=named.at,
        recurrences=named.recurrences,
    )


def _cause(cause: RootCause, check: PreventionCheck | None) -> CatalogueCauseOut:
    return CatalogueCauseOut(
        cause=cause.code,
        title=WordsOut(zh=cause.zh, en=cause.en),
        prevention=WordsOut(zh=cause.prevention_zh, en=cause.prevention_en),
        owner=cause.owner,
        check=cause.check,
        cases=check.cases if check else 0,
        last_case=check.last_case if check else None,
        last_at=check.last_at if check else None,
    )
