"""红字冲减: taking an invoice, a payment or a voucher back by its negative, in an open period (R23 to R25).

What was entered and closed stays as it is. A red-letter document has the same lines with negative quantities
and amounts on the same side, so that both together come to nothing.
"""

from datetime import date

from sqlalchemy import func, insert, or_, select, update

from activities.demo_erp import entry, posting, tables
from activities.demo_erp.documents import Document, NewDocument, NewLine, read_document
from activities.demo_erp.entry import Pen
from activities.demo_erp.kinds import KIND, Effect, Status
from activities.demo_erp.posting import MANUAL, Voucher
from workflows.domain.ledger import Module

REVERSAL = "reversal"

_document, _line = tables.document, tables.document_line
_voucher, _entry = tables.voucher, tables.voucher_entry


def reverse(pen: Pen, number: str, day: date, note: str) -> str:
    """Enter the negative of a document or voucher and audit it; the answer is the number it was given.

    Raises:
        PeriodClosed: the day lies in a closed period.
        LedgerRefused: it is not there, not audited or posted, moves stock, is red itself, or was reversed.
    """
    _require_not_reversed(pen, number)
    said = f"红字冲减 {number} {note}".strip()
    if pen.db.scalar(select(_voucher.c.number).where(_voucher.c.number == number)) is not None:
        return _reverse_voucher(pen, number, day, said)
    return _reverse_document(pen, read_document(pen.db, pen.book, number), day, said)


def _reverse_document(pen: Pen, original: Document, day: date, said: str) -> str:
    if KIND[original.kind].effect != Effect.NONE:
        raise pen.refuse(f"{original.number} moves stock; open its period and correct it")
    if original.status != Status.AUDITED or original.amount < 0:
        raise pen.refuse(f"{original.number} is {original.status}, of {original.amount}: not to be reversed")
    lines = tuple(NewLine(line.item, -line.qty, line.price, line.note) for line in original.lines)
    new = NewDocument(original.kind, day, lines, partner=original.partner, note=said)
    number = entry.add(pen, new, reverses=original.number)
    _copy_amounts(pen, original.number, number)
    entry.audit(pen, number)
    link = {"document": original.number, "by": number, "kind": REVERSAL}
    pen.db.execute(insert(tables.document_reference), [link])
    return number


def _copy_amounts(pen: Pen, original: str, number: str) -> None:
    """The exact negative: computed anew from a negative quantity, halves of a cent would round otherwise."""
    amounts = pen.db.execute(select(_line.c.n, _line.c.amount).where(_line.c.document == original)).all()
    for n, amount in amounts:
        here = (_line.c.document == number, _line.c.n == n)
        pen.db.execute(update(_line).where(*here).values(amount=-amount))
    total = -sum(amount for _, amount in amounts)
    pen.db.execute(update(_document).where(_document.c.number == number).values(amount=total))


def _reverse_voucher(pen: Pen, original: str, day: date, said: str) -> str:
    head = pen.db.execute(select(_voucher).where(_voucher.c.number == original)).one()
    if not head.posted or head.kind == REVERSAL:
        raise pen.refuse(f"{original} is red or not posted: not to be reversed")
    period = pen.book.calendar.containing(day)
    pen.require_open(Module.GL, period)
    e = _entry.c
    rows = pen.db.execute(select(e.account, e.debit, e.credit).where(e.voucher == original).order_by(e.n))
    entries = [(str(account), -int(debit), -int(credit)) for account, debit, credit in rows]
    index = pen.book.index(period)
    number = _next_voucher(pen, index)
    posting.write(pen.db, [Voucher(number, index, MANUAL, REVERSAL, entries, said)])
    pen.note(number, "added", Module.GL, period, said, reverses=original)
    return number


def _next_voucher(pen: Pen, period: int) -> str:
    """`V-2025-06-0002` after `V-2025-06-0001`; numbers of closings carry a word instead."""
    start = f"V-{pen.book.text(period)}-"
    n = _voucher.c.number
    newest = pen.db.scalar(
        select(func.max(n)).where(_voucher.c.period == period, n.startswith(start), n < f"{start}A")
    )
    return f"{start}{int((newest or start + '0').removeprefix(start)) + 1:04d}"


def _require_not_reversed(pen: Pen, number: str) -> None:
    """Raises LedgerRefused while there is a reversal of it; one that was deleted again does not count."""
    log = tables.change_log.c
    is_there = or_(log.document.in_(select(_document.c.number)), log.document.in_(select(_voucher.c.number)))
    by = pen.db.scalar(select(log.document).where(log.reverses == number, is_there).limit(1))
    if by is not None:
        raise pen.refuse(f"{number} was reversed by {by}")
