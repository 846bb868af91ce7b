"""Checks on documents: audits under way, counts without bills, and what the request wants to change."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, literal, select, union

from activities.demo_erp import tables
from activities.demo_erp.evidence import Look, gather
from activities.demo_erp.kinds import GAIN_OR_LOSS, INVOICES, Status
from workflows.domain.findings import EvidenceRow, Finding, FindingCode
from workflows.domain.ledger import Module
from workflows.domain.request import Intent

_document, _voucher = tables.document, tables.voucher
_sheet, _counted = tables.count_sheet, tables.count_line


def audit_in_flight(look: Look) -> Iterator[Finding]:
    """Multi-level audits that have begun and not finished (R20)."""
    d = _document.c
    query = select(d.module, d.period, d.number.label("what"), d.kind, d.audit_level, d.audit_levels)
    in_flight = d.status == Status.IN_AUDIT
    yield from gather(
        look, FindingCode.AUDIT_IN_FLIGHT, query.where(in_flight, look.opened(d.module, d.period))
    )


def document_frozen(look: Look) -> Iterator[Finding]:
    d = _document.c
    query = select(d.module, d.period, d.number.label("what"), d.kind)
    frozen = d.status == Status.FROZEN
    yield from gather(look, FindingCode.DOCUMENT_FROZEN, query.where(frozen, look.opened(d.module, d.period)))


def gain_loss_unaudited(look: Look) -> Iterator[Finding]:
    """Bills for stock gained or lost that nobody has audited (R27)."""
    d = _document.c
    query = select(d.module, d.period, d.number.label("what"), d.kind, d.warehouse)
    waiting = (d.status == Status.DRAFT) & d.kind.in_(GAIN_OR_LOSS)
    yield from gather(
        look, FindingCode.GAIN_LOSS_UNAUDITED, query.where(waiting, look.opened(d.module, d.period))
    )


def count_not_adjusted(look: Look) -> Iterator[Finding]:
    """Counted differences that never became a gain or loss bill (R27, R95)."""
    different = (_counted.c.counted_qty != _counted.c.book_qty) & _counted.c.bill.is_(None)
    yield from _counts(look, FindingCode.COUNT_NOT_ADJUSTED, different)


def count_incomplete(look: Look) -> Iterator[Finding]:
    """Bins on a count sheet that nobody counted (R11, R95)."""
    yield from _counts(look, FindingCode.COUNT_INCOMPLETE, _counted.c.counted_qty.is_(None))


def _counts(look: Look, code: FindingCode, condition: ColumnElement[bool]) -> Iterator[Finding]:
    s, c = _sheet.c, _counted.c
    query = (
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
        .where(condition, look.within(Module.INVENTORY, s.period))
    )
    yield from gather(look, code, query)


# --------------------------------------------------------------------------- what the request names


def referenced_downstream(look: Look) -> Iterator[Finding]:
    """Documents to be changed on which later business has been built (R21, R24)."""
    d, r = _document.c, tables.document_reference.c
    query = (
        select(d.module, d.period, (d.number + " ← " + r.by).label("what"), r.kind)
        .join_from(_document, tables.document_reference, r.document == d.number)
        .where(d.number.in_(_named(look)))
    )
    yield from gather(look, FindingCode.REFERENCED_DOWNSTREAM, query)


def reversal_route(look: Look) -> Iterator[Finding]:
    """Invoices and vouchers are reversed in red, not taken back by un-closing (R23, R25)."""
    d, v = _document.c, _voucher.c
    invoices = select(d.module, d.period, d.number.label("what"), d.kind).where(
        d.number.in_(_named(look)), d.kind.in_(INVOICES)
    )
    vouchers = select(
        literal(Module.GL.value).label("module"),
        v.period,
        v.number.label("what"),
        literal("voucher").label("kind"),
    ).where(v.number.in_(_named(look)))
    yield from gather(look, FindingCode.REVERSAL_ROUTE, invoices)
    yield from gather(look, FindingCode.REVERSAL_ROUTE, vouchers)


def document_unknown(look: Look) -> Iterator[Finding]:
    """Documents to be changed that are not in the target period."""
    target, named = look.book.index(look.scope.target), _named(look)
    there = union(
        *(
            select(table.c.number).where(table.c.number.in_(named), table.c.period == target)
            for table in (_document, _voucher, _sheet)
        )
    )
    missing = sorted(set(named) - set(look.db.scalars(there))) if named else []
    if missing:
        rows = tuple(EvidenceRow(number, (("period", str(look.scope.target)),)) for number in missing)
        yield Finding(FindingCode.DOCUMENT_UNKNOWN, len(missing), rows, period=look.scope.target)


def _named(look: Look) -> tuple[str, ...]:
    """The documents that must be there to be changed; what is to be added cannot be."""
    return tuple(sorted({item.document for item in look.scope.documents if item.intent != Intent.ADD}))
