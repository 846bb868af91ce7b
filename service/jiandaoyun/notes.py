"""What a form is told besides the state of its case: notes about changes that came too late, and refusals."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from service.jiandaoyun.records import Known
from service.problems import Failure, document
from service.texts import STATES, Language, Words, word
from workflows.domain.request import CaseState


class Note(StrEnum):
    NOT_TAKEN = "not_taken"
    CORRECT = "correct"
    ENDED = "ended"
    OTHER_APPLICANT = "other_applicant"
    GOES_ON = "goes_on"


_NOTES: Mapping[Note, Words] = {
    Note.NOT_TAKEN: Words(
        "Case {case} is running ({state}) and goes on with what was submitted; this change was not taken. "
        "Have an approver return it, or withdraw it, if it must be changed.",
        "案件 {case} 正在处理（{state}），仍按原提交内容进行，本次修改未被采纳。"
        "如需变更，请由审批人退回，或由申请人撤回后重新提交。",
    ),
    Note.CORRECT: Words(
        "Case {case} was returned and still waits: correct what follows, and save.",
        "案件 {case} 已退回，仍待更正：请按以下提示更正后保存。",
    ),
    Note.ENDED: Words(
        "Case {case} has ended ({state}); this change was not taken. Fill in a new record to ask again.",
        "案件 {case} 已结束（{state}），本次修改未被采纳。如需再次申请，请新建一条记录。",
    ),
    Note.OTHER_APPLICANT: Words(
        "Case {case} belongs to another applicant; this change was not taken. Fill in a new record.",
        "案件 {case} 的申请人不可更换，本次修改未被采纳。请由新申请人新建一条记录。",
    ),
    Note.GOES_ON: Words(
        "The record was deleted, but case {case} ({state}) can no longer be withdrawn and goes on.",
        "记录已被删除，但案件 {case}（{state}）已不能撤回，将继续进行。",
    ),
}


def note(which: Note, language: Language, known: Known) -> str:
    """The note about the record's case."""
    state = word(STATES, known.state or CaseState.RECEIVED, language)
    return _NOTES[which].in_(language).format(case=known.case_id, state=state)


def without_overtaken(known: Known, language: Language) -> str:
    """What the record is to be told, without an earlier note that asks for a return that has come."""
    if known.state != CaseState.RETURNED:
        return known.message
    for state in CaseState:
        overtaken = note(Note.NOT_TAKEN, language, replace(known, state=state))
        if known.message.startswith(overtaken):
            return known.message.removeprefix(overtaken).strip()
    return known.message


def refusal(failure: Failure, language: Language) -> str:
    """Why the rules refuse, and the remedy: the words that every other caller is given."""
    said = document(failure, language, "")
    return f"【{said['title']}】{said['detail']}{said['remedy']}"
