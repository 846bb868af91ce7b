"""A ledger over more than a year: thirteen periods in it, four modules, a little in every period."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import insert

from activities.demo_erp import creation, tables
from activities.demo_erp.creation import Definition
from activities.demo_erp.desk import Desk
from activities.demo_erp.documents import NewDocument, NewLine
from activities.demo_erp.ledger import DemoLedger
from workflows.domain.ledger import Module, ModuleGraph
from workflows.domain.period import FiscalCalendar, Period

CALENDAR = FiscalCalendar(13, 1)
GRAPH = ModuleGraph(
    (Module.INVENTORY, Module.COST, Module.RECEIVABLE, Module.GL),
    ((Module.INVENTORY, Module.COST), (Module.COST, Module.GL), (Module.RECEIVABLE, Module.GL)),
)
FIRST, TARGET, CURRENT = Period(2024, 1), Period(2024, 3), Period(2025, 2)
"""From 2024-03 to 2025-01 there are twelve periods, the thirteenth of 2024 among them."""


def create_long_ledger(place: Path) -> Path:
    """Thirteen periods a year, with a purchase and a sale in each that has days of its own."""
    place.touch()
    with DemoLedger(str(place)) as ledger:
        creation.create(ledger, Definition("y13", "十三期账套", FIRST, GRAPH, CALENDAR))
        with ledger.writing() as db:
            db.execute(insert(tables.item), [{"code": "M-1", "name": "螺栓", "unit": "个"}])
            db.execute(insert(tables.warehouse), [{"code": "A", "name": "总仓"}])
            db.execute(insert(tables.partner), [{"code": "P", "name": "客户"}])
        desk = Desk(ledger)
        with desk.seat("warehouse"):
            for new in documents():
                desk.add_audited("warehouse", new)
        creation.close_periods(ledger, GRAPH, CALENDAR.span(FIRST, CALENDAR.previous(CURRENT)))
    return place


def documents() -> Iterator[NewDocument]:
    for period in CALENDAR.span(FIRST, CURRENT):
        if period.number == 13:
            continue
        day: date = CALENDAR.first_day(period)
        bought, sold = NewLine("M-1", Decimal(10), Decimal("2.50")), NewLine("M-1", Decimal(4), Decimal(4))
        yield NewDocument("purchase_receipt", day, (bought,), "A", partner="P")
        yield NewDocument("sales_issue", day + timedelta(days=1), (sold,), "A", partner="P")
        yield NewDocument("sales_invoice", day + timedelta(days=1), (sold,), partner="P")
