"""Modules, reasons, intents and flags as people write them: many words for one code, vague ones refused."""

import re
from collections.abc import Iterable, Mapping

from service.jiandaoyun.complaints import Field, refuse
from service.jiandaoyun.phrases import even, without_act
from workflows.domain.ledger import Module
from workflows.domain.request import Intent, ReasonCode

_MODULES: Mapping[Module, str] = {
    Module.GL: "总账 总帐 账务 帐务 账务处理 财务总账 总账会计 gl generalledger",
    Module.RECEIVABLE: "应收 应收款 应收账款 应收帐款 ar receivable",
    Module.PAYABLE: "应付 应付款 应付账款 应付帐款 ap payable",
    Module.INVENTORY: "库存 进销存 存货 仓存 仓库 仓储 供应链 物流 出入库 inventory",
    Module.COST: "存货核算 成本 成本核算 核算 cost",
    Module.FIXED_ASSET: "固定资产 固资 资产 fixedasset fixed_asset",
    Module.PAYROLL: "工资 薪资 薪酬 人资薪酬 payroll",
    Module.CASH: "出纳 现金 资金 银行 现金银行 cash",
}
_BY_WORD = {word: module for module, words in _MODULES.items() for word in words.split()}
_VAGUE: Mapping[str, tuple[str, str]] = {
    "往来": ("receivable or payable", "应收或应付"),
    "财务": ("gl, receivable or payable", "总账、应收或应付"),
    "业务": ("inventory or cost", "库存或存货核算"),
    "全部": ("each module by name", "逐一写明模块"),
    "所有": ("each module by name", "逐一写明模块"),
    "erp": ("each module by name", "逐一写明模块"),
}
_TAIL = re.compile(r"(管理|子系统|系统|模块|业务)+$")
_BETWEEN = re.compile(r"[、,;/|+&\n]|以及|和|与|及")


def read_modules(said: Iterable[str]) -> tuple[Module, ...]:
    """The modules that the words name, each once. Empty entries say nothing.

    Raises:
        Unread: a word is no module, or could be several.
    """
    words = [word for text in said for word in _BETWEEN.split(even(text)) if word]
    return tuple(dict.fromkeys(_module(word) for word in words))


def _module(word: str) -> Module:
    for name in _shorter(without_act(word)):
        if name in _BY_WORD:
            return _BY_WORD[name]
        if name in _VAGUE:
            en, zh = _VAGUE[name]
            raise refuse(
                Field.MODULES,
                word,
                f"This could be several modules. Write {en}.",
                f"含义不唯一，请写明：{zh}。",
            )
    raise refuse(
        Field.MODULES,
        word,
        "There is no such module. Write 总账, 应收, 应付, 库存, 存货核算, 固定资产, 工资 or 出纳, "
        "several of them with a comma, semicolon, slash or 、 in between.",
        "没有此模块，请填写：总账、应收、应付、库存、存货核算、固定资产、工资、出纳；"
        "多个模块以顿号、逗号、分号或斜杠分隔。",
    )


def _shorter(word: str) -> tuple[str, ...]:
    """The word, and without what people add to names of modules: 应收款管理系统 is 应收款."""
    return (word, _TAIL.sub("", word) or word)


_REASONS: tuple[tuple[ReasonCode, str], ...] = (
    (ReasonCode.STOCKTAKE_ERROR, r"盘点.{0,4}(错|误|差异|不符)|错盘|盘错|盘点数.{0,3}(错|误)"),
    (ReasonCode.STOCKTAKE_OMISSION, r"盘点.{0,6}(遗漏|漏|少)|漏盘|未盘"),
    (ReasonCode.DELETED_DOCUMENT, r"(误|错)删|删.{0,4}单|单.{0,4}被删"),
    (ReasonCode.SYSTEM_UPGRADE, r"升级|打补丁|版本更新"),
    (ReasonCode.DATA_ANOMALY, r"数据.{0,4}(异常|错乱|不一致)|异常|对不上|不平"),
    (ReasonCode.FINANCE_ADJUSTMENT, r"(财务|账务|审计).{0,4}调|调账|调帐|调整"),
    (ReasonCode.MISSED_DOCUMENT, r"漏单|漏录|漏记|补录|补单|遗漏|未录"),
    (
        ReasonCode.ENTRY_ERROR,
        r"(录|输|填|写|记|选|开)错|误录|错录|(录入|填写|输入|数量|单价|金额|日期).{0,4}(错|误)|录入有误",
    ),
)
"""What is said more closely stands before what is said more widely."""


def read_reason_code(said: str) -> ReasonCode:
    """The kind of reason that the words speak of. Raises Unread."""
    text = even(said)
    if text in set(ReasonCode):
        return ReasonCode(text)
    for code, words in _REASONS:
        if re.search(words, text):
            return code
    raise refuse(
        Field.REASON_CODE,
        said,
        "The kind of reason is not recognised. Name one: 录入错误, 漏录单据, 财务调整, 盘点遗漏, 盘点错误, "
        "误删单据, 系统升级, 数据异常.",
        "未能识别原因类别，请写明其一：录入错误、漏录单据、财务调整、盘点遗漏、盘点错误、误删单据、系统升级、数据异常。",
    )


_INTENTS: tuple[tuple[Intent, str], ...] = (
    (Intent.REVERSE, r"红冲|红字|冲销|冲减|冲回|reverse"),
    (Intent.DELETE, r"删|作废|delete"),
    (Intent.ADD, r"补|新增|增加|add"),
    (Intent.AUDIT, r"审|audit"),
    (Intent.CORRECT, r"更正|修改|改|调整|correct"),
)


def read_intent(said: str, otherwise: Intent) -> Intent:
    """What is to happen to a document; what the form stands for if nothing is said. Raises Unread."""
    text = even(said)
    if not text:
        return otherwise
    for intent, words in _INTENTS:
        if re.search(words, text):
            return intent
    raise refuse(
        Field.SCOPE,
        said,
        "It is not clear what is to happen to the document. Write 更正, 删除, 补录, 审核 or 冲销.",
        "未能识别单据的处理方式，请填写：更正、删除、补录、审核或冲销。",
    )


_YES = {"是", "有", "对", "需要", "紧急", "特急", "加急", "急", "yes", "true", "y", "1"}
_NO = {"否", "无", "不", "不需要", "不紧急", "一般", "普通", "正常", "常规", "no", "false", "n", "0"}


def read_flag(field: Field, said: str) -> bool:
    """Whether the words say yes; nothing said is no. Raises Unread."""
    text = even(said)
    if not text or text in _NO:
        return False
    if text in _YES:
        return True
    raise refuse(field, said, "Write 是 or 否, 紧急 or 一般.", "请填写“是”或“否”（“紧急”或“一般”）。")
