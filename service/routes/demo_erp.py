"""The other side, in dev only: what ERP users do in the demo ledger, as the one who asks."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.concurrency import run_in_threadpool
from pydantic import AfterValidator, BeforeValidator, Field

from activities.demo_erp.desk import Desk
from activities.demo_erp.documents import Document, NewDocument, NewLine
from activities.demo_erp.faults import Fault, Faults
from activities.demo_erp.kinds import Status
from activities.demo_erp.ledger import DemoLedger
from activities.demo_erp.once import DoneBefore
from activities.erp.demo import DemoConnector
from service.dependencies import Body, DoneOnce, Once, TheActor, TheParts
from service.problem_answers import responses
from service.refusals import KeyReused
from service.schemas import Day, Inbound, Name, Outbound, Said, plain_number, printable
from workflows.domain.errors import (
    LedgerBusy,
    LedgerRefused,
    LedgerUnavailable,
    MalformedPeriod,
    MissingRight,
    NotExclusive,
    NotNamed,
    OutOfOrder,
    PeriodClosed,
    PeriodOutsideCalendar,
    UnknownLedger,
)
from workflows.domain.ledger import Module, Verb
from workflows.domain.period import Period

router = APIRouter(
    prefix="/demo-erp/{code}",
    tags=["demo-erp"],
    responses=responses(
        UnknownLedger,
        LedgerBusy,
        NotNamed,
        NotExclusive,
        MissingRight,
        OutOfOrder,
        MalformedPeriod,
        PeriodOutsideCalendar,
        PeriodClosed,
        LedgerRefused,
        LedgerUnavailable,
        KeyReused,
    ),
)

Quantity = Annotated[
    Decimal, Field(ge=0, max_digits=12, decimal_places=2, allow_inf_nan=False), BeforeValidator(plain_number)
]
Price = Annotated[
    Decimal, Field(ge=0, max_digits=14, decimal_places=6, allow_inf_nan=False), BeforeValidator(plain_number)
]


class DoingIn(Inbound):
    doing: Said = ""


class LineIn(Inbound):
    item: Name | None = None
    qty: Quantity
    price: Price = Decimal(0)
    note: Said = ""


class DocumentIn(Inbound):
    kind: Name
    day: Day
    lines: list[LineIn] = Field(min_length=1, max_length=200)
    warehouse: Name | None = None
    to_warehouse: Name | None = None
    partner: Name | None = None
    number: Name | None = None
    note: Said = ""
    audit: bool = Field(default=True, strict=True, description="Whether it is audited at once.")


class LineChangeIn(Inbound):
    line: int = Field(ge=1, le=10_000, strict=True)
    qty: Quantity
    note: Said = ""


class ReversalIn(Inbound):
    day: Day = Field(description="A day of an open period.", examples=["2025-06-12"])
    note: Said = ""


class ReversalOut(Outbound):
    number: str
    reverses: str


class NoteIn(Inbound):
    note: Said = ""


class ModulesIn(Inbound):
    modules: list[Module] = Field(default_factory=list, description="All if none is named.")


class MovementIn(Inbound):
    module: Module
    verb: Verb
    period: Name = Field(description="Fiscal year and number.", examples=["2025-05"])


class NoticeOut(Outbound):
    until: datetime
    reason: str


class FaultIn(Inbound):
    value: Name = Field(default="1", description="How it is read stands with each fault.")


class LineOut(Outbound):
    n: int
    item: str | None
    qty: Decimal
    price: Decimal
    amount: Decimal
    note: str


class DocumentOut(Outbound):
    number: str
    kind: str
    module: Module
    period: str
    day: date
    amount: Decimal
    status: Status
    maker: str
    warehouse: str | None
    partner: str | None
    note: str
    lines: list[LineOut]


class SeatOut(Outbound):
    session: str


class FaultsOut(Outbound):
    active: dict[str, str]


NO_DOING, NO_NOTE, ALL_MODULES = DoingIn(), NoteIn(), ModulesIn()


def _ledger(code: str, parts: TheParts) -> DemoLedger:
    connector = parts.book.connector(code)
    if not isinstance(connector, DemoConnector):
        raise UnknownLedger(code)
    return connector.ledger


def _desk(ledger: Annotated[DemoLedger, Depends(_ledger)]) -> Desk:
    return Desk(ledger)


class _OnceAtDesk:
    """An act at a desk under the caller's Idempotency-Key. The ledger itself takes each key once."""

    def __init__(self, ledger: DemoLedger, once: Once) -> None:
        self._desk, self._once = Desk(ledger, once.key), once

    async def do(self, shape: type[Body], act: Callable[[Desk], object], show: Callable[[str], Body]) -> Body:
        """What the act has made, shown; done before, it is shown again. Raises as the desk, and KeyReused."""
        return await self._once.answer(shape, partial(run_in_threadpool, self._do, act, show))

    def _do(self, act: Callable[[Desk], object], show: Callable[[str], Body]) -> Body:
        try:
            self._desk.require_new()
            made = str(act(self._desk))
        except DoneBefore as before:
            made = before.result
        return show(made)

    async def done(self, act: Callable[[Desk], object]) -> None:
        """An act that makes nothing to be shown."""
        await self.do(_Done, act, lambda _: _Done())

    async def document(self, number: str, act: Callable[[Desk], object]) -> DocumentOut:
        """An act on a document, and the document after it."""
        return await self.do(DocumentOut, act, lambda _: _document(self._desk.read(number)))

    async def new_document(self, act: Callable[[Desk], str]) -> DocumentOut:
        return await self.do(DocumentOut, act, lambda number: _document(self._desk.read(number)))


