"""What people entered, as canonical text rows in order: counts, documents, vouchers, heads before lines."""

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from activities.demo_erp import dialect, tables
from activities.demo_erp.amounts import amount_text, cost_text
from activities.demo_erp.balances import CHUNK, TextRow
from activities.demo_erp.dialect import Stored
from activities.demo_erp.ledger import DemoLedger
from activities.demo_erp.posting import MANUAL
from workflows.domain.canonical import RowLayout
from workflows.domain.ledger import Module

LAYOUT = RowLayout(
    key=("sort", "number", "line"),
    facts=(
        "kind",
        "day",
        "warehouse",
        "to_warehouse",
        "partner",
        "item",
        "account",
        "book_qty",
        "qty",
        "price",
        "amount",
        "debit",
        "credit",
        "status",
        "audit",
        "bill",
        "maker",
        "note",
    ),
)
"""One layout for all sorts, so that rows of a leaf are of one width; what a sort does not have is empty."""

_document, _line = tables.document, tables.document_line
_voucher, _entry = tables.voucher, tables.voucher_entry
_sheet, _counted = tables.count_sheet, tables.count_line

Chunk = list[tuple[int, list[TextRow]]]


def stream(ledger: DemoLedger, module: Module, period: int) -> Generator[Chunk, None, None]:
    """Chunk after chunk of the rows of one module and period, in the order of their keys."""
    with ledger.reading() as db:
        for rows in _rows(db, module, period):
            yield [(period, rows)]


def _rows(db: Connection, module: Module, period: int) -> Iterator[list[TextRow]]:
    """The sorts in the order of their names."""
    if module == Module.GL:
        yield from _vouchers(db, "closing", _of_vouchers(period).where(_voucher.c.source != MANUAL))
    if module == Module.INVENTORY:
        yield from _counts(db, period)
    yield from _documents(db, module, period)
    if module == Module.GL:
        yield from _vouchers(db, "voucher", _of_vouchers(period).where(_voucher.c.source == MANUAL))


def _documents(db: Connection, module: Module, period: int) -> Iterator[list[TextRow]]:
    d, line = _document.c, _line.c
    heads = (d.number, d.kind, d.day, d.warehouse, d.to_warehouse, d.partner, d.amount, d.status)
    audits = (d.audit_level, d.audit_levels, d.maker, d.note)
    lines = (line.n, line.item, line.qty, line.price, line.amount, line.note)
    query = (
        select(*heads, *audits, *lines)
        .join_from(_document, _line, line.document == d.number, isouter=True)
        .where(d.module == module, d.period == period)
        .order_by(d.number, line.n)
    )
    last = ""
    for part in dialect.stream(db, query, CHUNK):
        rows: list[TextRow] = []
        for stored in part:
            if stored[0] != last:
                last = stored[0]
                rows.append(_head_of_document(stored[:12]))
            if stored[12] is not None:
                rows.append(_line_of_document(last, stored[12:]))
        yield rows


def _head_of_document(stored: Stored) -> TextRow:
    number, kind, day, warehouse, to_warehouse, partner, amount, status, level, levels, maker, note = stored
    return _row(
        "document",
        number,
        "",
        kind=kind,
        day=day,
        warehouse=warehouse,
        to_warehouse=to_warehouse,
        partner=partner,
        amount=amount_text(amount),
        status=status,
        audit=f"{level}/{levels}",
        maker=maker,
        note=note,
    )


def _line_of_document(number: str, stored: Stored) -> TextRow:
    n, item, qty, price, amount, note = stored
    return _row(
        "document",
        number,
        f"{n:04d}",
        item=item,
        qty=amount_text(qty),
        price=cost_text(price),
        amount=amount_text(amount),
        note=note,
    )


def _of_vouchers(period: int) -> Select[*tuple[Any, ...]]:
    v, e = _voucher.c, _entry.c
    heads, entries = (v.number, v.kind, v.posted, v.source, v.note), (e.n, e.account, e.debit, e.credit)
    return (
        select(*heads, *entries)
        .join_from(_voucher, _entry, e.voucher == v.number, isouter=True)
        .where(v.period == period)
        .order_by(v.number, e.n)
    )


def _vouchers(db: Connection, sort: str, query: Select[*tuple[Any, ...]]) -> Iterator[list[TextRow]]:
    last = ""
    for part in dialect.stream(db, query, CHUNK):
        rows: list[TextRow] = []
        for number, kind, posted, source, note, n, account, debit, credit in part:
            if number != last:
                last = number
                status = "posted" if posted else ""
                rows.append(_row(sort, number, "", kind=kind, maker=source, status=status, note=note))
            if n is not None:
                sides = {"debit": amount_text(debit), "credit": amount_text(credit)}
                rows.append(_row(sort, number, f"{n:04d}", account=account, **sides))
        yield rows


def _counts(db: Connection, period: int) -> Iterator[list[TextRow]]:
    """What was counted is the `qty` of a bin, empty while nobody has looked."""
    s, c = _sheet.c, _counted.c
    query = (
        select(s.number, s.day, s.warehouse, s.person, c.bin, c.item, c.book_qty, c.counted_qty, c.bill)
        .join_from(_sheet, _counted, c.sheet == s.number, isouter=True)
        .where(s.period == period)
        .order_by(s.number, c.bin)
    )
    last = ""
    for part in dialect.stream(db, query, CHUNK):
        rows: list[TextRow] = []
        for number, day, warehouse, person, bin_code, item, book, counted, bill in part:
            if number != last:
                last = number
                rows.append(_row("count", number, "", day=day, warehouse=warehouse, maker=person))
            if bin_code is not None:
                found = "" if counted is None else amount_text(counted)
                rows.append(
                    _row(
                        "count", number, bin_code, item=item, book_qty=amount_text(book), qty=found, bill=bill
                    )
                )
        yield rows


_POSITION = {name: n for n, name in enumerate(LAYOUT.facts)}
_EMPTY: Sequence[str] = ("",) * len(LAYOUT.facts)


def _row(sort: str, number: str, line: str, **facts: str | None) -> TextRow:
    told = list(_EMPTY)
    for name, text in facts.items():
        told[_POSITION[name]] = text or ""
    return (sort, number, line, *told)
