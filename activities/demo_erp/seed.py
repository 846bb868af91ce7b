"""The demo ledger: seventeen closed periods over two years, a missed stock count, and traps further back."""

from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, insert, update

from activities.demo_erp import demo_documents, dialect, tables
from activities.demo_erp.creation import Definition, building, close_periods, create
from activities.demo_erp.demo_master import CUSTOMERS, ITEMS, SUPPLIERS, WAREHOUSES
from activities.demo_erp.kinds import Status
from activities.demo_erp.ledger import Book, DemoLedger
from activities.demo_erp.rights import WRITE
from workflows.domain.period import FiscalCalendar, Period

FIRST, CURRENT = Period(2024, 1), Period(2025, 6)
DEMO = Definition("demo", "演示账套（示例商贸有限公司）", FIRST)

LOCKED = FiscalCalendar().span(FIRST, Period(2024, 6))
"""Audited by the chartered accountants: locked in every module."""

TRAPS: tuple[tuple[str, dict[str, object]], ...] = (
    ("LOSS-2025-02-0001", {"status": Status.DRAFT, "audit_level": 0}),
    ("IN-2025-01-0005", {"status": Status.IN_AUDIT, "audit_level": 1, "audit_levels": 3}),
    ("OUT-2025-01-0009", {"status": Status.FROZEN}),
)
"""Documents whose state was changed after their period had been closed, past all rules."""

REFERENCES: tuple[tuple[str, str, str], ...] = (
    ("RC-2025-03-0003", "HT-2025-0031", "contract"),
    ("OUT-2025-03-0012", "SC-2025-0119", "production"),
)
"""Documents on which later business was built: they cannot simply be taken back."""


def create_demo(path: str | Path) -> Path:
    """Make the demo ledger at this place, unless something is there already."""
    place = Path(path)
    if not place.exists():
        with suppress(FileExistsError), building(place) as unfinished, DemoLedger(str(unfinished)) as ledger:
            fill_demo(ledger)
    return place


def fill_demo(ledger: DemoLedger) -> None:
    """Make the demo ledger in an empty database."""
    create(ledger, DEMO)
    with ledger.writing() as db:
        _master_data(db)
        rows = demo_documents.all_rows(DEMO.calendar, FIRST, CURRENT)
        for table in tables.metadata.sorted_tables:
            if table in rows:
                db.execute(insert(table), rows[table])
    calendar = DEMO.calendar
    close_periods(ledger, DEMO.graph, calendar.span(FIRST, calendar.previous(CURRENT)))
    with ledger.writing() as db:
        _lock(db, ledger.book)
        _set_traps(db)
        _seat(db)


def _master_data(db: Connection) -> None:
    goods = [{"code": code, "name": name, "unit": unit} for code, name, unit, _ in ITEMS]
    db.execute(insert(tables.item), goods)
    db.execute(insert(tables.warehouse), [{"code": code, "name": name} for code, name in WAREHOUSES])
    partners = [{"code": code, "name": name} for code, name in (*CUSTOMERS, *SUPPLIERS)]
    db.execute(insert(tables.partner), partners)


def _lock(db: Connection, book: Book) -> None:
    rows = [
        {"module": module, "period": book.index(period), "person": "finance"}
        for module in DEMO.graph.modules
        for period in LOCKED
    ]
    db.execute(insert(tables.module_lock), rows)


def _set_traps(db: Connection) -> None:
    document = tables.document
    with dialect.without_rules(db, document.name):
        for number, state in TRAPS:
            db.execute(update(document).where(document.c.number == number).values(state))
    references = [{"document": number, "by": by, "kind": kind} for number, by, kind in REFERENCES]
    db.execute(insert(tables.document_reference), references)


def _seat(db: Connection) -> None:
    """Wang of the warehouse has gone to lunch without logging out."""
    row = {
        "id": "wang-1",
        "person": "wang",
        "since": "2025-06-13T08:12:00+08:00",
        "doing": "仓管员：即时库存查询",
    }
    db.execute(insert(tables.session), [row])
    db.execute(insert(tables.entitlement), [{"person": "wang", "name": WRITE, "until": None}])