class _Done(Outbound):
    """Nothing to be told."""


def _once_at_desk(ledger: Annotated[DemoLedger, Depends(_ledger)], once: DoneOnce) -> _OnceAtDesk:
    return _OnceAtDesk(ledger, once)


def _faults(ledger: Annotated[DemoLedger, Depends(_ledger)]) -> Faults:
    return Faults(ledger)


TheDesk = Annotated[Desk, Depends(_desk)]
OnceAtDesk = Annotated[_OnceAtDesk, Depends(_once_at_desk)]
TheFaults = Annotated[Faults, Depends(_faults)]
Number = Annotated[str, Path(max_length=64), AfterValidator(printable)]


# --------------------------------------------------------------------------- coming and going


@router.post("/login")
async def log_in(at: OnceAtDesk, actor: TheActor, body: DoingIn = NO_DOING) -> SeatOut:
    """Take a seat; everything below but reading needs one."""
    return await at.do(
        SeatOut, lambda desk: desk.login(actor.person, body.doing), lambda session: SeatOut(session=session)
    )


@router.post("/logout", status_code=204)
async def log_out(at: OnceAtDesk, actor: TheActor) -> None:
    await at.done(lambda desk: desk.logout(actor.person))


@router.get("/notices")
def read_notices(desk: TheDesk, actor: TheActor) -> list[NoticeOut]:
    """What the one who asks has been told: to leave, and by when."""
    return [NoticeOut(until=each.until, reason=each.reason) for each in desk.notices(actor.person)]


# --------------------------------------------------------------------------- documents


@router.get("/documents/{number}")
def read_document(number: Number, desk: TheDesk, _actor: TheActor) -> DocumentOut:
    return _document(desk.read(number))


@router.post("/documents", status_code=201)
async def add_document(body: DocumentIn, at: OnceAtDesk, actor: TheActor) -> DocumentOut:
    def add(desk: Desk) -> str:
        return (desk.add_audited if body.audit else desk.add)(actor.person, _new(body))

    return await at.new_document(add)


@router.post("/documents/{number}/change-line")
async def change_line(number: Number, body: LineChangeIn, at: OnceAtDesk, actor: TheActor) -> DocumentOut:
    """Put another quantity on a line; an audited document is un-audited and audited again with it."""

    def change(desk: Desk) -> None:
        is_audited = desk.read(number).status == Status.AUDITED
        put = desk.correct_quantity if is_audited else desk.change_quantity
        put(actor.person, number, body.line, body.qty, body.note)

    return await at.document(number, change)


