"""What people are told, in English and Chinese, for everything that somebody must know."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from string import Formatter

from service.texts import Language, Words


class MessageKind(StrEnum):
    """Why somebody is told."""

    TASK = "task"
    AUTHORISE = "authorise"
    REMINDER = "reminder"
    ESCALATED = "escalated"
    FOR_INFORMATION = "for_information"
    CONSENT_VOID = "consent_void"
    CHECKS_FAILED = "checks_failed"
    RETURNED = "returned"
    WINDOW_OPENED = "window_opened"
    WINDOW_EXTENDED = "window_extended"
    WINDOW_CLOSING = "window_closing"
    WINDOW_CLOSED = "window_closed"
    ATTENTION = "attention"
    COMPLETED = "completed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True)
class Template:
    """A headline and what follows it. Names in braces are facts; a line whose facts are empty is left out."""

    title: Words
    lines: tuple[Words, ...]


_WHAT = Words(
    "{case}: ledger {ledger}, period {period}, asked for by {applicant}.",
    "{case}：账套 {ledger}，期间 {period}，申请人 {applicant}。",
)
_REASON = Words("Reason: {reason}", "申请原因：{reason}")
_DUE = Words("Due: {due}", "办理期限：{due}")
_UNTIL = Words("Until: {until}", "截止时间：{until}")
_BECAUSE = Words("Why: {because}", "原因：{because}")
_SAID = Words("{by} says: {comment}", "{by} 的意见：{comment}")
_EXPEDITED = Words("{expedited}", "{expedited}")

_K = MessageKind


def _template(en: str, zh: str, *lines: Words) -> Template:
    return Template(Words(en, zh), (_WHAT, *lines))


TEMPLATES: Mapping[MessageKind, Template] = {
    _K.TASK: _template(
        "[Unclose] A task for you: {task}", "【反结账】您有新任务：{task}", _EXPEDITED, _REASON, _DUE
    ),
    _K.AUTHORISE: _template(
        "[Unclose] Please authorise now",
        "【反结账】请立即联合授权",
        Words(
            "Everything is checked, agreed, backed up and rehearsed. Two persons must release it together.",
            "检查、审批、备份与演练均已完成，须由两人同时授权后执行。",
        ),
        _REASON,
        _DUE,
    ),
    _K.REMINDER: _template(
        "[Unclose] Reminder: {task}", "【反结账】催办：{task}", _EXPEDITED, _REASON, _SAID, _DUE
    ),
    _K.ESCALATED: _template(
        "[Unclose] Escalated to you: {task}",
        "【反结账】已升级至您：{task}",
        Words("Those asked before did not decide in time.", "原办理人未在期限内处理。"),
        _REASON,
        _DUE,
    ),
    _K.FOR_INFORMATION: _template(
        "[Unclose] For your information: {task}", "【反结账】抄送：{task}", _REASON
    ),
    _K.CONSENT_VOID: _template(
        "[Unclose] Your consent no longer counts",
        "【反结账】您此前的意见已失效",
        Words(
            "What you agreed to has changed. It is put before people anew, with the difference shown.",
            "您所同意的内容已发生变化，将连同差异重新征求意见。",
        ),
        _REASON,
    ),
    _K.CHECKS_FAILED: _template(
        "[Unclose] The checks have failed",
        "【反结账】检查未通过",
        Words("What to do:\n{findings}", "处理办法：\n{findings}"),
        Words("Put it right and ask again.", "请处理后重新提交申请。"),
    ),
    _K.RETURNED: _template(
        "[Unclose] Returned to you",
        "【反结账】申请已退回",
        _SAID,
        Words("Put it right and resubmit, or withdraw it.", "请修改后重新提交，或撤回申请。"),
    ),
    _K.WINDOW_OPENED: _template(
        "[Unclose] The correction window is open",
        "【反结账】更正窗口已打开",
        Words("May correct: {persons}", "更正人：{persons}"),
        _UNTIL,
        Words("Say so when the corrections are done.", "更正完成后请及时确认。"),
    ),
    _K.WINDOW_EXTENDED: _template(
        "[Unclose] The correction window lasts longer", "【反结账】更正窗口已延长", _UNTIL
    ),
    _K.WINDOW_CLOSING: _template(
        "[Unclose] The correction window closes soon",
        "【反结账】更正窗口即将关闭",
        _UNTIL,
        Words(
            "Finish what you are doing; then it is closed again by itself.",
            "请尽快完成更正；到期后将自动重新结账。",
        ),
    ),
    _K.WINDOW_CLOSED: _template(
        "[Unclose] The correction window is closed",
        "【反结账】更正窗口已关闭",
        Words("Nobody can write to the periods any more.", "相关期间已不可录入。"),
    ),
    _K.ATTENTION: _template(
        "[Unclose] Needs a person now",
        "【反结账】需要人工处理",
        Words("It cannot go on by itself.", "案件无法自动继续。"),
        _BECAUSE,
    ),
    _K.COMPLETED: _template(
        "[Unclose] Completed",
        "【反结账】已完成",
        Words(
            "The periods are closed again and proven; the evidence is sealed.",
            "相关期间已重新结账并通过核验，证据已封存。",
        ),
    ),
    _K.REJECTED: _template("[Unclose] Rejected", "【反结账】已驳回", _SAID),
    _K.EXPIRED: _template(
        "[Unclose] Expired",
        "【反结账】已过期",
        Words(
            "Nobody decided in time. Silence is never a yes: nothing was opened.",
            "未在期限内作出决定；逾期不视为同意，未打开任何期间。",
        ),
    ),
    _K.WITHDRAWN: _template("[Unclose] Withdrawn", "【反结账】已撤回", _SAID),
    _K.ROLLED_BACK: _template(
        "[Unclose] Rolled back",
        "【反结账】已回滚",
        Words(
            "It could not be done. The ledger is as it was before, and proven so.",
            "未能完成；账套已恢复至执行前状态并通过核验。",
        ),
        _BECAUSE,
    ),
}


def compose(kind: MessageKind, facts: Mapping[str, str], language: Language) -> tuple[str, str]:
    """Headline and text; facts that are not known are empty, and lines that need them are left out."""
    template = TEMPLATES[kind]
    title = template.title.in_(language).format_map(_Known(facts))
    lines = [line.in_(language) for line in template.lines]
    shown = [line.format_map(_Known(facts)) for line in lines if _is_told(line, facts)]
    return title, "\n".join(shown)


class _Known(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def _is_told(line: str, facts: Mapping[str, str]) -> bool:
    named = [name for _, name, _, _ in Formatter().parse(line) if name]
    return all(facts.get(name) for name in named)


EXPEDITED = Words("Expedited.", "加急办理。")
OPEN = Words("Open: {url}", "查看：{url}")
OPEN_ONCE = Words(
    "Decide (for {person} alone, once, until {until}): {url}",
    "办理（仅限 {person} 本人，一次有效，有效期至 {until}）：{url}",
)
FOR = Words("For: {persons}", "致：{persons}")
