"""How cases went, in numbers (R104 to R107)."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse, Response
from pydantic import AfterValidator, StringConstraints

from service.dependencies import TheActor, TheParts
from service.problem_answers import responses
from service.refusals import SpanUnusable
from service.schemas import printable
from service.statistics import USUAL_ZONE, Span
from service.statistics_schemas import StatisticsOut
from service.statistics_views import as_csv, statistics
from workflows.domain.approval import Group
from workflows.domain.errors import NotAnOperator, UnknownLedger

router = APIRouter(prefix="/statistics", tags=["statistics"])

READERS = (Group.FINANCE, Group.FINANCE_HEAD, Group.AUDITOR, Group.OPERATOR, Group.ADMIN)
"""Who may see for whom others have waited."""

Month = Annotated[str, StringConstraints(pattern=r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])$")]


class Format(StrEnum):
    JSON = "json"
    CSV = "csv"


_CSV: dict[str, Any] = {  # Any: OpenAPI
    "content": {"text/csv": {"schema": {"type": "string", "description": "section,month,name,measure,value"}}}
}


@router.get(
    "",
    response_model=StatisticsOut,
    responses=responses(NotAnOperator, UnknownLedger, SpanUnusable) | {200: _CSV},
)
async def read_statistics(
    parts: TheParts,
    actor: TheActor,
    first: Annotated[
        Month | None, Query(alias="from", description="First month, 2025-01; a year before the last.")
    ] = None,
    last: Annotated[Month | None, Query(alias="to", description="Last month; the present one.")] = None,
    ledger: Annotated[str | None, Query(max_length=63), AfterValidator(lambda t: t and printable(t))] = None,
    wanted: Annotated[Format | None, Query(alias="format", description="Goes before `Accept`.")] = None,
    accept: Annotated[
        str | None, Header(max_length=1000, description="`text/csv` for lines for a spreadsheet.")
    ] = None,
) -> Response:
    """Both clocks by month against the hours they used to take, where the time went, and how cases ended.

    Cases count in the month in which they were accepted, on their ledger's calendar.
    """
    if not set(actor.groups) & set(READERS):
        raise NotAnOperator(actor.person, READERS)
    if ledger is not None:
        parts.book.configuration(ledger)
    last = last or f"{datetime.now(USUAL_ZONE):%Y-%m}"
    span = Span.of(first or _a_year_before(last), last)
    told = statistics(await parts.statistics.read(span, ledger), span, ledger)
    if wanted == Format.CSV or (wanted is None and "text/csv" in (accept or "")):
        headers = {"Content-Disposition": f'attachment; filename="statistics-{span.months[0]}-{last}.csv"'}
        return Response(as_csv(told), media_type="text/csv; charset=utf-8", headers=headers)
    return JSONResponse(told.model_dump(mode="json"))


def _a_year_before(month: str) -> str:
    """So that both are the same twelve months."""
    day = date.fromisoformat(f"{month}-01")
    n = day.year * 12 + day.month - 1 - 11
    return f"{n // 12:04d}-{n % 12 + 1:02d}"