@router.post(
    "/documents/{number}/delete",
    status_code=204,
    openapi_extra={"x-irreversible": "The document is gone from the ledger; its change log stays."},
)
async def delete_document(number: Number, at: OnceAtDesk, actor: TheActor, body: NoteIn = NO_NOTE) -> None:
    def delete(desk: Desk) -> None:
        is_audited = desk.read(number).status == Status.AUDITED
        (desk.delete_audited if is_audited else desk.delete)(actor.person, number, body.note)

    await at.done(delete)


@router.post("/documents/{number}/audit")
async def audit(number: Number, at: OnceAtDesk, actor: TheActor) -> DocumentOut:
    return await at.document(number, lambda desk: desk.audit(actor.person, number))


@router.post("/documents/{number}/unaudit")
async def unaudit(number: Number, at: OnceAtDesk, actor: TheActor) -> DocumentOut:
    return await at.document(number, lambda desk: desk.unaudit(actor.person, number))


@router.post("/documents/{number}/reverse", status_code=201)
async def reverse(number: Number, body: ReversalIn, at: OnceAtDesk, actor: TheActor) -> ReversalOut:
    """Take an invoice, a payment or a voucher back in red (红字冲减), in a period that is open."""
    return await at.do(
        ReversalOut,
        lambda desk: desk.reverse(actor.person, number, body.day, body.note),
        lambda red: ReversalOut(number=red, reverses=number),
    )


# --------------------------------------------------------------------------- periods


@router.post("/periods/{period}/lock", status_code=204)
async def lock_period(period: Number, at: OnceAtDesk, actor: TheActor, body: ModulesIn = ALL_MODULES) -> None:
    await at.done(lambda desk: desk.lock(actor.person, Period.parse(period), tuple(body.modules)))


@router.post("/periods/{period}/unlock", status_code=204)
async def unlock_period(
    period: Number, at: OnceAtDesk, actor: TheActor, body: ModulesIn = ALL_MODULES
) -> None:
    await at.done(lambda desk: desk.unlock(actor.person, Period.parse(period), tuple(body.modules)))


@router.post("/periods/move", status_code=204)
async def move_pointer(body: MovementIn, at: OnceAtDesk, actor: TheActor) -> None:
    """What the ERP administrator does in a guided step: one pointer, by hand, while the ledger is held."""
    await at.done(lambda desk: desk.move(actor.person, body.verb, body.module, Period.parse(body.period)))


# --------------------------------------------------------------------------- faults


@router.get("/faults")
def read_faults(faults: TheFaults, _actor: TheActor) -> FaultsOut:
    return FaultsOut(active=faults.active())


@router.put("/faults/{name}", status_code=204)
def set_fault(name: Fault, faults: TheFaults, _actor: TheActor, body: FaultIn) -> None:
    """Let something go wrong from now on."""
    faults.set(name, body.value)


@router.delete("/faults", status_code=204)
def clear_faults(faults: TheFaults, _actor: TheActor) -> None:
    faults.clear()


@router.delete("/faults/{name}", status_code=204)
def clear_fault(name: Fault, faults: TheFaults, _actor: TheActor) -> None:
    faults.clear(name)


# --------------------------------------------------------------------------- in and out


def _new(body: DocumentIn) -> NewDocument:
    lines = tuple(NewLine(line.item, line.qty, line.price, line.note) for line in body.lines)
    return NewDocument(
        kind=body.kind,
        day=body.day,
        lines=lines,
        warehouse=body.warehouse,
        to_warehouse=body.to_warehouse,
        partner=body.partner,
        number=body.number,
        note=body.note,
    )


def _document(document: Document) -> DocumentOut:
    return DocumentOut(
        number=document.number,
        kind=document.kind,
        module=document.module,
        period=str(document.period),
        day=document.day,
        amount=document.amount,
        status=document.status,
        maker=document.maker,
        warehouse=document.warehouse,
        partner=document.partner,
        note=document.note,
        lines=[
            LineOut(
                n=line.n,
                item=line.item,
                qty=line.qty,
                price=line.price,
                amount=line.amount,
                note=line.note,
            )
            for line in document.lines
        ],
    )
