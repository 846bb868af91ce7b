"""The catalogue of events: what subscribers can hear of, and what each event carries (CloudEvents 1.0).

A type ends in its version. Fields are only ever added to a version; whatever else changes makes a new one.
What is not in these schemas is not sent, whatever the register holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field, create_model

from service.schemas import Outbound
from service.sending.ports import News
from workflows.domain.case import CaseEvent, EventKind
from workflows.domain.digest import Json
from workflows.domain.ledger import Module, StepMode, Verb
from workflows.domain.period import Period
from workflows.domain.request import CaseState, ReasonCode, UncloseRequest


class EventType(StrEnum):
    """What a subscription names."""

    CASE_RECEIVED = "case.received.v1"
    CASE_STATE_CHANGED = "case.state_changed.v1"
    CASE_DIGEST_CHANGED = "case.digest_changed.v1"
    CASE_DECISIONS_VOID = "case.decisions_void.v1"
    CASE_REMINDED = "case.reminded.v1"
    CASE_ESCALATED = "case.escalated.v1"
    CASE_WAITING_FOR_LEDGER = "case.waiting_for_ledger.v1"
    CASE_STEP_DONE = "case.step_done.v1"
    CASE_STEP_FAILED = "case.step_failed.v1"
    CASE_WINDOW_OPENED = "case.window_opened.v1"
    CASE_WINDOW_EXTENDED = "case.window_extended.v1"
    CASE_WINDOW_CLOSED = "case.window_closed.v1"
    CASE_ATTENTION_NEEDED = "case.attention_needed.v1"
    CASE_ATTENTION_PROPOSED = "case.attention_proposed.v1"
    CASE_SEALED = "case.sealed.v1"
    TASK_OPENED = "task.opened.v1"
    TASK_TRANSFERRED = "task.transferred.v1"
    TASK_SIGN_ADDED = "task.sign_added.v1"
    TASK_DECIDED = "task.decided.v1"
    TASK_CONFIRMED = "task.confirmed.v1"
    TASK_CONFIRMATION_LAPSED = "task.confirmation_lapsed.v1"


class CaseRef(Outbound):
    """The case that an event is about."""

    id: str
    ledger: str
    target_period: str
    applicant: str
    on_behalf_of: str | None
    external_ref: str | None = Field(description="What the applicant's system calls it.")
    expedited: bool


class EventData(Outbound):
    """What every event carries."""

    case: CaseRef
    seq: int = Field(
        description="Number of the event in its case. It rises; numbers in between are not sent."
    )
    actor: str = Field(description="Who caused it; `unclose` if no person did.")
    on_behalf_of: str | None


class ReceivedData(EventData):
    modules: list[Module]
    reason_code: ReasonCode


class StateChangedData(EventData):
    from_: CaseState | None = Field(alias="from")
    to: CaseState | None
    because: str | None


class DigestChangedData(EventData):
    digest: str
    risk: str | None
    steps: int | None = Field(description="How many steps the plan has.")
    blocked: bool | None
    policy: str | None = Field(description="Version of the approval policy.")
    levels: list[str] | None


class DecisionsVoidData(EventData):
    because: str | None
    signed: list[str] | None = Field(description="Whose consent is void.")


class RemindedData(EventData):
    because: str | None
    waiting_for: list[str] | None


class EscalatedData(EventData):
    level: int | None
    name: str | None
    to: list[str] | None = Field(description="Who is asked as well from now on.")


class WaitingForLedgerData(EventData):
    holder: str | None = Field(description="The case that holds the ledger.")


class StepDoneData(EventData):
    n: int | None
    verb: Verb | None
    module: Module | None
    period: str | None
    mode: StepMode | None


class FailureData(EventData):
    error: str | None
    says: str | None


class AttentionData(FailureData):
    came_from: CaseState | None


class ProposedData(EventData):
    task: str | None
    waiting_for: list[str] | None = Field(description="Whose consent is still needed.")


class WindowOpenedData(EventData):
    persons: list[str] | None = Field(description="Who may correct.")
    until: datetime | None


class WindowExtendedData(EventData):
    hours: int | None = Field(description="How much longer it lasts.")
    would_end: datetime | None = Field(description="When it ends now.")


class WindowClosedData(EventData):
    because: str | None


class SealedData(EventData):
    sha256: str | None = Field(description="Of the sealed evidence.")


class TaskOpenedData(EventData):
    task: str | None
    persons: list[str] | None = Field(description="Who is asked by name; empty if whole groups are.")
    waiting_for: list[str] | None
    due: datetime | None
    expires: datetime | None
    cc: list[str] | None


class TransferredData(EventData):
    task: str | None
    from_: str | None = Field(alias="from")
    to: str | None


class SignAddedData(EventData):
    task: str | None
    persons: list[str] | None
    position: str | None


class DecidedData(EventData):
    task: str | None
    level: int | None
    name: str | None
    group: str | None
    answer: str | None
    digest: str | None


class ConfirmedData(EventData):
    task: str | None
    group: str | None
    digest: str | None


class LapsedData(EventData):
    persons: list[str] | None
    waiting_for: list[str] | None


Data = TypeVar("Data", bound=EventData)


class Event(Outbound, Generic[Data]):
    """The envelope: CloudEvents 1.0, structured JSON."""

    specversion: Literal["1.0"]
    id: str = Field(description="The same at each attempt, and for every subscription.")
    source: str = Field(description="The case, as a path of this API.")
    type: str
    time: datetime = Field(description="When it happened.")
    subject: str = Field(description="Number of the case.")
    datacontenttype: Literal["application/json"]
    sequence: str = Field(description="`seq` as twelve digits, to be compared as text.")
    data: Data


@dataclass(frozen=True)
class Entry:
    """One kind of event in the catalogue."""

    name: EventType
    kind: EventKind
    data: type[EventData]
    meaning: str
    example: Mapping[str, Json]
    """What it carries beside what every event does, as the register tells it."""


_STEP: Mapping[str, Json] = {
    "n": 1,
    "verb": "unclose",
    "module": "gl",
    "period": "2025-05",
    "mode": "automatic",
}
_DIGEST = "9f" * 32
_T, _K = EventType, EventKind

CATALOGUE: tuple[Entry, ...] = (
    Entry(_T.CASE_RECEIVED, _K.RECEIVED, ReceivedData, "A request was taken; it is a case now.", {}),
    Entry(
        _T.CASE_STATE_CHANGED,
        _K.STATE_CHANGED,
        StateChangedData,
        "A case has moved on, or has ended.",
        {"from": "checking", "to": "checks_failed", "because": "blocked by findings"},
    ),
    Entry(
        _T.CASE_DIGEST_CHANGED,
        _K.PLAN_MADE,
        DigestChangedData,
        "Plan and findings were made, or made anew: this is what people decide on from now on.",
        {
            "digest": _DIGEST,
            "risk": "low",
            "steps": 3,
            "blocked": False,
            "policy": "demo-1",
            "levels": ["warehouse", "finance", "it"],
        },
    ),
    Entry(
        _T.CASE_DECISIONS_VOID,
        _K.DECISIONS_VOID,
        DecisionsVoidData,
        "What was agreed to has changed: consent given before counts no more.",
        {"because": "what was agreed to has changed", "signed": ["warehouse"]},
    ),
    Entry(
        _T.CASE_REMINDED,
        _K.REMINDED,
        RemindedData,
        "Those who are waited for were asked once more.",
        {"because": "the deadline has passed", "waiting_for": ["finance"]},
    ),
    Entry(
        _T.CASE_ESCALATED,
        _K.ESCALATED,
        EscalatedData,
        "A level did not decide in time; others are asked as well.",
        {"level": 2, "name": "finance", "to": ["finance-head"]},
    ),
    Entry(
        _T.CASE_WAITING_FOR_LEDGER,
        _K.WAITING_FOR_LEDGER,
        WaitingForLedgerData,
        "Another case holds the ledger; this one waits for its turn.",
        {"holder": "UC-2025-000007"},
    ),
    Entry(_T.CASE_STEP_DONE, _K.STEP_DONE, StepDoneData, "One pointer has moved by one period.", _STEP),
    Entry(
        _T.CASE_STEP_FAILED,
        _K.STEP_FAILED,
        FailureData,
        "The execution has stopped; what was opened is closed again.",
        {"failure": {"error": "SessionsRemain", "says": "Somebody would not leave."}},
    ),
    Entry(
        _T.CASE_WINDOW_OPENED,
        _K.WINDOW_OPENED,
        WindowOpenedData,
        "The named people may correct.",
        {"persons": ["clerk"], "until": "2025-06-04T12:00:00+08:00"},
    ),
    Entry(
        _T.CASE_WINDOW_EXTENDED,
        _K.WINDOW_EXTENDED,
        WindowExtendedData,
        "The named people may correct for longer.",
        {"hours": 4, "would_end": "2025-06-04T16:00:00+08:00"},
    ),
    Entry(
        _T.CASE_WINDOW_CLOSED,
        _K.WINDOW_CLOSED,
        WindowClosedData,
        "Nobody may correct any more.",
        {"because": "finished"},
    ),
    Entry(
        _T.CASE_ATTENTION_NEEDED,
        _K.ATTENTION_NEEDED,
        AttentionData,
        "A case cannot go on by itself; a person decides.",
        {
            "came_from": "isolating",
            "failure": {"error": "SessionsRemain", "says": "Somebody would not leave."},
        },
    ),
    Entry(
        _T.CASE_ATTENTION_PROPOSED,
        _K.ATTENTION_PROPOSED,
        ProposedData,
        "One person has proposed to roll back; a second one decides.",
        {"task": "UC-2025-000001-attention-1", "waiting_for": ["erp_admin"]},
    ),
    Entry(_T.CASE_SEALED, _K.SEALED, SealedData, "The evidence of a case was sealed.", {"sha256": _DIGEST}),
    Entry(
        _T.TASK_OPENED,
        _K.ASKED,
        TaskOpenedData,
        "People are asked to act.",
        {
            "task": "UC-2025-000001-approval-1-1",
            "persons": ["warehouse"],
            "waiting_for": ["warehouse"],
            "due": "2025-06-04T12:00:00+08:00",
            "expires": "2025-06-06T12:00:00+08:00",
            "cc": [],
        },
    ),
    Entry(
        _T.TASK_TRANSFERRED,
        _K.TRANSFERRED,
        TransferredData,
        "A person has handed their part of a task to another.",
        {"task": "UC-2025-000001-approval-1-1", "from": "warehouse", "to": "li"},
    ),
    Entry(
        _T.TASK_SIGN_ADDED,
        _K.SIGN_ADDED,
        SignAddedData,
        "A person has asked others to sign as well.",
        {"task": "UC-2025-000001-approval-1-1", "persons": ["li"], "position": "after"},
    ),
    Entry(
        _T.TASK_DECIDED,
        _K.DECIDED,
        DecidedData,
        "A person has approved, rejected or returned.",
        {
            "task": "UC-2025-000001-approval-1-1",
            "level": 1,
            "name": "warehouse",
            "group": "warehouse",
            "answer": "approve",
            "digest": _DIGEST,
        },
    ),
    Entry(
        _T.TASK_CONFIRMED,
        _K.CONFIRMED,
        ConfirmedData,
        "One of two persons has released the execution.",
        {"task": "UC-2025-000001-authorisation-1", "group": "erp_admin", "digest": _DIGEST},
    ),
    Entry(
        _T.TASK_CONFIRMATION_LAPSED,
        _K.CONFIRMATION_LAPSED,
        LapsedData,
        "A release has grown too old and must be given again.",
        {"persons": ["erp-admin"], "waiting_for": ["erp_admin"]},
    ),
)

BY_KIND: Mapping[EventKind, Entry] = {entry.kind: entry for entry in CATALOGUE}


def event_id(case: str, seq: int) -> str:
    """The same for everybody. There is no point in it: signatures are made over `id.time.body`."""
    return f"evt_{case}_{seq}"


def envelope(news: News) -> dict[str, Json]:
    """An event of the catalogue as it is sent."""
    entry, event, case = BY_KIND[news.event.kind], news.event, news.request.id
    return {
        "specversion": "1.0",
        "id": event_id(case, event.seq),
        "source": f"/api/v1/requests/{case}",
        "type": entry.name,
        "time": event.at.isoformat(),
        "subject": case,
        "datacontenttype": "application/json",
        "sequence": f"{event.seq:012d}",
        "data": _data(entry, news.request, event),
    }


def _data(entry: Entry, request: UncloseRequest, event: CaseEvent) -> dict[str, Json]:
    failure = event.data.get("failure")
    modules: list[Json] = [str(module) for module in request.modules]
    known: dict[str, Json] = {
        "modules": modules,
        "reason_code": str(request.reason_code),
        **event.data,
        **(failure if isinstance(failure, dict) else {}),
        "case": {
            "id": request.id,
            "ledger": request.ledger,
            "target_period": str(request.target_period),
            "applicant": request.applicant,
            "on_behalf_of": request.on_behalf_of,
            "external_ref": request.external_ref,
            "expedited": request.expedited,
        },
        "seq": event.seq,
        "actor": event.actor,
        "on_behalf_of": event.on_behalf_of,
    }
    if isinstance(known.get("because"), dict):  # a failure, told by its name and sentence
        known["because"] = _sentence(known["because"])
    names = [field.alias or name for name, field in entry.data.model_fields.items()]
    return {name: known.get(name) for name in names}


def _sentence(failure: Json) -> Json:
    return failure.get("says") if isinstance(failure, dict) else None


# --------------------------------------------------------------------------- the document


def schema_of(entry: Entry) -> type[Event[Any]]:  # Any: each has its own data
    """The whole of what is posted for one kind of event, with an example."""
    name = "".join(part.capitalize() for part in entry.name.replace("_", ".").split("."))
    made: type[Event[Any]] = create_model(
        name,
        __base__=Event[entry.data],  # type: ignore[name-defined]  # chosen at run time
        __doc__=entry.meaning,
        type=(Literal[entry.name.value], ...),  # type: ignore[arg-type]  # chosen at run time
    )
    made.model_config["json_schema_extra"] = {"examples": [example(entry)]}
    return made


def example(entry: Entry) -> dict[str, Any]:  # Any: JSON
    return envelope(_example_news(entry))


def _example_news(entry: Entry) -> News:
    at = datetime.fromisoformat("2025-06-03T12:00:00+08:00")
    request = UncloseRequest(
        id="UC-2025-000001",
        ledger="demo",
        target_period=Period(2025, 3),
        modules=(Module.INVENTORY,),
        reason_code=ReasonCode.STOCKTAKE_OMISSION,
        reason="三月盘点遗漏 B 仓两个货位",
        applicant="clerk",
        accepted_at=at,
        external_ref="6650f3b1c9",
        on_behalf_of="李雷",
    )
    event = CaseEvent(12, at, "portal", "李雷", entry.kind, dict(entry.example))
    return News(request, event, CaseState.APPROVING)
