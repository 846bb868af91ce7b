"""How a check asks its question: the plan's modules and periods as conditions, the answer as findings."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, or_, select

from activities.demo_erp.amounts import amount_text
from activities.demo_erp.ledger import Book
from workflows.domain.findings import MAX_EVIDENCE_ROWS, EvidenceRow, Finding, FindingCode, FindingScope
from workflows.domain.ledger import Module

_PLACE = ("module", "period", "what", "of", "nth")


@dataclass(frozen=True)
class Look:
    """One look at a ledger: where, at what, and when."""

    db: Connection
    book: Book
    scope: FindingScope
    now: datetime

    def span(self, module: Module) -> tuple[int, int] | None:
        """First and last period that the plan opens in this module; what lies between is opened too."""
        periods = [self.book.index(period) for opened, period in self.scope.opened if opened == module]
        return (min(periods), max(periods)) if periods else None

    def within(self, module: Module, period: ColumnElement[int]) -> ColumnElement[bool]:
        """Whether the plan opens this period of the module."""
        span = self.span(module)
        return period.between(*span) if span else period.is_(None)

    def opened(self, module: ColumnElement[str], period: ColumnElement[int]) -> ColumnElement[bool]:
        """Whether the plan opens the place that both columns name."""
        modules = sorted({opened for opened, _ in self.scope.opened})
        places = [and_(module == each, self.within(each, period)) for each in modules]
        return or_(*places) if places else period.is_(None)


def gather(look: Look, code: FindingCode, query: Select[*tuple[Any, ...]]) -> Iterator[Finding]:
    """One finding per module and period, with all counted and the first rows as evidence.

    The query gives `module`, `period`, `what`, and then the facts by name.
    """
    if look.db.execute(query.limit(1)).first() is None:
        return  # most checks notice nothing, and counting nothing costs more than looking
    rows = query.subquery()
    place = (rows.c.module, rows.c.period)
    ranked = select(
        rows,
        func.count().over(partition_by=place).label("of"),
        func.row_number().over(partition_by=place, order_by=rows.c.what).label("nth"),
    ).subquery()
    shown = select(ranked).where(ranked.c.nth <= MAX_EVIDENCE_ROWS)
    found = look.db.execute(shown.order_by(ranked.c.module, ranked.c.period, ranked.c.nth)).mappings()
    for (module, period), group in groupby(found, key=lambda row: (row["module"], row["period"])):
        evidence = list(group)
        yield Finding(
            code,
            count=evidence[0]["of"],
            rows=tuple(EvidenceRow(row["what"], _facts(row)) for row in evidence),
            module=Module(module),
            period=look.book.period(period),
        )


def _facts(row: RowMapping) -> tuple[tuple[str, str], ...]:
    return tuple((name, _text(name, value)) for name, value in row.items() if name not in _PLACE)


def _text(name: str, value: object) -> str:
    is_amount = name.endswith(("qty", "amount")) and value is not None
    return amount_text(int(str(value))) if is_amount else str(value or "")
