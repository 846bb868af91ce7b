"""A record of a form becomes a wish and its applicant, or the list of what is wrong with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from service.jiandaoyun.complaints import Complaint, Field, Unread, refuse
from service.jiandaoyun.forms import Form
from service.jiandaoyun.periods import Books, period_of_moment, read_period, read_year_and_number
from service.jiandaoyun.phrases import even, names_unclose
from service.jiandaoyun.values import (
    Record,
    bare,
    is_empty,
    moment_of,
    rows_of,
    text_of,
    texts_of,
    unnamed_of,
    usernames_of,
)
from service.jiandaoyun.words import read_flag, read_intent, read_modules, read_reason_code
from service.ledger_book import LedgerBook, LedgerConfiguration
from service.schemas import RequestIn
from service.texts import Words
from service.wishes import Wish
from workflows.domain.errors import UnknownLedger
from workflows.domain.period import Period
from workflows.domain.request import ReasonCode, ScopeItem

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """What a record asks for, and for whom."""

    applicant: str
    wish: Wish


class Objections(Exception):
    """Why a record is no request: everything at once, so that it is put right in one go."""

    def __init__(self, complaints: tuple[Complaint, ...]) -> None:
        super().__init__("; ".join(complaint.remedy.en for complaint in complaints))
        self.complaints = complaints


def unknown_submitter(said: str) -> Complaint:
    """Nobody whom we know, or nobody any more."""
    remedy = Words(
        "This person is not known to Unclose. Ask an administrator to enter them, then submit again.",
        "该提交人未在反结账系统中登记或已停用，请联系管理员处理后重新提交。",
    )
    return Complaint(Field.SUBMITTER, remedy, said)


class RecordReader:
    """Reads records of any configured form."""

    def __init__(self, book: LedgerBook, users: Mapping[str, str]) -> None:
        self._book, self._users = book, users

    def read(self, form: Form, record: Record, reference: str, now: datetime) -> Asked:
        """What the record asks for. `reference` names the record in the case.

        Raises:
            Objections: with every complaint there is.
        """
        return _Reading(self._book, self._users, form, record, now).asked(reference)


class _Reading:
    """One record being read. Complaints are gathered; what depends on a field that failed is left out."""

    def __init__(
        self, book: LedgerBook, users: Mapping[str, str], form: Form, record: Record, now: datetime
    ) -> None:
        self._book, self._users, self._form, self._record, self._now = book, users, form, record, now
        self._complaints: list[Complaint] = []

    def asked(self, reference: str) -> Asked:
        ledger = self._try(self._ledger)
        applicant = self._try(self._applicant)
        self._try(self._act)
        body = {
            "ledger": ledger.code if ledger else None,
            "target_period": str(self._try(lambda: self._period(ledger))) if ledger else None,
            "modules": self._try(self._modules),
            "reason_code": self._try(self._reason_code),
            "reason": self._try(self._reason),
            "scope": self._try(self._scope),
            "correctors": self._try(self._correctors),
            "window_hours": self._try(self._window_hours),
            "expedited": self._try(lambda: read_flag(Field.EXPEDITED, self._text(Field.EXPEDITED))),
            "vendor_ticket": self._text(Field.VENDOR_TICKET) or None,
            "acknowledgement": self._text(Field.ACKNOWLEDGEMENT) or None,
            "external_ref": reference,
        }
        if self._complaints or applicant is None:
            raise Objections(tuple(self._complaints))
        return Asked(applicant, _wish(body))

    def _try(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Unread as unread:
            self._complaints.append(unread.complaint)
            return None

    def _value(self, field: Field) -> Any:  # Any: JSON as Jiandaoyun sends it
        return self._record.get(self._form.fields.get(field, ""))

    def _text(self, field: Field) -> str:
        return text_of(self._value(field))

    def _act(self) -> None:
        """A form for several acts says which one is meant; any name of un-closing will do (R13)."""
        if Field.ACT in self._form.fields and not names_unclose(self._text(Field.ACT)):
            raise refuse(
                Field.ACT,
                self._text(Field.ACT),
                "Only un-closing is asked for here. Write 反结账, or use another form.",
                "此处只受理反结账（反记账、反结算）申请，请选择“反结账”或改用其他表单。",
            )

    def _ledger(self) -> LedgerConfiguration:
        said = self._text(Field.LEDGER)
        code = self._form.ledgers.get(said, said) if said else self._form.ledger
        try:
            return self._book.configuration(code or "")
        except UnknownLedger:
            known = "、".join(self._form.ledgers) or "、".join(self._book.codes)
            raise refuse(
                Field.LEDGER,
                said,
                f"There is no such ledger. Choose: {known}.",
                f"没有此账套，请选择：{known}。",
            ) from None

    def _applicant(self) -> str:
        said = self._value(Field.SUBMITTER) or self._record.get("creator")
        names = usernames_of(said)
        person = self._users.get(names[0]) if len(names) == 1 else None
        if person is None:
            raise Unread(unknown_submitter(text_of(said)))
        return person

    def _period(self, ledger: LedgerConfiguration | None) -> Period:
        assert ledger is not None
        zone = ledger.time_zone
        books = Books(ledger.profile.calendar, self._now.astimezone(zone).date())
        if Field.PERIOD not in self._form.fields:
            return read_year_and_number(self._text(Field.YEAR), self._text(Field.PERIOD_NUMBER), books)
        if isinstance(number := bare(self._value(Field.PERIOD)), float) and not number.is_integer():
            raise _number_with_fraction(number)
        moment = moment_of(said) if isinstance(said := self._value(Field.PERIOD), str) else None
        if moment is not None:
            return period_of_moment(moment, zone, books)
        return read_period(text_of(said), books)

    def _modules(self) -> list[str]:
        said = texts_of(self._value(Field.MODULES))
        modules = read_modules(said) or self._form.modules
        if not modules:
            raise refuse(
                Field.MODULES,
                "",
                "No module is named. Write at least one, such as 库存.",
                "未填写模块，请至少填写一个，例如“库存”。",
            )
        return list(modules)

    def _reason_code(self) -> ReasonCode:
        return read_reason_code(self._text(Field.REASON_CODE) or self._text(Field.REASON))

    def _reason(self) -> str:
        said = self._text(Field.REASON)
        if not said:
            raise refuse(Field.REASON, "", "Say why the period must be opened.", "请填写需要反结账的原因。")
        return said

    def _scope(self) -> list[dict[str, object]]:
        listed = self._form.documents
        if listed is None:
            return []
        lines: list[dict[str, object]] = []
        for row in _rows(self._record.get(listed.field)):
            if number := text_of(row.get(listed.document)):
                intent = read_intent(text_of(row.get(listed.intent or "")), listed.otherwise)
                note = text_of(row.get(listed.note or ""))
                lines.append({"document": number, "intent": intent, "note": note})
            elif any(not is_empty(value) for name, value in row.items() if name != "_id"):
                raise refuse(
                    Field.SCOPE,
                    "、".join(filter(None, (text_of(v) for name, v in row.items() if name != "_id"))),
                    "This row has no document number. Write it, or delete the row.",
                    "此行缺少单据编号，请补填，或删除该行。",
                )
        return lines

    def _correctors(self) -> list[str]:
        said = self._value(Field.CORRECTORS)
        members = usernames_of(said)
        unknown = [name for name in members if name not in self._users] + list(unnamed_of(said))
        if unknown:
            raise refuse(
                Field.CORRECTORS,
                "、".join(unknown),
                "These people are not known. Choose others, or ask an administrator to enter them.",
                "所选人员未在反结账系统中登记，请改选他人或联系管理员登记。",
            )
        return list(dict.fromkeys(self._users[name] for name in members))

    def _window_hours(self) -> int:
        said = even(self._text(Field.WINDOW_HOURS)).removesuffix("小时")
        if not said:
            return 24
        if not said.isdigit():
            raise refuse(
                Field.WINDOW_HOURS,
                said,
                "Write a whole number of hours, such as 24.",
                "请填写整数小时，例如 24。",
            )
        return int(said)


def _rows(value: Any) -> tuple[Record, ...]:  # Any: JSON as Jiandaoyun sends it
    """The rows of the subform. Raises Unread: it is none, and what it says would be lost."""
    rows = rows_of(value)
    parts = bare(value)
    if is_empty(parts) or (isinstance(parts, list) and len(rows) == len(parts)):
        return rows
    raise refuse(
        Field.SCOPE,
        text_of(parts),
        "Documents are listed in the subform, one a row with its number.",
        "请在单据子表单中逐行填写单据编号。",
    )


def _number_with_fraction(number: float) -> Unread:
    """As a number, 2025.10 loses its zero and becomes January."""
    return refuse(
        Field.PERIOD,
        f"{number:.12g}",
        "As a number this could be January or October. Write it as 2025年5月 or 202505.",
        "此数字可能指 1 月，也可能指 10 月（末位的 0 会丢失）。请写成“2025年5月”或“202505”。",
    )


_FIELDS = {"target_period": Field.PERIOD, **{field.value: field for field in Field}}


def _wish(body: Mapping[str, object]) -> Wish:
    """The wish, within the limits of `POST /requests`. Raises Objections."""
    try:
        asked = RequestIn.model_validate(body)
    except ValidationError as error:
        raise Objections(tuple(_beyond(part) for part in error.errors(include_url=False))) from None
    return Wish(
        ledger=asked.ledger,
        target_period=asked.target_period,
        modules=tuple(asked.modules),
        reason_code=asked.reason_code,
        reason=asked.reason,
        scope=tuple(ScopeItem(item.document, item.intent, item.note) for item in asked.scope),
        correctors=tuple(asked.correctors),
        window_hours=asked.window_hours,
        expedited=asked.expedited,
        vendor_ticket=asked.vendor_ticket,
        acknowledgement=asked.acknowledgement,
        external_ref=asked.external_ref,
    )


def _beyond(part: Mapping[str, Any]) -> Complaint:  # Any: as pydantic tells it
    """A value that can be read and is too long, too many or too large."""
    field = _FIELDS.get(str(part["loc"][0]))
    remedy = Words(
        f"This goes beyond what can be taken: {part['msg']}.", "内容超出允许的长度或范围，请精简后重新提交。"
    )
    return Complaint(field, remedy)
