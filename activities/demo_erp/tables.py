"""The schema of the demo ledger: documents, balances, vouchers, and the marks that govern who may do what.

Amounts are whole cents, quantities whole hundredths, prices and unit costs whole millionths, so that sums are
exact and computing twice gives the same bytes on every database. A period is its position on the endless
line of `FiscalCalendar.index`, so that "the next one" is plus one in SQL as well. Keys are the numbers that
people know: document, voucher, item, warehouse and account codes.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

from workflows.domain.ledger import Module

metadata = MetaData()

# --------------------------------------------------------------------------- the ledger and its rules

ledger = Table(
    "ledger",
    metadata,
    Column("code", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("periods_per_year", Integer, nullable=False),
    Column("first_month", Integer, nullable=False),
)

module_state = Table(
    "module_state",
    metadata,
    Column("module", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("current", Integer, nullable=False),
    Column("moves", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
)
"""One pointer per module. `moves` counts its movements, `fence` is the one it was last moved under."""

module_edge = Table(
    "module_edge",
    metadata,
    Column("earlier", ForeignKey("module_state.module"), primary_key=True),
    Column("later", ForeignKey("module_state.module"), primary_key=True),
)
"""Every pair that must close in this order, those that follow from two others included."""

module_lock = Table(
    "module_lock",
    metadata,
    Column("module", ForeignKey("module_state.module"), primary_key=True),
    Column("period", Integer, primary_key=True),
    Column("person", String, nullable=False),
)

closing = Table(
    "closing",
    metadata,
    Column("module", ForeignKey("module_state.module"), primary_key=True),
    Column("period", Integer, primary_key=True),
)
"""The balances of this period are complete. Set before the pointer moves on, lifted before it moves back."""

# --------------------------------------------------------------------------- who is here, who may what

holding = Table(
    "holding",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("fence_seen", Integer, nullable=False),
    Column("held_fence", Integer),
    Column("held_until", String),
    Column("reason", String, nullable=False),
)
"""One row: the highest fence ever seen, the one that holds the ledger now, if any, and its lease."""

named_person = Table("named_person", metadata, Column("person", String, primary_key=True))
"""While the ledger is held, these persons may write. None named means it is held exclusively."""

session = Table(
    "session",
    metadata,
    Column("id", String, primary_key=True),
    Column("person", String, nullable=False),
    Column("since", String, nullable=False),
    Column("doing", String, nullable=False),
)

notice = Table(
    "notice",
    metadata,
    Column("session", String, primary_key=True),
    Column("fence", Integer, nullable=False),
    Column("until", String, nullable=False),
    Column("reason", String, nullable=False),
)
"""Who has been told to leave, by when, and why."""

entitlement = Table(
    "entitlement",
    metadata,
    Column("person", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("until", String),
)

journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("act", String, nullable=False),
    Column("module", String, nullable=False),
    Column("period", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("person", String, nullable=False),
    Column("at", String, nullable=False),
)
"""Acts on pointers, each written in the transaction that did it."""

change_log = Table(
    "change_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("document", String, nullable=False),
    Column("action", String, nullable=False),
    Column("module", String, nullable=False),
    Column("period", Integer, nullable=False),
    Column("person", String, nullable=False),
    Column("at", String, nullable=False),
    Column("note", String, nullable=False),
    Column("fields", String, nullable=False),
    Column("reverses", String, nullable=False),
)
"""What people did to documents, oldest first. `fields` is JSON: line, name, before, after of each."""

done_key = Table(
    "done_key",
    metadata,
    Column("key", String, primary_key=True),
    Column("at", String, nullable=False),
    Column("result", String, nullable=False),
    Index("ix_done_key_at", "at"),
)
"""Keys under which acts were done, each written with its act, and what the act has made."""

fault = Table(
    "fault",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)

# --------------------------------------------------------------------------- master data and documents

item = Table(
    "item",
    metadata,
    Column("code", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("unit", String, nullable=False),
)

warehouse = Table(
    "warehouse", metadata, Column("code", String, primary_key=True), Column("name", String, nullable=False)
)

partner = Table(
    "partner", metadata, Column("code", String, primary_key=True), Column("name", String, nullable=False)
)
"""Customers and suppliers."""

account = Table(
    "account", metadata, Column("code", String, primary_key=True), Column("name", String, nullable=False)
)

document = Table(
    "document",
    metadata,
    Column("number", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("module", ForeignKey("module_state.module"), nullable=False),
    Column("period", Integer, nullable=False),
    Column("day", String, nullable=False),
    Column("warehouse", ForeignKey("warehouse.code")),
    Column("to_warehouse", ForeignKey("warehouse.code")),
    Column("partner", ForeignKey("partner.code")),
    Column("amount", BigInteger, nullable=False),
    Column("status", String, nullable=False),
    Column("audit_level", Integer, nullable=False),
    Column("audit_levels", Integer, nullable=False),
    Column("maker", String, nullable=False),
    Column("note", String, nullable=False),
    Index("document_in_order", "period", "module", "day", "number"),
    Index("document_unsettled", "status", "period"),
)

document_line = Table(
    "document_line",
    metadata,
    Column("document", ForeignKey("document.number"), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("item", ForeignKey("item.code")),
    Column("qty", BigInteger, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("note", String, nullable=False),
)
"""A line without an item is a service, a fee, a discount."""

document_reference = Table(
    "document_reference",
    metadata,
    Column("document", ForeignKey("document.number"), primary_key=True),
    Column("by", String, primary_key=True),
    Column("kind", String, nullable=False),
)
"""What later business has been built on a document: `settlement`, `contract`, `production`."""

count_sheet = Table(
    "count_sheet",
    metadata,
    Column("number", String, primary_key=True),
    Column("period", Integer, nullable=False, index=True),
    Column("day", String, nullable=False),
    Column("warehouse", ForeignKey("warehouse.code"), nullable=False),
    Column("person", String, nullable=False),
)

count_line = Table(
    "count_line",
    metadata,
    Column("sheet", ForeignKey("count_sheet.number"), primary_key=True),
    Column("bin", String, primary_key=True),
    Column("item", ForeignKey("item.code"), nullable=False),
    Column("book_qty", BigInteger, nullable=False),
    Column("counted_qty", BigInteger),
    Column("bill", ForeignKey("document.number")),
)
"""A bin on a stock count, not counted while `counted_qty` is empty. `bill` booked its difference."""

# --------------------------------------------------------------------------- vouchers

voucher = Table(
    "voucher",
    metadata,
    Column("number", String, primary_key=True),
    Column("period", Integer, nullable=False),
    Column("source", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("posted", Integer, nullable=False),
    Column("note", String, nullable=False),
    Index("voucher_of_period", "period", "source"),
)
"""`source` is the module whose closing made it, or `manual`; `kind` the kind of documents it sums up."""

voucher_entry = Table(
    "voucher_entry",
    metadata,
    Column("voucher", ForeignKey("voucher.number"), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("account", ForeignKey("account.code"), nullable=False),
    Column("debit", BigInteger, nullable=False),
    Column("credit", BigInteger, nullable=False),
)

# --------------------------------------------------------------------------- what closing computes

inventory_balance = Table(
    "inventory_balance",
    metadata,
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("warehouse", String, primary_key=True),
    Column("item", String, primary_key=True),
    Column("open_qty", BigInteger, nullable=False),
    Column("open_amount", BigInteger, nullable=False),
    Column("in_qty", BigInteger, nullable=False),
    Column("in_amount", BigInteger, nullable=False),
    Column("out_qty", BigInteger, nullable=False),
    Column("out_amount", BigInteger, nullable=False),
    Column("close_qty", BigInteger, nullable=False),
    Column("close_amount", BigInteger, nullable=False),
    Column("unit_cost", BigInteger, nullable=False),
)

stock_total = Table(
    "stock_total",
    metadata,
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("kind", String, primary_key=True),
    Column("amount", BigInteger, nullable=False),
)
"""Value moved by each kind of stock document: what the vouchers of the cost module are made from."""

cost_balance = Table(
    "cost_balance",
    metadata,
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("item", String, primary_key=True),
    Column("open_amount", BigInteger, nullable=False),
    Column("in_amount", BigInteger, nullable=False),
    Column("out_amount", BigInteger, nullable=False),
    Column("close_qty", BigInteger, nullable=False),
    Column("close_amount", BigInteger, nullable=False),
    Column("unit_cost", BigInteger, nullable=False),
)


def _running(name: str, key: str) -> Table:
    """A balance of debits and credits, opening to closing, debit side positive."""
    return Table(
        name,
        metadata,
        Column("period", Integer, primary_key=True, autoincrement=False),
        Column(key, String, primary_key=True),
        Column("open_amount", BigInteger, nullable=False),
        Column("debit", BigInteger, nullable=False),
        Column("credit", BigInteger, nullable=False),
        Column("close_amount", BigInteger, nullable=False),
    )


receivable_balance = _running("receivable_balance", "partner")
payable_balance = _running("payable_balance", "partner")
gl_balance = _running("gl_balance", "account")

COMPUTED: tuple[tuple[Module, tuple[Table, ...]], ...] = (
    (Module.INVENTORY, (inventory_balance, stock_total)),
    (Module.COST, (cost_balance,)),
    (Module.RECEIVABLE, (receivable_balance,)),
    (Module.PAYABLE, (payable_balance,)),
    (Module.GL, (gl_balance,)),
)
"""What the closing of each module computes, its balances first."""
