"""What the wholesaler must have bought: the file tells only what was sold."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from activities.demo_erp.amounts import MICRO, extend, ratio
from activities.demo_erp.kinds import KIND, Effect
from activities.demo_erp.retail_documents import Documents, NewLine, whole
from activities.demo_erp.retail_lines import SERVICE, InvoiceLine
from workflows.domain.period import FiscalCalendar, Period

_COST_SHARE = 60
"""What goods cost, in per cent of their average selling price."""
_SOME_COST = MICRO
"""What goods cost that were never sold at a price."""
_LINES_PER_RECEIPT = 500


@dataclass(slots=True)
class Sold:
    """What went out of one item in one period, how much of it for money, and for how much."""

    qty: int = 0
    paid_qty: int = 0
    amount: int = 0

    @property
    def cost(self) -> int:
        if self.amount <= 0:
            return _SOME_COST
        return ratio(self.amount * MICRO * _COST_SHARE, self.paid_qty * 100)


class Purchases:
    """Purchases on the first day of each period that cover what goes out in it: stock is never negative."""

    def __init__(self, calendar: FiscalCalendar) -> None:
        self.calendar = calendar
        self._sold: dict[Period, dict[str, Sold]] = defaultdict(lambda: defaultdict(Sold))

    def cover(self, invoice: Sequence[InvoiceLine]) -> None:
        """Count what an invoice takes out of stock."""
        sold = self._sold[self.calendar.containing(invoice[0].day)]
        for line in invoice:
            if line.kind != SERVICE and KIND[line.kind].effect == Effect.OUT:
                item = sold[line.code]
                item.qty += abs(line.qty)
                item.paid_qty += abs(line.qty) if line.price else 0
                item.amount += extend(abs(line.qty), line.price)

    def enter(self, documents: Documents) -> None:
        """Write receipts and one supplier's invoice for each period."""
        for period, sold in sorted(self._sold.items()):
            day = self.calendar.first_day(period)
            lines = [NewLine(code, item.qty, item.cost) for code, item in sorted(sold.items())]
            for start in range(0, len(lines), _LINES_PER_RECEIPT):
                number = f"IN-{period}-{start // _LINES_PER_RECEIPT + 1:04d}"
                part = lines[start : start + _LINES_PER_RECEIPT]
                documents.write("purchase_receipt", number, day, part)
            bill = whole(sum(line.amount for line in lines))
            documents.write("purchase_invoice", f"PI-{period}-0001", day, [bill])
