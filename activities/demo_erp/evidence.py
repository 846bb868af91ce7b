"""How checks ask: questions made once, filled in with a plan, answered by findings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    RowMapping,
    Select,
    String,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
)

from activities.demo_erp import pointers
from activities.demo_erp.amounts import amount_text
from activities.demo_erp.ledger import Book
from workflows.domain.findings import MAX_EVIDENCE_ROWS, EvidenceRow, Finding, FindingCode, FindingScope
from workflows.domain.ledger import Module
from workflows.domain.request import Intent

_PLACE = ("module", "period", "what", "of", "nth")
_NOWHERE = (1, 0)
"""The span of a module that the plan does not open: no period lies in it."""


@dataclass(frozen=True)
class Look:
    """One look at a ledger: where, at what, and when."""

    db: Connection
    book: Book
    scope: FindingScope
    now: datetime

    @cached_property
    def named(self) -> tuple[str, ...]:
        """The documents that must be there to be changed; what is to be added cannot be."""
        return tuple(sorted({item.document for item in self.scope.documents if item.intent != Intent.ADD}))

    @cached_property
    def to_change(self) -> tuple[str, ...]:
        """Those of them that are to be taken back or changed, and not reversed in red, which hurts nobody."""
        red = {item.document for item in self.scope.documents if item.intent == Intent.REVERSE}
        return tuple(number for number in self.named if number not in red)

    @cached_property
    def values(self) -> Mapping[str, object]:
        """What questions are filled in with."""
        indexes = [self.book.index(period) for _, period in self.scope.opened]
        spans = {module: self._span(module) for module in Module}
        spans_by_name = {
            f"{module}_{end}": at
            for module, span in spans.items()
            for end, at in zip(("first", "last"), span, strict=True)
        }
        first, last = (min(indexes), max(indexes)) if indexes else _NOWHERE
        target = self.book.index(self.scope.target)
        stock = pointers.read_pointers(self.db).get(Module.INVENTORY)
        current = stock.current if stock else 1
        known = {"opened_first": first, "opened_last": last, "target": target, "stock_current": current}
        return {**spans_by_name, **known, "named": self.named, "to_change": self.to_change}

    def _span(self, module: Module) -> tuple[int, int]:
        """First and last period that the plan opens in this module; what lies between is opened too."""
        periods = [self.book.index(period) for opened, period in self.scope.opened if opened == module]
        return (min(periods), max(periods)) if periods else _NOWHERE


# --------------------------------------------------------------------------- what questions leave open


def _period(name: str) -> BindParameter[int]:
    return bindparam(name, type_=Integer)


_SPANS = {module: (_period(f"{module}_first"), _period(f"{module}_last")) for module in Module}
_WHOLE = _period("opened_first"), _period("opened_last")
TARGET, STOCK_CURRENT = _period("target"), _period("stock_current")
TO_CHANGE: BindParameter[Sequence[str]] = bindparam("to_change", type_=String, expanding=True)
NAMED: BindParameter[Sequence[str]] = bindparam("named", type_=String, expanding=True)


def last_of(module: Module) -> BindParameter[int]:
    """The newest period that the plan opens in this module; zero if it opens none."""
    return _SPANS[module][1]


def within(module: Module, period: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether the plan opens this period of the module."""
    return period.between(*_SPANS[module])


def opened(module: ColumnElement[str], period: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether the plan opens the place that both columns name."""
    places = (and_(module == each, within(each, period)) for each in Module)
    # The span of the whole plan says nothing new, but an index can use it.
    return and_(period.between(*_WHOLE), or_(*places))


# --------------------------------------------------------------------------- questions


class Question:
    """A query that gives `module`, `period`, `what`, and then facts by name for what is to be noticed."""

    def __init__(self, code: FindingCode, query: Select[*tuple[Any, ...]]) -> None:
        self.code = code
        self.finds_any = exists(query)
        rows = query.subquery()
        place = (rows.c.module, rows.c.period)
        ranked = select(
            rows,
            func.count().over(partition_by=place).label("of"),
            func.row_number().over(partition_by=place, order_by=rows.c.what).label("nth"),
        ).subquery()
        shown = select(ranked).where(ranked.c.nth <= MAX_EVIDENCE_ROWS)
        self._shown = shown.order_by(ranked.c.module, ranked.c.period, ranked.c.nth)

    def ask(self, look: Look) -> Iterator[Finding]:
        """One finding per module and period, with all counted and the first rows as evidence."""
        found = look.db.execute(self._shown, look.values).mappings()
        for (module, period), group in groupby(found, key=lambda row: (row["module"], row["period"])):
            evidence = list(group)
            yield Finding(
                self.code,
                count=evidence[0]["of"],
                rows=tuple(EvidenceRow(row["what"], _facts(row)) for row in evidence),
                module=Module(module),
                period=look.book.period(period),
            )


class Questions:
    """Several questions, of which most find nothing: one query tells which are worth asking."""

    def __init__(self, *questions: Question) -> None:
        self._questions = questions
        self._worth_asking = select(
            *(question.finds_any.label(f"q{n}") for n, question in enumerate(questions))
        )

    def ask(self, look: Look) -> Iterator[Finding]:
        worth = look.db.execute(self._worth_asking, look.values).one()
        for question, finds_any in zip(self._questions, worth, strict=True):
            if finds_any:
                yield from question.ask(look)


def _facts(row: RowMapping) -> tuple[tuple[str, str], ...]:
    return tuple((name, _text(name, value)) for name, value in row.items() if name not in _PLACE)


def _text(name: str, value: object) -> str:
    is_amount = name.endswith(("qty", "amount")) and value is not None
    return amount_text(int(str(value))) if is_amount else str(value or "")
