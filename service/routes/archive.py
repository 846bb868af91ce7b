"""Search over every case that has ended."""

from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import AfterValidator, StringConstraints

from service.archive import Archived, ArchiveFilter
from service.archive_schemas import ArchivedOut, ArchiveList, CauseCode, HighlightOut, MarkOut
from service.dependencies import TheActor, ThePage, TheParts
from service.ledger_book import LedgerBook
from service.problem_answers import responses
from service.refusals import CursorUnreadable
from service.schemas import Day, printable
from service.views import API
from workflows.domain.errors import UnknownLedger
from workflows.domain.ledger import Module
from workflows.domain.request import CaseState, ReasonCode
from workflows.domain.retention import years_after

router = APIRouter(prefix="/archive", tags=["archive"])

Text = Annotated[str, AfterValidator(printable)]
PeriodName = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}$")]

_A_DAY = timedelta(days=1)

HOUSE_ZONE = ZoneInfo("Asia/Shanghai")
"""Where a day begins if no ledger is named: that of a ledger that says nothing else."""


@router.get("", responses=responses(CursorUnreadable, UnknownLedger))
async def search_archive(
    parts: TheParts,
    _actor: TheActor,
    page: ThePage,
    q: Annotated[
        Text | None,
        Query(max_length=200, description="Words that all must occur, anywhere in a case."),
    ] = None,
    ledger: Annotated[Text | None, Query(max_length=63)] = None,
    period: Annotated[PeriodName | None, Query(description="The period that was to be opened.")] = None,
    module: Annotated[Module | None, Query(description="One of the modules that were to be opened.")] = None,
    outcome: Annotated[list[CaseState] | None, Query(description="Any of these ends.")] = None,
    reason_code: Annotated[ReasonCode | None, Query()] = None,
    cause: Annotated[CauseCode | None, Query(description="Code of the root cause.")] = None,
    person: Annotated[Text | None, Query(max_length=120, description="Somebody with a part in it.")] = None,
    ended_from: Annotated[Day | None, Query(description="First day, in the ledger's time zone.")] = None,
    ended_to: Annotated[Day | None, Query(description="Last day, in the ledger's time zone.")] = None,
) -> ArchiveList:
    """Cases that have ended, however they did, the last first; with the lines in which the words stand."""
    zone = _zone(parts.book, ledger)
    wanted = ArchiveFilter(
        words=q,
        ledger=ledger,
        period=period,
        module=module,
        outcomes=tuple(outcome or ()),
        reason_code=reason_code,
        cause=cause,
        person=person,
        ended_from=_begins(ended_from, zone) if ended_from else None,
        ended_before=_begins(ended_to + timedelta(days=1), zone)
        if ended_to and ended_to < date.max
        else None,
    )
    found = await parts.archive.search(wanted, page)
    years = parts.book.archive_years
    items = [_out(archived, years.get(archived.ledger)) for archived in found.page.items]
    return ArchiveList(
        items=items, next=found.page.next, pending=found.pending, unreadable=list(found.unreadable)
    )


def _zone(book: LedgerBook, ledger: str | None) -> ZoneInfo:
    return HOUSE_ZONE if ledger is None else book.configuration(ledger).time_zone


def _begins(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _out(found: Archived, years: int | None) -> ArchivedOut:
    here = f"{API}/requests/{found.case}"
    return ArchivedOut(
        id=found.case,
        ledger=found.ledger,
        target_period=found.target_period,
        applicant=found.applicant,
        outcome=found.outcome,
        reason_code=found.reason_code,
        root_cause=found.cause,
        accepted_at=found.accepted_at,
        ended_at=found.ended_at,
        on_hold=found.on_hold,
        keep_until=None if years is None or found.on_hold else years_after(found.ended_at, years),
        highlights=[
            HighlightOut(
                where=each.where,
                text=each.shown.text,
                marks=[MarkOut(start=start, end=end) for start, end in each.shown.marks],
            )
            for each in found.highlights
        ],
        links={"self": here, "timeline": f"{here}/timeline", "root_cause": f"{here}/root-cause"},
    )
