"""Checks on documents: audits under way, counts without bills, and what the request wants to change."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, literal, select, union

from activities.demo_erp import tables
from activities.demo_erp.evidence import NAMED, TARGET, TO_CHANGE, Look, Question, opened, within
from activities.demo_erp.kinds import GAIN_OR_LOSS, INVOICES, Status
from workflows.domain.findings import EvidenceRow, Finding, FindingCode
from workflows.domain.ledger import Module

_document, _voucher = tables.document, tables.voucher
_sheet, _counted = tables.count_sheet, tables.count_line
_d, _v = _document.c, _voucher.c

Query: TypeAlias = Select[*tuple[Any, ...]]


def _audit_in_flight() -> Query:
    """Multi-level audits that have begun and not finished (R20)."""
    query = select(_d.module, _d.period, _d.number.label("what"), _d.kind, _d.audit_level, _d.audit_levels)
    return query.where(_d.status == Status.IN_AUDIT, opened(_d.module, _d.period))


def _document_frozen() -> Query:
    query = select(_d.module, _d.period, _d.number.label("what"), _d.kind)
    return query.where(_d.status == Status.FROZEN, opened(_d.module, _d.period))


def _gain_loss_unaudited() -> Query:
    """Bills for stock gained or lost that nobody has audited (R27)."""
    query = select(_d.module, _d.period, _d.number.label("what"), _d.kind, _d.warehouse)
    waiting = (_d.status == Status.DRAFT) & _d.kind.in_(GAIN_OR_LOSS)
    return query.where(waiting, opened(_d.module, _d.period))


def _count_not_adjusted() -> Query:
    """Counted differences that never became a gain or loss bill (R27, R95)."""
    return _counts((_counted.c.counted_qty != _counted.c.book_qty) & _counted.c.bill.is_(None))


def _count_incomplete() -> Query:
    """Bins on a count sheet that nobody counted (R11, R95)."""
    return _counts(_counted.c.counted_qty.is_(None))


def _counts(condition: ColumnElement[bool]) -> Query:
    s, c = _sheet.c, _counted.c
    return (
        select(
            literal(Module.INVENTORY.value).label("module"),
            s.period,
            (s.number + " " + c.bin).label("what"),
            s.warehouse,
            c.item,
            c.book_qty,
            c.counted_qty,
        )
        .join_from(_sheet, _counted, c.sheet == s.number)
        .where(condition, within(Module.INVENTORY, s.period))
    )


# --------------------------------------------------------------------------- what the request names


def _referenced_downstream() -> Query:
    """Documents to be changed on which later business has been built (R21, R24)."""
    r = tables.document_reference.c
    return (
        select(_d.module, _d.period, (_d.number + " ← " + r.by).label("what"), r.kind)
        .join_from(_document, tables.document_reference, r.document == _d.number)
        .where(_d.number.in_(TO_CHANGE))
    )


def _invoices_named() -> Query:
    """Invoices are reversed in red, not taken back by un-closing (R23, R25)."""
    query = select(_d.module, _d.period, _d.number.label("what"), _d.kind)
    return query.where(_d.number.in_(TO_CHANGE), _d.kind.in_(INVOICES))


def _vouchers_named() -> Query:
    """So are vouchers."""
    return select(
        literal(Module.GL.value).label("module"),
        _v.period,
        _v.number.label("what"),
        literal("voucher").label("kind"),
    ).where(_v.number.in_(TO_CHANGE))


def document_unknown(look: Look) -> Iterator[Finding]:
    """Documents to be changed that are not in the target period."""
    missing = sorted(set(look.named) - set(look.db.scalars(_THERE, look.values))) if look.named else []
    if missing:
        rows = tuple(EvidenceRow(number, (("period", str(look.scope.target)),)) for number in missing)
        yield Finding(FindingCode.DOCUMENT_UNKNOWN, len(missing), rows, period=look.scope.target)


_THERE = union(
    *(
        select(table.c.number).where(table.c.number.in_(NAMED), table.c.period == TARGET)
        for table in (_document, _voucher, _sheet)
    )
)

QUESTIONS = (
    Question(FindingCode.AUDIT_IN_FLIGHT, _audit_in_flight()),
    Question(FindingCode.DOCUMENT_FROZEN, _document_frozen()),
    Question(FindingCode.GAIN_LOSS_UNAUDITED, _gain_loss_unaudited()),
    Question(FindingCode.COUNT_NOT_ADJUSTED, _count_not_adjusted()),
    Question(FindingCode.COUNT_INCOMPLETE, _count_incomplete()),
    Question(FindingCode.REFERENCED_DOWNSTREAM, _referenced_downstream()),
    Question(FindingCode.REVERSAL_ROUTE, _invoices_named()),
    Question(FindingCode.REVERSAL_ROUTE, _vouchers_named()),
)
