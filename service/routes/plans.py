"""Dry runs: what a request would meet, without asking for anything."""

from fastapi import APIRouter

from service import views
from service.dependencies import TheActor, TheLanguage, TheParts
from service.dry_run import Scope
from service.problem_answers import responses
from service.schemas import DryRunOut, PlanIn
from service.scopes import needs
from service.user import TokenScope
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
from workflows.domain.request import ScopeItem

router = APIRouter(prefix="/plans", tags=["plans"])


@router.post(
    "",
    openapi_extra={
        "x-reads-only": "Nothing is written, so a repeated call needs no key.",
        **needs(TokenScope.READ),
    },
    responses=responses(
        UnknownLedger,
        UnknownModule,
        MalformedPeriod,
        PeriodOutsideCalendar,
        PeriodNotClosed,
        PeriodInFuture,
        BeforeStartPeriod,
        PeriodLocked,
        LedgerBusy,
        LedgerUnavailable,
    ),
)
async def plan_ahead(body: PlanIn, parts: TheParts, actor: TheActor, language: TheLanguage) -> DryRunOut:
    """Plan, findings, chain and reach of an opening. Nothing is written, nobody is asked."""
    documents = tuple(ScopeItem(item.document, item.intent, item.note) for item in body.scope)
    scope = Scope(body.ledger, body.target_period, tuple(body.modules), documents, actor.person)
    return views.forecast(await parts.dry_run.forecast(scope), language)
