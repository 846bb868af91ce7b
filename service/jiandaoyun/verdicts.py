"""Why a case failed its checks, was returned or rejected, in the words that its form shows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.queries import DecisionView, Reader
from service.texts import FINDINGS, Language, Words
from workflows.domain.findings import CATALOGUE, FindingCode, Severity
from workflows.domain.request import CaseState

EXPLAINED = frozenset({CaseState.CHECKS_FAILED, CaseState.RETURNED, CaseState.REJECTED})
"""States that the applicant must be able to understand without looking elsewhere."""

_BLOCKS = frozenset(rule.code for rule in CATALOGUE if rule.severity == Severity.BLOCKER)
_ROWS = 3
"""How many of the rows that stand in the way are named."""
_ANSWERS: Mapping[CaseState, tuple[str, Words]] = {
    CaseState.RETURNED: (
        "return",
        Words(
            "Returned by {person}: {comment}\nCorrect the record and save.",
            "{person} 已退回：{comment}\n请更正后保存。",
        ),
    ),
    CaseState.REJECTED: (
        "reject",
        Words(
            "Rejected by {person}: {comment}\nFill in a new record to ask again.",
            "{person} 已驳回：{comment}\n如需再次申请，请新建一条记录。",
        ),
    ),
}
_NO_COMMENT = Words("(no comment)", "（未填写意见）")


async def verdict(reader: Reader, case: str, state: CaseState | None, language: Language) -> str:
    """What the form is to say of the state; empty if the state speaks for itself."""
    if state not in EXPLAINED:
        return ""
    said = answered(await reader.decisions(case), state, language)
    return said or found((await reader.parts(case)).get("findings"), language)


def answered(decisions: Sequence[DecisionView], state: CaseState, language: Language) -> str:
    """The words of whoever returned or rejected the case last."""
    if state not in _ANSWERS or not decisions:
        return ""
    answer, words = _ANSWERS[state]
    last = decisions[-1]
    if last.answer != answer:
        return ""
    comment = last.comment.strip() or _NO_COMMENT.in_(language)
    return words.in_(language).format(person=last.person, comment=comment)


def found(findings: Any, language: Language) -> str:  # Any: JSON
    """The findings that stand in the way, one a line, each with its remedy."""
    blocking = [one for one in findings or () if FindingCode(one["code"]) in _BLOCKS]
    return "\n".join(_line(one, language) for one in blocking)


def _line(finding: Mapping[str, Any], language: Language) -> str:  # Any: JSON
    words, rows = FINDINGS[FindingCode(finding["code"])], finding["rows"]
    named = _named((str(row["what"]) for row in rows[:_ROWS]), len(rows) > _ROWS)
    title, remedy = words.title.in_(language), words.remedy.in_(language)
    if language == Language.ZH:
        return f"【{title}】{named}{'：' if named else ''}{remedy}"
    return f"[{title}] {named}{': ' if named else ''}{remedy}"


def _named(rows: Iterable[str], more: bool) -> str:
    return "、".join(filter(None, rows)) + ("…" if more else "")
