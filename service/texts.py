"""Words for people, in English and Chinese, for everything that has a code."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workflows.domain.approval import Group
from workflows.domain.case import TaskAction, TaskKind
from workflows.domain.findings import FindingCode, Severity
from workflows.domain.ledger import Module, StepMode, Verb
from workflows.domain.plan import Why
from workflows.domain.request import CaseState, Intent, ReasonCode
from workflows.domain.standing import AlarmCode


class Language(StrEnum):
    EN = "en"
    ZH = "zh"


@dataclass(frozen=True)
class Words:
    en: str
    zh: str

    def in_(self, language: Language) -> str:
        return self.zh if language == Language.ZH else self.en


@dataclass(frozen=True)
class FindingWords:
    """What a check noticed, and what is to be done about it."""

    title: Words
    remedy: Words


def _finding(en: str, zh: str, remedy_en: str, remedy_zh: str) -> FindingWords:
    return FindingWords(Words(en, zh), Words(remedy_en, remedy_zh))


_F = FindingCode

FINDINGS: Mapping[FindingCode, FindingWords] = {
    _F.POLICY_UNREADABLE: _finding(
        "The approval policy, or one of its rules, cannot be read",
        "审批策略或其某条规则无法读取",
        "Correct the rule that is named and put the policy in force again.",
        "请更正所指规则并重新启用策略。",
    ),
    _F.AUDIT_IN_FLIGHT: _finding(
        "Bills are in the middle of a multi-level audit",
        "存在多级审核未完成的单据",
        "Finish the audit of the listed bills, or take it back.",
        "请完成所列单据的审核，或撤回审核。",
    ),
    _F.DOCUMENT_FROZEN: _finding(
        "Bills are frozen", "存在已冻结的单据", "Unfreeze the listed bills.", "请解冻所列单据。"
    ),
    _F.COUNT_NOT_ADJUSTED: _finding(
        "Stock counts show differences without a gain or loss bill",
        "盘点差异尚未生成盘盈盘亏单",
        "Make gain and loss bills from the listed counts and audit them.",
        "请由所列盘点单生成盘盈、盘亏单并审核。",
    ),
    _F.COUNT_INCOMPLETE: _finding(
        "Some places were never counted",
        "存在漏盘的货位",
        "Count the listed places inside the correction window.",
        "请在更正窗口内补盘所列货位。",
    ),
    _F.GAIN_LOSS_UNAUDITED: _finding(
        "Gain or loss bills are not audited",
        "盘盈盘亏单未审核",
        "Audit the listed bills, or delete them.",
        "请审核所列盘盈盘亏单，或将其删除。",
    ),
    _F.POSTED_VOUCHERS: _finding(
        "Vouchers were made from bills of the period and are posted",
        "期间内单据已生成凭证并过账",
        "After correcting a bill, take back and renew its voucher in the opened general ledger.",
        "更正单据后，请在已打开的总账中撤销并重新生成其凭证。",
    ),
    _F.POSTED_VOUCHERS_GL_CLOSED: _finding(
        "Posted vouchers belong to bills of the period, and the general ledger would stay closed",
        "相关凭证已过账，而总账仍为结账状态",
        "Open the general ledger of the period too.",
        "请将同期总账一并反结账。",
    ),
    _F.REFERENCED_DOWNSTREAM: _finding(
        "Bills are referenced by later modules",
        "单据已被下游模块引用",
        "Undo the listed references first: production, contracts, write-offs; or reverse in red (红字冲减).",
        "请先解除所列引用（生产、合同、核销等）；或以红字冲减处理。",
    ),
    _F.REVERSAL_ROUTE: _finding(
        "The document to be corrected is an invoice or a voucher",
        "更正对象为发票或凭证",
        "Do not un-close for it: reverse it in red in an open period (红字冲减); intent `reverse`.",
        "不应反结账：请在当前期间以红字冲减处理；确需在打开期间内冲减的，意图请填“冲销”。",
    ),
    _F.DOCUMENT_UNKNOWN: _finding(
        "A document of the request is not in the target period",
        "申请所列单据不在目标期间内",
        "Check the number of the document and the period asked for.",
        "请核对单据号与所申请的期间。",
    ),
    _F.MISSING_RIGHT: _finding(
        "The executing user lacks a right in the ERP",
        "执行用户缺少 ERP 权限",
        "Give the listed right to the executing user in the ERP.",
        "请在 ERP 中为执行用户授予所列权限。",
    ),
    _F.LEDGER_HELD: _finding(
        "Another case holds the ledger",
        "账套正被另一案件占用",
        "Wait until that case has ended.",
        "请等待该案件结束。",
    ),
    _F.FOREIGN_SESSIONS: _finding(
        "People are logged in to the ledger",
        "账套中有在线用户",
        "They will be warned and then logged out; ask them to save their work.",
        "系统将先提醒后强制其退出；请通知其保存工作。",
    ),
    _F.SESSION_STUCK: _finding(
        "A session cannot be ended",
        "存在无法清退的会话",
        "End the listed session at the server of the ERP.",
        "请在 ERP 服务器上结束所列会话。",
    ),
    _F.PERIOD_REOPENED_BEFORE: _finding(
        "The period was opened before",
        "该期间曾被反结账",
        "Look at the earlier case for what was missed.",
        "请查看此前案件，了解遗漏的原因。",
    ),
    _F.NEGATIVE_STOCK: _finding(
        "Stock is negative",
        "存在负库存",
        "Correct the listed stock before the period is closed again.",
        "请在重新结账前更正所列库存。",
    ),
    _F.STOCK_LEDGER_DIFFERENCE: _finding(
        "Stock value and general ledger differ",
        "存货与总账对账不平",
        "Find the difference between the stock value and its account before anything is opened.",
        "请先查清存货金额与总账科目的差异。",
    ),
    _F.TRIAL_BALANCE_OPEN: _finding(
        "The trial balance is not zero",
        "试算不平衡",
        "Find the vouchers whose debits and credits differ.",
        "请查找借贷不平的凭证。",
    ),
    _F.BLAST_RADIUS: _finding(
        "What the opening touches",
        "反结账的影响范围",
        "For information: the periods, modules and documents that are opened.",
        "供参考：将被打开的期间、模块与单据数量。",
    ),
    _F.CROSSES_FISCAL_YEAR: _finding(
        "The plan goes back across a fiscal year",
        "反结账跨会计年度",
        "The finance head decides as well, on the vendor's ticket and the acknowledgement.",
        "须凭厂商工单与确认书，并由财务负责人加签。",
    ),
    _F.PLAN_REFUSED: _finding(
        "The period cannot be opened",
        "该期间无法反结账",
        "See the reason in the evidence, and ask for a period that is closed and not locked.",
        "请查看依据中的原因，改为申请已结账且未锁定的期间。",
    ),
    _F.NO_APPROVER: _finding(
        "A level of approval holds nobody who may sign",
        "审批级中无可签署人员",
        "Put someone without another part in this case into the group.",
        "请将与本案无其他关系的人员加入该组。",
    ),
}

_S = CaseState

STATES: Mapping[CaseState, Words] = {
    _S.RECEIVED: Words("received", "已受理"),
    _S.CHECKING: Words("being checked", "检查中"),
    _S.APPROVING: Words("waiting for approval", "审批中"),
    _S.RETURNED: Words("returned to the applicant", "已退回"),
    _S.PROTECTING: Words("being backed up", "备份与演练中"),
    _S.AUTHORISING: Words("waiting for joint authorisation", "待联合授权"),
    _S.ISOLATING: Words("being isolated", "清场独占中"),
    _S.UNCLOSING: Words("being un-closed", "反结账中"),
    _S.VERIFYING_OPEN: Words("opening being verified", "打开核验中"),
    _S.CORRECTING: Words("open for correction", "更正中"),
    _S.RECLOSING: Words("being closed again", "重新结账中"),
    _S.VERIFYING_CLOSED: Words("closing being verified", "结账核验中"),
    _S.ARCHIVING: Words("being archived", "归档中"),
    _S.COMPENSATING: Words("being put back", "补偿恢复中"),
    _S.ATTENTION: Words("needs a person", "待人工处理"),
    _S.COMPLETED: Words("completed", "已完成"),
    _S.CHECKS_FAILED: Words("failed its checks", "检查未通过"),
    _S.REJECTED: Words("rejected", "已驳回"),
    _S.WITHDRAWN: Words("withdrawn", "已撤回"),
    _S.EXPIRED: Words("expired", "已过期"),
    _S.ROLLED_BACK: Words("rolled back", "已回滚"),
}

MODULES: Mapping[Module, Words] = {
    Module.GL: Words("general ledger", "总账"),
    Module.RECEIVABLE: Words("receivables", "应收款"),
    Module.PAYABLE: Words("payables", "应付款"),
    Module.INVENTORY: Words("inventory", "库存"),
    Module.COST: Words("cost", "成本"),
    Module.FIXED_ASSET: Words("fixed assets", "固定资产"),
    Module.PAYROLL: Words("payroll", "工资"),
    Module.CASH: Words("cash", "出纳"),
}

VERBS: Mapping[Verb, Words] = {
    Verb.UNCLOSE: Words("un-close", "反结账"),
    Verb.RECLOSE: Words("close again", "重新结账"),
}

FAULTS: Mapping[str, Words] = {
    "missing": Words("missing", "缺少签名"),
    "wrong": Words("wrong", "签名不符"),
    "stale": Words("stale", "时间已过期"),
    "replayed": Words("replayed", "重复使用"),
    "altered": Words("altered", "编号相同而内容不同"),
}
"""Why a delivery is refused as it comes."""

MODES: Mapping[StepMode, Words] = {
    StepMode.AUTOMATIC: Words("automatic", "自动"),
    StepMode.GUIDED: Words("guided", "人工引导"),
}

WHYS: Mapping[Why, Words] = {
    Why.REQUESTED: Words("asked for", "申请所需"),
    Why.LATER_PERIOD: Words("a later period must be open first", "须先打开较晚的期间"),
    Why.CLOSES_AFTER: Words("closes after a module that was asked for", "结账顺序在所申请模块之后"),
    Why.CLOSE_AGAIN: Words("was opened and is closed again", "恢复结账"),
}

SEVERITIES: Mapping[Severity, Words] = {
    Severity.BLOCKER: Words("blocker", "阻断"),
    Severity.WARNING: Words("warning", "警告"),
    Severity.INFO: Words("for information", "提示"),
}

GROUPS: Mapping[Group, Words] = {
    Group.APPLICANT: Words("applicants", "申请人"),
    Group.WAREHOUSE: Words("warehouse", "仓储部"),
    Group.FINANCE: Words("finance", "财务部"),
    Group.IT: Words("IT", "信息部"),
    Group.ERP_ADMIN: Words("ERP administrators", "ERP 管理员"),
    Group.FINANCE_HEAD: Words("finance head", "财务负责人"),
    Group.AUDITOR: Words("auditors", "审计"),
    Group.OPERATOR: Words("operators", "运维"),
    Group.ADMIN: Words("administrators", "系统管理员"),
}

TASK_KINDS: Mapping[TaskKind, Words] = {
    TaskKind.APPROVAL: Words("Approve or reject", "审批"),
    TaskKind.AUTHORISATION: Words("Release the execution jointly", "联合授权"),
    TaskKind.GUIDED_STEP: Words("Act in the ERP", "在 ERP 中操作"),
    TaskKind.CORRECTION: Words("Make the corrections", "进行更正"),
    TaskKind.ATTENTION: Words("Decide how to go on", "决定如何继续"),
    TaskKind.FINDING: Words("Put a finding right", "处理检查项"),
}

_A = AlarmCode

ALARMS: Mapping[AlarmCode, FindingWords] = {
    _A.ROOT_CAUSE_UNNAMED: _finding(
        "A case has ended and nobody has said why it was needed",
        "案件已办结，但尚未填写根本原因",
        "Name the root cause: PUT /api/v1/requests/{id}/root-cause.",
        "请填写根本原因：PUT /api/v1/requests/{id}/root-cause。",
    ),
    _A.POINTER_MOVED_BACK: _finding(
        "A module's current period was moved back, and no case did it",
        "模块当前期间被回退，且不属于任何案件",
        "Find out who un-closed it and how; compare the ERP's log. Have it closed again, and ask for a case.",
        "请查明何人以何方式反结账并核对 ERP 日志；重新结账后按流程提交申请。",
    ),
    _A.POINTER_MOVED_AND_RETURNED: _finding(
        "A module's current period was moved and put back between two looks, and no case did it",
        "模块当前期间在两次检查之间被移动并恢复，且不属于任何案件",
        "Find out what was changed meanwhile; compare documents and balances with the last snapshot.",
        "请查明期间内改动了什么，并与最近一次快照比对单据与余额。",
    ),
    _A.LOCK_REMOVED: _finding(
        "The lock of a closed period is gone",
        "已结账期间的锁定标记消失",
        "Find out who lifted it and why; put it back unless it was meant.",
        "请查明何人因何解除；如非有意，请恢复锁定。",
    ),
    _A.CLOSED_BALANCES_CHANGED: _finding(
        "Balances of a closed period are not what they were, and no case changed them",
        "已结账期间的余额发生变化，且不属于任何案件",
        "Compare the period with the last snapshot; find out who wrote into the database.",
        "请与最近一次快照比对该期间，并查明何人写入数据库。",
    ),
    _A.CLOSED_DOCUMENTS_CHANGED: _finding(
        "Documents of a closed period are not what they were, and no case changed them",
        "已结账期间的单据发生变化，且不属于任何案件",
        "Compare the period with the last snapshot; find out who wrote into the database.",
        "请与最近一次快照比对该期间，并查明何人写入数据库。",
    ),
    _A.LEASE_ORPHANED: _finding(
        "A ledger is held by a case that does not run any more",
        "账套被已不在运行的案件占用",
        "Bring the ledger to a safe state, then free the lease at POST /ledgers/{code}/lease/release.",
        "请先使账套恢复安全状态，再通过 POST /ledgers/{code}/lease/release 释放占用。",
    ),
    _A.PREVENTION_DUE: _finding(
        "Before this month's end, look after what has made an un-close necessary before",
        "月底前请检查曾导致反结账的成因",
        "Do what the facts name as prevention, and close with what you found.",
        "请按所列预防措施检查，并在关闭时填写检查结果。",
    ),
    _A.DELIVERY_DEAD: _finding(
        "A delivery was given up: what it says has not arrived",
        "有推送或消息已放弃投递，内容未送达",
        "Read why in GET /deliveries?state=dead, put it right, then POST /deliveries/{id}/replay for each.",
        "请在 GET /deliveries?state=dead 查看原因并排除，再对各条执行 POST /deliveries/{id}/replay。",
    ),
    _A.JOB_FAILING: _finding(
        "Periodic work has failed three times in a row",
        "定期任务连续三次失败",
        "Read why in GET /schedules/{name}; what it guards is not guarded meanwhile.",
        "请在 GET /schedules/{name} 查看原因；其间该项检查处于失效状态。",
    ),
}

TASK_ACTIONS: Mapping[TaskAction, Words] = {
    TaskAction.APPROVE: Words("approve", "同意"),
    TaskAction.REJECT: Words("reject", "驳回"),
    TaskAction.RETURN: Words("return", "退回"),
    TaskAction.TRANSFER: Words("transfer", "转交"),
    TaskAction.ADD_SIGN: Words("add a sign", "加签"),
    TaskAction.COMMENT: Words("comment", "留言"),
    TaskAction.AUTHORISE: Words("authorise", "授权"),
    TaskAction.FINISH: Words("corrections are done", "更正完成"),
    TaskAction.EXPLAIN: Words("explain", "说明"),
    TaskAction.DONE: Words("it is done", "已完成"),
    TaskAction.RETRY: Words("try again", "重试"),
    TaskAction.SKIP: Words("go on all the same", "跳过"),
    TaskAction.CLOSE: Words("close", "关闭"),
    TaskAction.ROLL_BACK: Words("roll back to point B", "回滚至回退点"),
}

REASONS: Mapping[ReasonCode, Words] = {
    ReasonCode.ENTRY_ERROR: Words("entry error", "录入错误"),
    ReasonCode.MISSED_DOCUMENT: Words("missed document", "漏录单据"),
    ReasonCode.FINANCE_ADJUSTMENT: Words("finance adjustment", "财务调整"),
    ReasonCode.STOCKTAKE_OMISSION: Words("omission in the stock count", "盘点遗漏"),
    ReasonCode.STOCKTAKE_ERROR: Words("error in the stock count", "盘点错误"),
    ReasonCode.DELETED_DOCUMENT: Words("deleted document", "误删单据"),
    ReasonCode.SYSTEM_UPGRADE: Words("system upgrade", "系统升级"),
    ReasonCode.DATA_ANOMALY: Words("data anomaly", "数据异常"),
}

INTENTS: Mapping[Intent, Words] = {
    Intent.CORRECT: Words("correct", "更正"),
    Intent.DELETE: Words("delete", "删除"),
    Intent.ADD: Words("add", "补录"),
    Intent.AUDIT: Words("audit", "审核"),
    Intent.REVERSE: Words("reverse", "冲销"),
}


PARTS: Mapping[str, Words] = {
    "plan": Words("plan", "计划"),
    "evidence": Words("evidence", "证据"),
    "difference": Words("difference report", "差异报告"),
    "package": Words("evidence package", "证据包"),
}
"""Parts of a case that may not be there yet."""

RIGHTS: Mapping[str, Words] = {
    "write": Words("write", "录入"),
    "correct_reopened_period": Words("correct in a reopened period", "更正已打开期间"),
    "audit": Words("audit", "审核"),
    "lock": Words("lock", "锁定"),
    "unclose": Words("un-close", "反结账"),
}
"""Rights in an ERP by the names that our own demo ledger gives them."""


MISSING: Mapping[str, Words] = {
    **{str(group): words for group, words in GROUPS.items()},
    "vendor_ticket": Words("vendor ticket", "厂商工单"),
    "acknowledgement": Words("acknowledgement", "确认书"),
    "vendor_ticket and acknowledgement": Words("vendor ticket and acknowledgement", "厂商工单与确认书"),
}
"""What a consent still lacks: another group, or a field of the request."""


INELIGIBLE: Mapping[str, Words] = {
    said: Words(said, zh)
    for said, zh in (
        ("has another part in this case", "其在本案中另有角色"),
        ("has signed this case already", "其已在本案中签署"),
        ("is asked already", "其已在被征询之列"),
        ("belongs to none of ", "其不属于："),
        ("is needed for level ", "其须留待审批级："),
        ("nobody stands in for others here", "此处不得代理他人"),
    )
}
"""How a reason begins why somebody cannot be asked; groups or a level may follow."""


TARGETS: Mapping[str, Words] = {
    said: Words(said, zh)
    for said, zh in (
        ("it cannot be read as one", "无法识别为网址"),
        ("it does not begin with https://", "未以 https:// 开头"),
        ("it carries a password or a fragment", "其中含有用户名、密码或片段标识"),
        ("it leads to an internal network", "该地址属于或指向内部网络"),
    )
}
"""Why events are not posted to an address."""


def word(table: Mapping[Any, Words], code: str, language: Language) -> str:
    """The word for a code, or the code itself where none is known."""
    words = {str(key): words for key, words in table.items()}.get(code)
    return words.in_(language) if words else code
