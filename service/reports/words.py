"""Words of the report for codes that only it shows."""

from collections.abc import Mapping

from service.texts import Words
from workflows.domain.case import EventKind

ANSWERS: Mapping[str, Words] = {
    "approve": Words("approved", "同意"),
    "reject": Words("rejected", "驳回"),
    "return": Words("returned", "退回"),
    "retry": Words("try again", "重试"),
    "roll_back": Words("roll back to point B", "回滚至回退点"),
    "skip": Words("skip", "跳过"),
}

RISKS: Mapping[str, Words] = {
    "low": Words("low", "低"),
    "medium": Words("medium", "中"),
    "high": Words("high", "高"),
}

POINTS: Mapping[str, Words] = {
    "A": Words("backup A (rehearsal)", "备份 A（演练）"),
    "B": Words("backup B (point of return)", "备份 B（回退点）"),
}

MOMENTS: Mapping[str, Words] = {
    "before": Words("before", "执行前"),
    "verified_open": Words("verified open", "核验打开"),
    "verified_closed": Words("verified closed", "核验结账"),
    "compensated": Words("put back", "补偿恢复后"),
    "rolled_back": Words("rolled back", "回滚后"),
}

ACTIONS: Mapping[str, Words] = {
    "added": Words("added", "新增"),
    "changed": Words("changed", "修改"),
    "deleted": Words("deleted", "删除"),
    "gone": Words("gone", "消失"),
}

MODES: Mapping[str, Words] = {
    "all": Words("all sign", "会签"),
    "any": Words("one signs", "或签"),
    "sequence": Words("one after the other", "依次审批"),
}

PHASES: Mapping[str, Words] = {
    "plan": Words("Un-close", "反结账"),
    "plan_reclose": Words("Close again", "重新结账"),
    "plan_compensate": Words("Put back", "补偿恢复"),
}

EVENTS: Mapping[EventKind, Words] = {
    EventKind.RECEIVED: Words("received", "受理"),
    EventKind.STATE_CHANGED: Words("state changed", "状态变更"),
    EventKind.PLAN_MADE: Words("plan made", "形成计划"),
    EventKind.ASKED: Words("asked", "征询"),
    EventKind.DECIDED: Words("decided", "审批"),
    EventKind.DECISIONS_VOID: Words("decisions void", "意见作废"),
    EventKind.CONFIRMED: Words("confirmed", "授权确认"),
    EventKind.CONFIRMATION_LAPSED: Words("confirmation lapsed", "授权失效"),
    EventKind.TRANSFERRED: Words("transferred", "转交"),
    EventKind.SIGN_ADDED: Words("sign added", "加签"),
    EventKind.COMMENTED: Words("commented", "留言"),
    EventKind.REMINDED: Words("reminded", "催办"),
    EventKind.ESCALATED: Words("escalated", "升级"),
    EventKind.BACKED_UP: Words("backed up", "备份"),
    EventKind.REHEARSED: Words("rehearsed", "演练"),
    EventKind.WAITING_FOR_LEDGER: Words("waiting for ledger", "等待账套"),
    EventKind.LEASE_TAKEN: Words("ledger taken", "占用账套"),
    EventKind.LEASE_RELEASED: Words("ledger let go", "解除占用"),
    EventKind.ISOLATED: Words("isolated", "清场独占"),
    EventKind.STEP_DONE: Words("step done", "步骤完成"),
    EventKind.STEP_FAILED: Words("step failed", "步骤失败"),
    EventKind.INSTRUCTED: Words("instructed", "下达指引"),
    EventKind.STEP_REPORTED: Words("step reported", "报告完成"),
    EventKind.PROVEN: Words("proven", "余额证明"),
    EventKind.WINDOW_OPENED: Words("window opened", "窗口开启"),
    EventKind.WINDOW_CLOSED: Words("window closed", "窗口关闭"),
    EventKind.EXTENSION_ASKED: Words("extension asked for", "申请延长"),
    EventKind.EXTENSION_DECIDED: Words("extension decided", "延长审批"),
    EventKind.EXTENSION_LAPSED: Words("extension lapsed", "延长未生效"),
    EventKind.WINDOW_EXTENDED: Words("window extended", "窗口延长"),
    EventKind.CHANGES_READ: Words("changes read", "读取变更"),
    EventKind.EXPLAINED: Words("explained", "说明"),
    EventKind.EXPLANATION_CONFIRMED: Words("explanation confirmed", "说明已确认"),
    EventKind.EXPLANATION_RETURNED: Words("explanation returned", "说明被退回"),
    EventKind.COMPARED: Words("compared", "比对"),
    EventKind.NOT_COMPARED: Words("not compared", "未能比对"),
    EventKind.RELEASED: Words("released", "释放"),
    EventKind.RESTORED: Words("restored", "恢复"),
    EventKind.ATTENTION_NEEDED: Words("attention needed", "需人工处理"),
    EventKind.ATTENTION_PROPOSED: Words("decision proposed", "提议处理"),
    EventKind.ATTENTION_ANSWERED: Words("decision made", "处理决定"),
    EventKind.CANCEL_REQUESTED: Words("cancel requested", "请求取消"),
    EventKind.WITHDRAWN: Words("withdrawn", "撤回"),
    EventKind.RESUBMITTED: Words("resubmitted", "重新提交"),
    EventKind.RESUMED: Words("resumed", "恢复叙述"),
    EventKind.SEALED: Words("sealed", "封存"),
}

MEASURES: Mapping[str, Words] = {
    "open_qty": Words("opening quantity", "期初数量"),
    "open_amount": Words("opening amount", "期初金额"),
    "in_qty": Words("quantity in", "收入数量"),
    "in_amount": Words("amount in", "收入金额"),
    "out_qty": Words("quantity out", "发出数量"),
    "out_amount": Words("amount out", "发出金额"),
    "close_qty": Words("closing quantity", "期末数量"),
    "close_amount": Words("closing amount", "期末金额"),
    "qty": Words("quantity", "数量"),
    "amount": Words("amount", "金额"),
    "price": Words("price", "单价"),
    "unit_cost": Words("unit cost", "单位成本"),
    "debit": Words("debit", "借方"),
    "credit": Words("credit", "贷方"),
    "status": Words("status", "状态"),
    "opening": Words("opening", "期初"),
    "closing": Words("closing", "期末"),
    "kind": Words("kind", "类别"),
    "source": Words("source", "来源"),
    "since": Words("since", "登录时间"),
    "doing": Words("doing", "正在进行"),
    "documents": Words("documents", "单据"),
    "vouchers": Words("vouchers", "凭证"),
    "settlements": Words("settlements", "核销"),
    "periods": Words("periods", "期间"),
    "book_qty": Words("quantity on the books", "账面数量"),
    "counted_qty": Words("quantity counted", "盘点数量"),
    "total": Words("total", "合计"),
    "item": Words("item", "物料"),
    "warehouse": Words("warehouse", "仓库"),
    "account": Words("account", "科目"),
    "partner": Words("partner", "往来单位"),
}
"""Fields as our own demo ledger names them; other ledgers' stay as they are."""
