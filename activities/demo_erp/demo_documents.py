"""What the demo company did, day by day: the same documents on every machine and in every year."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from sqlalchemy import Table

from activities.demo_erp import tables
from activities.demo_erp.amounts import CENT, MICRO, extend
from activities.demo_erp.demo_master import CUSTOMERS, ITEMS, SUPPLIERS, WAREHOUSES
from activities.demo_erp.kinds import PREFIX, Status
from activities.demo_erp.posting import MANUAL
from workflows.domain.period import FiscalCalendar, Period

MISCOUNTED_RECEIPT = "IN-2025-03-0007"
"""Its quantity was entered 20 too low."""
UNCOUNTED_SHEET = "PD-2025-03-B"
"""Two of its bins were never counted."""
UNADJUSTED_SHEET = "PD-2024-12-A"
"""One of its differences never became a bill."""

_COST = {code: cost * MICRO // CENT for code, _, _, cost in ITEMS}
_CODES = tuple(_COST)
_STOCK_PER_MONTH = (("IN", 16), ("OUT", 32), ("TR", 5))
_INVOICED, _RECEIPTS, _BILLED, _PAYMENTS = 28, 20, 12, 9
_KEPT = 60 * CENT
"""What is not sold out of a warehouse, so that small corrections do not run its stock below zero."""
_LOSS_DAY, _COUNT_DAY = 27, 28

Row = dict[str, object]
Line = tuple[str, int, int]
"""Item, quantity, price."""
OnlyAmount = tuple[None, int, int]
"""The line of a document that bills or pays a whole."""


@dataclass
class Business:
    """The company's doings so far: rows for the ledger, what is in stock, and what is not yet paid."""

    rows: dict[Table, list[Row]] = field(default_factory=lambda: defaultdict(list))
    on_hand: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    unpaid_sales: list[Row] = field(default_factory=list)
    unpaid_purchases: list[Row] = field(default_factory=list)
    chance: Random = field(default_factory=lambda: Random(20250307))  # noqa: S311  # repeatable, not secret


def all_rows(calendar: FiscalCalendar, first: Period, last: Period) -> dict[Table, list[Row]]:
    """Everything from the first period to the last, which is only half over."""
    business = Business()
    for period in calendar.span(first, last):
        month = Month(business, calendar, period)
        if period == first:
            month.found()
        month.trade(0.5 if period == last else 1.0)
        if period != last:
            month.end()
    return business.rows


