"""Entering documents, changing and deleting them, auditing them; each act is noted in the change log."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, delete, func, insert, select, update

from activities.demo_erp import journal, pointers, tables
from activities.demo_erp.amounts import cents, extend, micros
from activities.demo_erp.documents import Document, NewDocument, kind_of, next_number, read_document
from activities.demo_erp.journal import Deed
from activities.demo_erp.kinds import Status
from activities.demo_erp.ledger import Book
from workflows.domain.corrections import FieldChange
from workflows.domain.errors import LedgerRefused, PeriodClosed
from workflows.domain.ledger import Module
from workflows.domain.period import Period

_document, _line = tables.document, tables.document_line


@dataclass(frozen=True)
class Pen:
    """Somebody writing in a ledger: one person, in one transaction."""

    db: Connection
    book: Book
    person: str
    at: str

    def require_open(self, module: Module, period: Period) -> None:
        if self.book.index(period) < pointers.current_of(self.db, module):
            raise PeriodClosed(module, str(period))

    def refuse(self, reason: str) -> LedgerRefused:
        return LedgerRefused(self.book.code, reason)

    def note(
        self,
        number: str,
        action: str,
        module: Module,
        period: Period,
        said: str,
        fields: tuple[FieldChange, ...] = (),
        reverses: str = "",
    ) -> None:
        index = self.book.index(period)
        deed = Deed(number, action, module, index, self.person, self.at, said, fields, reverses)
        journal.note_change(self.db, deed)


def add(pen: Pen, new: NewDocument, reverses: str = "") -> str:
    """Enter a document, not audited yet; the answer is its number."""
    kind = kind_of(pen.book, new.kind)
    period = pen.book.calendar.containing(new.day)
    pen.require_open(kind.module, period)
    number = new.number or next_number(pen.db, pen.book, kind, pen.book.index(period))
    if pen.db.scalar(select(_document.c.number).where(_document.c.number == number)) is not None:
        raise pen.refuse(f"there is a document {number} already")
    _insert(pen, number, new)
    pen.note(number, "added", kind.module, period, new.note, reverses=reverses)
    return number


def change_quantity(pen: Pen, number: str, n: int, qty: Decimal, note: str) -> None:
    document = _changeable(pen, number)
    here = (_line.c.document == number, _line.c.n == n)
    line = pen.db.execute(select(_line.c.price).where(*here)).one_or_none()
    if line is None:
        raise pen.refuse(f"{number} has no line {n}")
    amount = extend(cents(qty), line.price)
    pen.db.execute(update(_line).where(*here).values(qty=cents(qty), amount=amount))
    total = select(func.sum(_line.c.amount)).where(_line.c.document == number).scalar_subquery()
    pen.db.execute(update(_document).where(_document.c.number == number).values(amount=total))
    old, after = document.line(n), read_document(pen.db, pen.book, number)
    changed = (
        FieldChange(str(n), "qty", str(old.qty), str(after.line(n).qty)),
        FieldChange(str(n), "amount", str(old.amount), str(after.line(n).amount)),
        FieldChange("", "amount", str(document.amount), str(after.amount)),
    )
    said = f"第 {n} 行数量 {old.qty} → {qty:.2f} {note}".strip()
    pen.note(number, "changed", document.module, document.period, said, changed)


def remove(pen: Pen, number: str, note: str) -> None:
    document = _changeable(pen, number)
    reference = tables.document_reference.c
    by = pen.db.scalar(select(reference.by).where(reference.document == number).limit(1))
    if by is not None:
        raise pen.refuse(f"{number} is referred to by {by}")
    pen.db.execute(delete(tables.document_reference).where(reference.by == number))
    pen.db.execute(delete(_line).where(_line.c.document == number))
    pen.db.execute(delete(_document).where(_document.c.number == number))
    pen.note(number, "deleted", document.module, document.period, note)


def audit(pen: Pen, number: str) -> None:
    """Sign the next level; the last one makes the document audited."""
    document = _openly(pen, number)
    if document.status in (Status.AUDITED, Status.FROZEN):
        raise pen.refuse(f"{number} is {document.status}")
    level = document.audit_level + 1
    if level < document.audit_levels:
        _set_status(pen, document, Status.IN_AUDIT, level, f"第 {level} 级审核")
    else:
        _set_status(pen, document, Status.AUDITED, level, "审核")


def unaudit(pen: Pen, number: str) -> None:
    """Take all signatures back, so that the document can be changed."""
    document = _openly(pen, number)
    if document.status == Status.FROZEN:
        raise pen.refuse(f"{number} is frozen")
    _set_status(pen, document, Status.DRAFT, 0, "反审核")


def _openly(pen: Pen, number: str) -> Document:
    """Raises LedgerRefused if there is no such document, PeriodClosed if its period is closed."""
    document = read_document(pen.db, pen.book, number)
    pen.require_open(document.module, document.period)
    return document


def _changeable(pen: Pen, number: str) -> Document:
    """Raises as `_openly`, and LedgerRefused while the document is audited or frozen."""
    document = _openly(pen, number)
    if document.status != Status.DRAFT:
        raise pen.refuse(f"{number} is {document.status}; un-audit it first")
    return document


def _set_status(pen: Pen, document: Document, status: Status, level: int, said: str) -> None:
    here = _document.c.number == document.number
    pen.db.execute(update(_document).where(here).values(status=status, audit_level=level))
    changed = (FieldChange("", "status", document.status, status),)
    pen.note(document.number, "changed", document.module, document.period, said, changed)


def _insert(pen: Pen, number: str, new: NewDocument) -> None:
    kind = kind_of(pen.book, new.kind)
    lines: list[dict[str, object]] = []
    total = 0
    for n, line in enumerate(new.lines, start=1):
        qty, price = cents(line.qty), micros(line.price)
        figures = {"qty": qty, "price": price, "amount": extend(qty, price)}
        lines.append({"document": number, "n": n, "item": line.item, "note": line.note} | figures)
        total += extend(qty, price)
    head = {
        "number": number,
        "kind": kind.name,
        "module": kind.module,
        "period": pen.book.index(pen.book.calendar.containing(new.day)),
        "day": new.day.isoformat(),
        "warehouse": new.warehouse,
        "to_warehouse": new.to_warehouse,
        "partner": new.partner,
        "amount": total,
        "status": Status.DRAFT,
        "audit_level": 0,
        "audit_levels": 1,
        "maker": pen.person,
        "note": new.note,
    }
    pen.db.execute(insert(_document), [head])
    if lines:
        pen.db.execute(insert(_line), lines)
