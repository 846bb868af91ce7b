"""A ledger from a wholesaler's invoice lines: every line a document line, its periods closed by the rules."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby
from pathlib import Path

from sqlalchemy import insert

from activities.demo_erp import dialect, tables
from activities.demo_erp.creation import Definition, building, close_periods, create
from activities.demo_erp.ledger import DemoLedger
from activities.demo_erp.retail_documents import SUPPLIER, WALK_IN, WAREHOUSE, Documents
from activities.demo_erp.retail_lines import InvoiceLine, InvoiceLinesUnreadable, read_lines
from activities.demo_erp.retail_purchases import Purchases
from workflows.domain.errors import LedgerRefused
from workflows.domain.period import FiscalCalendar, Period

Progress = Callable[[str, int, int], None]
"""Told the stage, `reading` in bytes or `closing` in periods, how much is done, and of how much."""

CODE, NAME = "retail", "零售账套"
_CALENDAR = FiscalCalendar()


def _untold(stage: str, done: int, total: int) -> None:
    """Nobody wants to know."""


def load_retail(csv_path: str | Path, ledger_path: str | Path, progress: Progress = _untold) -> Path:
    """Build the ledger and close all its periods but the last.

    Raises:
        InvoiceLinesUnreadable: the file is not what it should be; the text names the line and the column.
        LedgerRefused: there is something at the ledger's place already.
    """
    source, place = Path(csv_path), Path(ledger_path)
    if place.exists():
        raise LedgerRefused(CODE, f"{place} is there already")
    lines = read_lines(source, lambda done, total: progress("reading", done, total))
    first = next(lines, None)
    if first is None:
        raise InvoiceLinesUnreadable(source, 2, "", "there is no line")
    definition = Definition(CODE, NAME, _CALENDAR.containing(first.day), calendar=_CALENDAR)
    with building(place) as unfinished, DemoLedger(str(unfinished)) as ledger:
        create(ledger, definition)
        last = _enter(ledger, chain([first], lines))
        _close(ledger, definition, last, progress)
    return place


def _enter(ledger: DemoLedger, lines: Iterable[InvoiceLine]) -> Period:
    """Write all lines as documents, and the purchases that cover them; the last period there is."""
    last = Period(1, 1)
    # Nothing is closed yet, so the rules about closed periods would be asked half a million times in vain.
    with ledger.writing() as db, dialect.without_rules(db, "document", "document_line"):
        db.execute(insert(tables.warehouse), [{"code": WAREHOUSE, "name": "中央仓"}])
        partners = [{"code": SUPPLIER, "name": "采购供应商"}, {"code": WALK_IN, "name": "散客"}]
        db.execute(insert(tables.partner), partners)
        documents, purchases = Documents(db, _CALENDAR), Purchases(_CALENDAR)
        for invoice in _invoices(lines):
            documents.enter(invoice)
            purchases.cover(invoice)
            last = max(last, _CALENDAR.containing(invoice[0].day))
        purchases.enter(documents)
        documents.flush()
    return last


def _invoices(lines: Iterable[InvoiceLine]) -> Iterator[list[InvoiceLine]]:
    """Lines that stand together under one number and one day."""
    for _, together in groupby(lines, key=lambda line: (line.invoice, line.day)):
        yield list(together)


def _close(ledger: DemoLedger, definition: Definition, last: Period, progress: Progress) -> None:
    periods = _CALENDAR.span(definition.start, _CALENDAR.previous(last))
    progress("closing", 0, len(periods))
    close_periods(
        ledger,
        definition.graph,
        periods,
        lambda period: progress("closing", periods.index(period) + 1, len(periods)),
    )
