"""Stock counts: writing down what a bin holds, and booking what differs."""

from datetime import date
from decimal import Decimal

from sqlalchemy import Row, select, update

from activities.demo_erp import entry, tables
from activities.demo_erp.amounts import cents, decimal
from activities.demo_erp.documents import NewDocument, NewLine
from activities.demo_erp.entry import Pen
from workflows.domain.corrections import FieldChange
from workflows.domain.ledger import Module

_sheet, _counted = tables.count_sheet, tables.count_line


def count(pen: Pen, sheet: str, bin_code: str, qty: Decimal) -> None:
    """Write down what a bin holds, unless its difference has been booked already."""
    head = _open_sheet(pen, sheet)
    c = _counted.c
    here = (c.sheet == sheet, c.bin == bin_code, c.bill.is_(None))
    row = pen.db.execute(select(c.counted_qty).where(*here)).one_or_none()
    if row is None:
        raise pen.refuse(f"{sheet} has no bin {bin_code} left to count")
    pen.db.execute(update(_counted).where(*here).values(counted_qty=cents(qty)))
    before = "" if row.counted_qty is None else str(decimal(row.counted_qty))
    changed = (FieldChange(bin_code, "counted_qty", before, str(decimal(cents(qty)))),)
    period = pen.book.period(head.period)
    pen.note(sheet, "changed", Module.INVENTORY, period, f"{bin_code}: {qty}", changed)


def adjust(pen: Pen, sheet: str, bin_code: str) -> str:
    """Turn a counted difference into a gain or loss bill, not audited yet; the answer is its number."""
    head = _open_sheet(pen, sheet)
    c = _counted.c
    here = (c.sheet == sheet, c.bin == bin_code)
    open_difference = (c.counted_qty != c.book_qty) & c.bill.is_(None)
    row = pen.db.execute(select(_counted).where(*here, open_difference)).one_or_none()
    if row is None:
        raise pen.refuse(f"{sheet} has no open difference in bin {bin_code}")
    number = entry.add(pen, _bill(head, row.item, decimal(row.counted_qty - row.book_qty)))
    pen.db.execute(update(_counted).where(*here).values(bill=number))
    return number


def _bill(head: Row[*tuple[object, ...]], item: str, difference: Decimal) -> NewDocument:
    kind = "stock_gain" if difference > 0 else "stock_loss"
    line = NewLine(item, abs(difference))
    day = date.fromisoformat(head.day)
    return NewDocument(kind, day, (line,), head.warehouse, note=f"盘点差异 {head.number}")


def _open_sheet(pen: Pen, sheet: str) -> Row[*tuple[object, ...]]:
    """Raises LedgerRefused if there is no such sheet, PeriodClosed if its period is closed."""
    head = pen.db.execute(select(_sheet).where(_sheet.c.number == sheet)).one_or_none()
    if head is None:
        raise pen.refuse(f"there is no count sheet {sheet}")
    pen.require_open(Module.INVENTORY, pen.book.period(head.period))
    return head
