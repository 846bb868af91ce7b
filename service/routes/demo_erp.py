"""The other side, in dev only: what ERP users do in the demo ledger, as the one who asks."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field

from activities.demo_erp.desk import Desk
from activities.demo_erp.documents import Document, NewDocument, NewLine
from activities.demo_erp.faults import Fault, Faults
from activities.demo_erp.kinds import Status
from activities.demo_erp.ledger import DemoLedger
from activities.erp.demo import DemoConnector
from service.dependencies import TheActor, TheParts
from service.problem_answers import responses
from service.schemas import Inbound, Name, Outbound, Said
from workflows.domain.errors import (
    LedgerBusy,
    LedgerRefused,
    MissingRight,
    NotExclusive,
    NotNamed,
    OutOfOrder,
    PeriodClosed,
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
        PeriodClosed,
        LedgerRefused,
    ),
)

Quantity = Annotated[Decimal, Field(max_digits=12, decimal_places=2)]


class DoingIn(Inbound):
    doing: Said = ""


class LineIn(Inbound):
    item: Name | None = None
    qty: Quantity
    price: Annotated[Decimal, Field(max_digits=14, decimal_places=6)] = Decimal(0)
    note: Said = ""


class DocumentIn(Inbound):
    kind: Name
    day: date
    lines: list[LineIn] = Field(min_length=1, max_length=200)
    warehouse: Name | None = None
    to_warehouse: Name | None = None
    partner: Name | None = None
    number: Name | None = None
    note: Said = ""
    audit: bool = Field(default=True, description="Whether it is audited at once.")


class LineChangeIn(Inbound):
    line: int = Field(ge=1)
    qty: Quantity
    note: Said = ""


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


def _faults(ledger: Annotated[DemoLedger, Depends(_ledger)]) -> Faults:
    return Faults(ledger)


TheDesk = Annotated[Desk, Depends(_desk)]
TheFaults = Annotated[Faults, Depends(_faults)]
Number = Annotated[str, Path(max_length=64)]


# --------------------------------------------------------------------------- coming and going


@router.post("/login")
def log_in(desk: TheDesk, actor: TheActor, body: DoingIn = NO_DOING) -> SeatOut:
    """Take a seat; everything below but reading needs one."""
    return SeatOut(session=desk.login(actor.person, body.doing))


@router.post("/logout", status_code=204)
def log_out(desk: TheDesk, actor: TheActor) -> None:
    desk.logout(actor.person)


@router.get("/notices")
def read_notices(desk: TheDesk, actor: TheActor) -> list[NoticeOut]:
    """What the one who asks has been told: to leave, and by when."""
    return [NoticeOut(until=each.until, reason=each.reason) for each in desk.notices(actor.person)]


# --------------------------------------------------------------------------- documents


@router.get("/documents/{number}")
def read_document(number: Number, desk: TheDesk, _actor: TheActor) -> DocumentOut:
    return _document(desk.read(number))


@router.post("/documents", status_code=201)
def add_document(body: DocumentIn, desk: TheDesk, actor: TheActor) -> DocumentOut:
    add = desk.add_audited if body.audit else desk.add
    return _document(desk.read(add(actor.person, _new(body))))


@router.post("/documents/{number}/change-line")
def change_line(number: Number, body: LineChangeIn, desk: TheDesk, actor: TheActor) -> DocumentOut:
    """Put another quantity on a line; an audited document is un-audited and audited again with it."""
    is_audited = desk.read(number).status == Status.AUDITED
    change = desk.correct_quantity if is_audited else desk.change_quantity
    change(actor.person, number, body.line, body.qty, body.note)
    return _document(desk.read(number))


@router.post("/documents/{number}/delete", status_code=204)
def delete_document(number: Number, desk: TheDesk, actor: TheActor, body: NoteIn = NO_NOTE) -> None:
    is_audited = desk.read(number).status == Status.AUDITED
    delete = desk.delete_audited if is_audited else desk.delete
    delete(actor.person, number, body.note)


@router.post("/documents/{number}/audit")
def audit(number: Number, desk: TheDesk, actor: TheActor) -> DocumentOut:
    desk.audit(actor.person, number)
    return _document(desk.read(number))


@router.post("/documents/{number}/unaudit")
def unaudit(number: Number, desk: TheDesk, actor: TheActor) -> DocumentOut:
    desk.unaudit(actor.person, number)
    return _document(desk.read(number))


# --------------------------------------------------------------------------- periods


@router.post("/periods/{period}/lock", status_code=204)
def lock_period(period: Number, desk: TheDesk, actor: TheActor, body: ModulesIn = ALL_MODULES) -> None:
    desk.lock(actor.person, Period.parse(period), tuple(body.modules))


@router.post("/periods/{period}/unlock", status_code=204)
def unlock_period(period: Number, desk: TheDesk, actor: TheActor, body: ModulesIn = ALL_MODULES) -> None:
    desk.unlock(actor.person, Period.parse(period), tuple(body.modules))


@router.post("/periods/move", status_code=204)
def move_pointer(body: MovementIn, desk: TheDesk, actor: TheActor) -> None:
    """What the ERP administrator does in a guided step: one pointer, by hand, while the ledger is held."""
    desk.move(actor.person, body.verb, body.module, Period.parse(body.period))


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