class Month:
    """One period of business."""

    def __init__(self, business: Business, calendar: FiscalCalendar, period: Period) -> None:
        self.business, self.chance, self.period = business, business.chance, period
        self.index, self.first_day = calendar.index(period), calendar.first_day(period)
        self.numbers: dict[str, int] = defaultdict(int)
        self.receipts: list[Row] = []
        self.issues: list[tuple[Row, list[Line]]] = []

    def found(self) -> None:
        """Capital is paid in and every warehouse is filled."""
        self._voucher("1002", "4001", 1_500_000_000, "股东投入资本")
        for n in range(4):
            for warehouse, _ in WAREHOUSES:
                lines = [(code, 40 * self._units(5, 12), _COST[code]) for code in _CODES[n::4]]
                self._receive(1, warehouse, lines)

    def trade(self, share: float) -> None:
        """Goods come in and go out, then invoices and money follow."""
        acts = {"IN": self._purchase, "OUT": self._sale, "TR": self._transfer}
        last_day = int(26 * share)
        days = [
            (self.chance.randint(2, last_day), prefix)
            for prefix, times in _STOCK_PER_MONTH
            for _ in range(int(times * share))
        ]
        for day, prefix in sorted(days):
            acts[prefix](day)
        self._settle(share, last_day)

    def end(self) -> None:
        """Breakage, each quarter a stock count, and the month's expenses."""
        self._lose(_LOSS_DAY)
        if self.period.number % 3 == 0:
            for warehouse, _ in WAREHOUSES:
                self._count(warehouse)
        self._voucher("6602", "1002", self._units(900, 1100) * CENT // 2, "计提并支付本月工资及办公费")

    # ----------------------------------------------------------------- goods

    def _purchase(self, day: int) -> None:
        warehouse = self.chance.choice(WAREHOUSES)[0]
        lines = [self._bought(code) for code in self.chance.sample(_CODES, self.chance.randint(1, 5))]
        number = f"IN-{self.period}-{self.numbers['IN'] + 1:04d}"
        if number == MISCOUNTED_RECEIPT:
            warehouse, lines = "B", [("M-1102", 80 * CENT, _COST["M-1102"])]
        document = self._receive(day, warehouse, lines)
        if number == MISCOUNTED_RECEIPT:
            document["note"] = "送货单 DN-0319 实收 100，录入 80，少录 20"

    def _bought(self, code: str) -> Line:
        price = _COST[code] * self.chance.randint(96, 104) // 100
        return code, self._units(20, 110), price

    def _receive(self, day: int, warehouse: str, lines: list[Line]) -> Row:
        document = self._document(
            "IN", day, lines, warehouse=warehouse, partner=self.chance.choice(SUPPLIERS)[0]
        )
        self._shelve(warehouse, lines, 1)
        self.receipts.append(document)
        return document

    def _sale(self, day: int) -> None:
        warehouse, lines = self._take(most=self.chance.randint(1, 4), share=25)
        sold = [(code, qty, _COST[code] * 135 // 100) for code, qty, _ in lines]
        customer = self.chance.choice(CUSTOMERS)[0]
        document = self._document("OUT", day, sold, warehouse=warehouse, partner=customer)
        self._shelve(warehouse, lines, -1)
        self.issues.append((document, sold))

    def _transfer(self, day: int) -> None:
        warehouse, lines = self._take(most=2, share=15)
        target = self.chance.choice([code for code, _ in WAREHOUSES if code != warehouse])
        self._document("TR", day, lines, warehouse=warehouse, to_warehouse=target)
        self._shelve(warehouse, lines, -1)
        self._shelve(target, lines, 1)

    def _lose(self, day: int) -> None:
        warehouse, lines = self._take(most=1, share=2)
        self._document("LOSS", day, lines, warehouse=warehouse, note="搬运破损")
        self._shelve(warehouse, lines, -1)

    def _take(self, most: int, share: int) -> tuple[str, list[Line]]:
        """Some goods of one warehouse, up to a share of what is there in per cent."""
        warehouse = self.chance.choice(WAREHOUSES)[0]
        there = [code for code in _CODES if self.business.on_hand[warehouse, code] > 2 * _KEPT]
        lines: list[Line] = []
        for code in self.chance.sample(there, min(most, len(there))):
            spare = (self.business.on_hand[warehouse, code] - _KEPT) // CENT
            lines.append((code, self._units(1, max(1, spare * share // 100)), _COST[code]))
        return warehouse, lines

    def _shelve(self, warehouse: str, lines: list[Line], sign: int) -> None:
        for code, qty, _ in lines:
            self.business.on_hand[warehouse, code] += sign * qty

    # ----------------------------------------------------------------- counting

    def _count(self, warehouse: str) -> None:
        """Count a dozen bins; what differs becomes a gain or a loss the same day."""
        number = f"PD-{self.period}-{warehouse}"
        sheet = {
            "number": number,
            "period": self.index,
            "day": self._day(_COUNT_DAY),
            "warehouse": warehouse,
            "person": "warehouse",
        }
        self.business.rows[tables.count_sheet].append(sheet)
        for n, code in enumerate(sorted(self.chance.sample(_CODES, 12)), start=1):
            book = self.business.on_hand[warehouse, code]
            line = {"sheet": number, "bin": f"{warehouse}-{n:02d}", "item": code, "book_qty": book}
            found = self._found(number, n)
            line |= self._counted(warehouse, number, code, book, found)
            self.business.rows[tables.count_line].append(line)

    def _found(self, sheet: str, n: int) -> int | None:
        """How much more was found than the books say; nothing if nobody looked."""
        if sheet == UNCOUNTED_SHEET and n in (5, 9):
            return None
        if sheet == UNADJUSTED_SHEET and n == 4:
            return -5 * CENT
        return self.chance.choice((-2, 1, 3)) * CENT if self.chance.random() < 0.1 else 0

    def _counted(self, warehouse: str, sheet: str, code: str, book: int, found: int | None) -> Row:
        if found is None:
            return {"counted_qty": None, "bill": None}
        adjusted = found != 0 and not (sheet == UNADJUSTED_SHEET and found == -5 * CENT)
        bill = self._adjust(warehouse, sheet, code, found) if adjusted else None
        return {"counted_qty": book + found, "bill": bill}

    def _adjust(self, warehouse: str, sheet: str, code: str, found: int) -> object:
        lines = [(code, abs(found), _COST[code])]
        prefix = "GAIN" if found > 0 else "LOSS"
        bill = self._document(prefix, _COUNT_DAY, lines, warehouse=warehouse, note=f"盘点差异 {sheet}")
        self._shelve(warehouse, lines, 1 if found > 0 else -1)
        return bill["number"]

    # ----------------------------------------------------------------- invoices and money

    def _settle(self, share: float, last_day: int) -> None:
        """Invoices for this month's goods; money for invoices of the months before, oldest first."""
        sales, purchases = self.business.unpaid_sales, self.business.unpaid_purchases
        self._pay("RC", sales, int(_RECEIPTS * share), last_day)
        self._pay("PY", purchases, int(_PAYMENTS * share), last_day)
        for issue, lines in self.issues[: int(_INVOICED * share)]:
            sales.append(self._document("SI", last_day, lines, partner=issue["partner"]))
        for receipt in self.receipts[: int(_BILLED * share)]:
            line = _whole(receipt)
            purchases.append(self._document("PI", last_day, [line], partner=receipt["partner"]))

    def _pay(self, prefix: str, unpaid: list[Row], times: int, last_day: int) -> None:
        for n, invoice in enumerate(unpaid[:times]):
            day = 3 + n * (last_day - 3) // times
            paid = self._document(prefix, day, [_whole(invoice)], partner=invoice["partner"])
            link = {"document": invoice["number"], "by": paid["number"], "kind": "settlement"}
            self.business.rows[tables.document_reference].append(link)
        del unpaid[:times]

    # ----------------------------------------------------------------- rows

    def _document(self, prefix: str, day: int, lines: Sequence[Line | OnlyAmount], **where: object) -> Row:
        self.numbers[prefix] += 1
        number = f"{prefix}-{self.period}-{self.numbers[prefix]:04d}"
        rows: list[Row] = [
            {"document": number, "n": n, "item": item, "qty": qty, "price": price, "note": ""}
            | {"amount": extend(qty, price)}
            for n, (item, qty, price) in enumerate(lines, start=1)
        ]
        document: Row = {
            "number": number,
            "kind": PREFIX[prefix].name,
            "module": PREFIX[prefix].module,
            "period": self.index,
            "day": self._day(day),
            "amount": sum(extend(qty, price) for _, qty, price in lines),
            "warehouse": None,
            "to_warehouse": None,
            "partner": None,
            "status": Status.AUDITED,
            "audit_level": 1,
            "audit_levels": 1,
            "maker": "clerk",
            "note": "",
        } | where
        self.business.rows[tables.document].append(document)
        self.business.rows[tables.document_line].extend(rows)
        return document

    def _voucher(self, debit: str, credit: str, amount: int, note: str) -> None:
        self.numbers["V"] += 1
        number = f"V-{self.period}-{self.numbers['V']:04d}"
        voucher = {"number": number, "period": self.index, "source": MANUAL, "kind": MANUAL, "posted": 0}
        self.business.rows[tables.voucher].append(voucher | {"note": note})
        for n, (account, debited) in enumerate(((debit, True), (credit, False)), start=1):
            entry = {"voucher": number, "n": n, "account": account}
            sides = {"debit": amount if debited else 0, "credit": 0 if debited else amount}
            self.business.rows[tables.voucher_entry].append(entry | sides)

    def _day(self, day: int) -> str:
        return (self.first_day + timedelta(days=day - 1)).isoformat()

    def _units(self, least: int, most: int) -> int:
        return self.chance.randint(least, most) * CENT


def _whole(document: Row) -> OnlyAmount:
    """A line over the whole amount of another document."""
    return None, CENT, int(str(document["amount"])) * MICRO // CENT
