"""What is wrong with a form, told to whoever has filled it in: the field, what was said, the remedy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from service.texts import Language, Words


class Field(StrEnum):
    """The parts of a request that a form can give."""

    ACT = "act"
    LEDGER = "ledger"
    PERIOD = "period"
    YEAR = "year"
    PERIOD_NUMBER = "period_number"
    MODULES = "modules"
    REASON_CODE = "reason_code"
    REASON = "reason"
    SCOPE = "scope"
    CORRECTORS = "correctors"
    WINDOW_HOURS = "window_hours"
    EXPEDITED = "expedited"
    VENDOR_TICKET = "vendor_ticket"
    ACKNOWLEDGEMENT = "acknowledgement"
    SUBMITTER = "submitter"
    ATTACHMENTS = "attachments"


FIELDS: Mapping[Field, Words] = {
    Field.ACT: Words("Act", "业务操作"),
    Field.LEDGER: Words("Ledger", "账套"),
    Field.PERIOD: Words("Period", "期间"),
    Field.YEAR: Words("Fiscal year", "会计年度"),
    Field.PERIOD_NUMBER: Words("Period number", "期间序号"),
    Field.MODULES: Words("Modules", "模块"),
    Field.REASON_CODE: Words("Kind of reason", "原因类别"),
    Field.REASON: Words("Reason", "原因说明"),
    Field.SCOPE: Words("Documents", "受影响单据"),
    Field.CORRECTORS: Words("Correctors", "更正人"),
    Field.WINDOW_HOURS: Words("Hours of the window", "更正窗口小时数"),
    Field.EXPEDITED: Words("Urgency", "紧急程度"),
    Field.VENDOR_TICKET: Words("Vendor ticket", "厂商工单号"),
    Field.ACKNOWLEDGEMENT: Words("Acknowledgement", "风险确认"),
    Field.SUBMITTER: Words("Submitter", "提交人"),
    Field.ATTACHMENTS: Words("Attachments", "附件"),
}

_SHOWN = 60
"""How much of what was said is repeated: forms have room for a line, not for a page."""


@dataclass(frozen=True)
class Complaint:
    """One thing that keeps a form from becoming a case."""

    field: Field | None
    """None if it is about the record as a whole."""
    remedy: Words
    """What is wrong, and what to write instead."""
    said: str = ""

    def in_(self, language: Language) -> str:
        """One line for the form."""
        name = "" if self.field is None else FIELDS[self.field].in_(language)
        if language == Language.ZH:
            said = f"“{_short(self.said)}”" if self.said else ""
            return f"【{name}】{said}{self.remedy.zh}" if name else f"{said}{self.remedy.zh}"
        said = f'"{_short(self.said)}": ' if self.said else ""
        return f"[{name}] {said}{self.remedy.en}" if name else f"{said}{self.remedy.en}"


class Unread(Exception):
    """A phrase that cannot be taken; carries the complaint."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(complaint.in_(Language.EN))
        self.complaint = complaint


def refuse(field: Field, said: object, en: str, zh: str) -> Unread:
    """The refusal of what was said in a field, with its remedy."""
    return Unread(Complaint(field, Words(en, zh), str(said).strip()))


def told(complaints: Iterable[Complaint], language: Language) -> str:
    """All of them, one a line."""
    return "\n".join(complaint.in_(language) for complaint in complaints)


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _SHOWN else f"{one_line[:_SHOWN]}…"
