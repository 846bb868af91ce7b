"""Documents as people see them: a head, lines, and how far their audit has come."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, select

from activities.demo_erp import tables
from activities.demo_erp.amounts import MICRO, decimal
from activities.demo_erp.kinds import KIND, Kind, Status
from activities.demo_erp.ledger import Book
from workflows.domain.errors import LedgerRefused
from workflows.domain.ledger import Module
from workflows.domain.period import Period

_document, _line = tables.document, tables.document_line


@dataclass(frozen=True)
class Line:
    """One line; without an item it is a service, a fee, a payment."""

    n: int
    item: str | None
    qty: Decimal
    price: Decimal
    amount: Decimal
    note: str = ""


@dataclass(frozen=True)
class Document:
    """One document as it stands in the ledger. Lists give it without its lines."""

    number: str
    kind: str
    module: Module
    period: Period
    day: date
    amount: Decimal
    status: Status
    audit_level: int
    audit_levels: int
    maker: str
    warehouse: str | None = None
    to_warehouse: str | None = None
    partner: str | None = None
    note: str = ""
    lines: tuple[Line, ...] = ()

    def line(self, n: int) -> Line:
        """Raises KeyError if the document has no such line."""
        return {line.n: line for line in self.lines}[n]


@dataclass(frozen=True)
class NewLine:
    """A line to be entered."""

    item: str | None
    qty: Decimal
    price: Decimal = Decimal(0)
    note: str = ""


@dataclass(frozen=True)
class NewDocument:
    """A document to be entered; without a number the ledger gives the next one."""

    kind: str
    day: date
    lines: tuple[NewLine, ...]
    warehouse: str | None = None
    to_warehouse: str | None = None
    partner: str | None = None
    number: str | None = None
    note: str = ""


def exists(db: Connection, number: str) -> bool:
    return db.scalar(select(_document.c.number).where(_document.c.number == number)) is not None


def read_document(db: Connection, book: Book, number: str) -> Document:
    """A document with its lines. Raises LedgerRefused if there is none."""
    row = db.execute(select(_document).where(_document.c.number == number)).one_or_none()
    if row is None:
        raise LedgerRefused(book.code, f"there is no document {number}")
    lines = db.execute(select(_line).where(_line.c.document == number).order_by(_line.c.n))
    return _document_of(book, row, tuple(_line_of(line) for line in lines))


def list_documents(
    db: Connection, book: Book, period: Period, kind: str | None = None
) -> tuple[Document, ...]:
    """The documents of a period in the order the ledger works through them, without lines."""
    d = _document.c
    query = select(_document).where(d.period == book.index(period)).order_by(d.module, d.day, d.number)
    rows = db.execute(query.where(d.kind == kind) if kind else query)
    return tuple(_document_of(book, row, ()) for row in rows)


def next_number(db: Connection, book: Book, kind: Kind, period: int) -> str:
    """`IN-2025-03-0018` after `IN-2025-03-0017`, whatever has been deleted between."""
    start = f"{kind.prefix}-{book.text(period)}-"
    d = _document.c
    newest = db.scalar(select(func.max(d.number)).where(d.number.startswith(start), d.period == period))
    return f"{start}{int((newest or start + '0').removeprefix(start)) + 1:04d}"


def kind_of(book: Book, name: str) -> Kind:
    """Raises LedgerRefused for a kind the ledger does not know."""
    if name not in KIND:
        raise LedgerRefused(book.code, f"there is no kind of document {name}")
    return KIND[name]


def _document_of(book: Book, row: Row[*tuple[Any, ...]], lines: tuple[Line, ...]) -> Document:
    return Document(
        number=row.number,
        kind=row.kind,
        module=Module(row.module),
        period=book.period(row.period),
        day=date.fromisoformat(row.day),
        amount=decimal(row.amount),
        status=Status(row.status),
        audit_level=row.audit_level,
        audit_levels=row.audit_levels,
        maker=row.maker,
        warehouse=row.warehouse,
        to_warehouse=row.to_warehouse,
        partner=row.partner,
        note=row.note,
        lines=lines,
    )


def _line_of(row: Row[*tuple[Any, ...]]) -> Line:
    price = Decimal(row.price) / MICRO
    return Line(row.n, row.item, decimal(row.qty), price, decimal(row.amount), row.note)
