"""Dry runs: what a request would meet, without asking for anything."""

from fastapi import APIRouter

from service import views
from service.dependencies import Parts, TheActor, TheLanguage, TheParts
from service.problem_answers import responses
from service.refusals import WindowTooLong
from service.schemas import DryRunOut, PlanIn
from service.scopes import needs
from service.user import TokenScope
from service.wishes import Wish
from workflows.domain.case import Actor
from workflows.domain.errors import (
    BeforeStartPeriod,
    LedgerBusy,
    LedgerUnavailable,
    MalformedPeriod,
    PeriodInFuture,
    PeriodLocked,
    PeriodNotClosed,
    PeriodOutsideCalendar,
    UnknownLedger,
    UnknownModule,
)
from workflows.domain.request import ScopeItem, UncloseRequest

router = APIRouter(prefix="/plans", tags=["plans"])


REFUSALS = (
    UnknownLedger,
    UnknownModule,
    MalformedPeriod,
    PeriodOutsideCalendar,
    WindowTooLong,
    PeriodNotClosed,
    PeriodInFuture,
    BeforeStartPeriod,
    PeriodLocked,
    LedgerBusy,
    LedgerUnavailable,
)


READS_ONLY = {
    "x-reads-only": "Nothing is written, so a repeated call needs no key.",
    **needs(TokenScope.READ),
}


@router.post("", openapi_extra=READS_ONLY, responses=responses(*REFUSALS))
async def plan_ahead(body: PlanIn, parts: TheParts, actor: TheActor, language: TheLanguage) -> DryRunOut:
    """Plan, findings, chain and reach of an opening. Nothing is written, nobody is asked."""
    return views.forecast(await parts.dry_run.forecast(supposed(body, parts, actor)), language)


def supposed(body: PlanIn, parts: Parts, actor: Actor) -> UncloseRequest:
    """The request that a scope would become. Raises what `Wishes.read` raises."""
    wish = Wish(
        ledger=body.ledger,
        target_period=body.target_period,
        modules=tuple(body.modules),
        reason_code=body.reason_code,
        reason="",
        scope=tuple(ScopeItem(item.document, item.intent, item.note) for item in body.scope),
        correctors=tuple(body.correctors),
        window_hours=body.window_hours,
        expedited=body.expedited,
        vendor_ticket=body.vendor_ticket,
    )
    return parts.wishes.read(wish, actor, parts.now())
