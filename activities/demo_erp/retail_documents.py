"""Documents made from invoice lines, written in batches so that memory does not grow with the file."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, Table, insert

from activities.demo_erp import tables
from activities.demo_erp.amounts import CENT, MICRO, extend
from activities.demo_erp.kinds import KIND, Status
from activities.demo_erp.retail_lines import SERVICE, InvoiceLine
from workflows.domain.ledger import Module
from workflows.domain.period import FiscalCalendar

WAREHOUSE, SUPPLIER, WALK_IN = "W1", "S001", "0"
_BATCH = 5_000
"""Lines in memory before they are written."""
_BILLED = {"sales_issue": 1, "sales_return": -1}
"""Stock documents that go onto the customer's invoice, and with which sign."""

Row = dict[str, object]


class NewLine(NamedTuple):
    """A line to be written; without an item it is a service, or stands for a whole document."""

    item: str | None
    qty: int
    price: int
    note: str = ""

    @property
    def amount(self) -> int:
        return extend(self.qty, self.price)


class Documents:
    """Writes documents, and the items and customers they are the first to name."""

    def __init__(self, db: Connection, calendar: FiscalCalendar) -> None:
        self.db, self.calendar = db, calendar
        self._rows: dict[Table, list[Row]] = defaultdict(list)
        self._numbers: set[str] = set()
        self._items: set[str] = set()
        self._customers = {SUPPLIER, WALK_IN}

    def enter(self, invoice: Sequence[InvoiceLine]) -> None:
        """One invoice of the file: its goods leave or come back, its customer is billed."""
        head = invoice[0]
        customer = self._customer(head.customer)
        parts: dict[str, list[NewLine]] = defaultdict(list)
        for line in invoice:
            if line.kind in (SERVICE, "bad_debt"):
                parts[line.kind].append(
                    NewLine(None, line.qty, line.price, f"{line.code} {line.description}")
                )
            else:
                self._know(line)
                parts[line.kind].append(NewLine(line.code, abs(line.qty), line.price))
        bill = parts.pop(SERVICE, [])
        for kind, lines in parts.items():
            number = self._number(kind, head.invoice)
            self.write(kind, number, head.day, lines, customer)
            if kind in _BILLED:
                amount = sum(line.amount for line in lines) * _BILLED[kind]
                bill.append(whole(amount, number))
        if bill:
            self.write("sales_invoice", self._number("sales_invoice", head.invoice), head.day, bill, customer)

    def write(
        self, kind: str, number: str, day: date, lines: Sequence[NewLine], partner: str = SUPPLIER
    ) -> None:
        """One document, audited as the old system left it."""
        in_stock = KIND[kind].module == Module.INVENTORY
        head = {
            "number": number,
            "kind": kind,
            "module": KIND[kind].module,
            "period": self.calendar.index(self.calendar.containing(day)),
            "day": day.isoformat(),
            "warehouse": WAREHOUSE if in_stock else None,
            "to_warehouse": None,
            "partner": partner,
            "amount": sum(line.amount for line in lines),
            "status": Status.AUDITED,
            "audit_level": 1,
            "audit_levels": 1,
            "maker": "import",
            "note": "",
        }
        self._rows[tables.document].append(head)
        self._rows[tables.document_line] += [
            {
                "document": number,
                "n": n,
                "item": line.item,
                "qty": line.qty,
                "price": line.price,
                "amount": line.amount,
                "note": line.note,
            }
            for n, line in enumerate(lines, start=1)
        ]
        if len(self._rows[tables.document_line]) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered, referred-to rows first."""
        for table in (tables.item, tables.partner, tables.document, tables.document_line):
            if rows := self._rows.pop(table, []):
                self.db.execute(insert(table), rows)

    def _know(self, line: InvoiceLine) -> None:
        if line.code not in self._items:
            self._items.add(line.code)
            row: Row = {"code": line.code, "name": line.description or line.code, "unit": "件"}
            self._rows[tables.item].append(row)

    def _customer(self, text: str) -> str:
        code = text.partition(".")[0] or WALK_IN
        if code not in self._customers:
            self._customers.add(code)
            self._rows[tables.partner].append({"code": code, "name": f"客户 {code}"})
        return code

    def _number(self, kind: str, invoice: str) -> str:
        """`OUT-536365`; an invoice number that comes back later in the file gets a suffix."""
        number = first = f"{KIND[kind].prefix}-{invoice}"
        again = 1
        while number in self._numbers:
            again += 1
            number = f"{first}-{again}"
        self._numbers.add(number)
        return number


def whole(amount: int, note: str = "") -> NewLine:
    """A line over an amount as a whole."""
    return NewLine(None, CENT, amount * MICRO // CENT, note)
