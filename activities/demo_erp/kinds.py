"""The kinds of documents: which module they belong to, what they do to stock, and how they are booked."""

from dataclasses import dataclass
from enum import StrEnum

from workflows.domain.ledger import Module

INVENTORY_ACCOUNT = "1405"
RECEIVABLE_ACCOUNT = "1122"
PAYABLE_ACCOUNT = "2202"
PROFIT_ACCOUNT = "4103"

ACCOUNTS: tuple[tuple[str, str], ...] = (
    ("1002", "银行存款"),
    ("1122", "应收账款"),
    ("1405", "库存商品"),
    ("1901", "待处理财产损溢"),
    ("2202", "应付账款"),
    ("2203", "应付暂估款"),
    ("4001", "实收资本"),
    ("4103", "本年利润"),
    ("6001", "主营业务收入"),
    ("6401", "主营业务成本"),
    ("6602", "管理费用"),
    ("6701", "坏账损失"),
)

PROFIT_AND_LOSS_FROM = "6"
"""Accounts from here on are carried forward to profit when the general ledger closes."""


class Effect(StrEnum):
    """What a document does to stock."""

    NONE = "none"
    IN_AT_PRICE = "in_at_price"
    """Comes in at the price on its lines."""
    IN_AT_COST = "in_at_cost"
    """Comes in at the cost that the stock has already."""
    OUT = "out"
    TRANSFER = "transfer"


@dataclass(frozen=True)
class Kind:
    """One kind of document."""

    name: str
    prefix: str
    module: Module
    effect: Effect
    debit: str
    credit: str
    title: str


_STOCK, _IN, _OUT = Module.INVENTORY, Module.RECEIVABLE, Module.PAYABLE

KINDS: tuple[Kind, ...] = (
    Kind("purchase_receipt", "IN", _STOCK, Effect.IN_AT_PRICE, "1405", "2203", "外购入库"),
    Kind("sales_issue", "OUT", _STOCK, Effect.OUT, "6401", "1405", "销售出库"),
    Kind("sales_return", "RET", _STOCK, Effect.IN_AT_COST, "1405", "6401", "销售退货"),
    Kind("transfer", "TR", _STOCK, Effect.TRANSFER, "1405", "1405", "仓库调拨"),
    Kind("stock_gain", "GAIN", _STOCK, Effect.IN_AT_COST, "1405", "1901", "盘盈入库"),
    Kind("stock_loss", "LOSS", _STOCK, Effect.OUT, "1901", "1405", "盘亏毁损"),
    Kind("sales_invoice", "SI", _IN, Effect.NONE, "1122", "6001", "销售发票"),
    Kind("receipt", "RC", _IN, Effect.NONE, "1002", "1122", "收款单"),
    Kind("bad_debt", "BD", _IN, Effect.NONE, "1122", "6701", "坏账调整"),
    Kind("purchase_invoice", "PI", _OUT, Effect.NONE, "2203", "2202", "采购发票"),
    Kind("payment", "PY", _OUT, Effect.NONE, "2202", "1002", "付款单"),
)

KIND = {kind.name: kind for kind in KINDS}
PREFIX = {kind.prefix: kind for kind in KINDS}

INVOICES = ("sales_invoice", "purchase_invoice")
SETTLEMENTS = ("receipt", "payment")
GAIN_OR_LOSS = ("stock_gain", "stock_loss")


class Status(StrEnum):
    """How far a document has come."""

    DRAFT = "draft"
    IN_AUDIT = "in_audit"
    """Some levels of its multi-level audit have signed, some have not."""
    AUDITED = "audited"
    FROZEN = "frozen"


UNFINISHED = (Status.DRAFT, Status.IN_AUDIT)
"""A period with such documents cannot be closed."""
