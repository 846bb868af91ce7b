"""Bodies in and out, with the words and examples that the OpenAPI document shows."""

import re
import unicodedata
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from service.jiandaoyun.flows import MirrorOutcome
from workflows.domain.approval import Group
from workflows.domain.case import EventKind, Position, Resume, TaskAction, TaskKind
from workflows.domain.difference import DocumentAction
from workflows.domain.findings import FindingCode, Owner, Risk, Severity
from workflows.domain.holding import Doors
from workflows.domain.ledger import Module, StepMode, Verb
from workflows.domain.location import RowChange
from workflows.domain.policy import Mode, OnDeadline
from workflows.domain.request import CaseState, Intent, ReasonCode


def printable(text: str) -> str:
    """Raises ValueError for text that a database cannot keep."""
    if "\x00" in text:
        raise ValueError("text must not hold NUL characters")
    return text


def trimmed(text: str) -> str:
    """The text without spaces around it, measured before: what the document calls too long is refused.

    Raises:
        PydanticCustomError: nothing is left.
    """
    left = text.strip()
    if not left:
        raise PydanticCustomError("string_too_short", "nothing but spaces", {"min_length": 1})
    return left


def visible(text: str) -> str:
    """Raises ValueError for text that shows nothing: spaces without width, marks of direction."""
    if not any(unicodedata.category(sign)[0] in "LNPS" for sign in text):
        raise ValueError("text must show something")
    return text


def plain_number(given: object) -> object:
    """Numbers in text are written with the digits 0 to 9 and nothing but a sign and a point.

    Raises:
        ValueError: full-width digits, underscores, spaces, exponents.
    """
    if isinstance(given, bool) or (isinstance(given, str) and not _NUMBER.fullmatch(given)):
        raise ValueError("not a plain number")
    return given


_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def plain_whole(given: object) -> object:
    """Raises ValueError as `plain_number`, and for a point."""
    if isinstance(given, str) and "." in given:
        raise ValueError("not a whole number")
    return plain_number(given)


def plain_bool(given: object) -> object:
    """Raises ValueError for anything but `true` and `false`."""
    if isinstance(given, bool) or given in ("true", "false"):
        return given
    raise ValueError("neither true nor false")


def iso_date(given: object) -> object:
    """Raises ValueError for anything but text like 2025-06-30: a number would be taken for seconds."""
    if not isinstance(given, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", given, re.A):
        raise ValueError("not a date")
    return given


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=120),
    AfterValidator(trimmed),
    AfterValidator(printable),
    AfterValidator(visible),
]
Said = Annotated[
    str, StringConstraints(max_length=2000), AfterValidator(str.strip), AfterValidator(printable)
]
Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000),
    AfterValidator(trimmed),
    AfterValidator(printable),
    AfterValidator(visible),
]
Flag = Annotated[bool, BeforeValidator(plain_bool)]
Whole = BeforeValidator(plain_whole)
"""For whole numbers in paths, queries and headers; in bodies numbers are numbers (`Field(strict=True)`)."""
Day = Annotated[date, BeforeValidator(iso_date)]


class Inbound(BaseModel):
    """What is sent to us: unknown fields are refused, so that a typing error is not silently lost."""

    model_config = ConfigDict(extra="forbid")


class Outbound(BaseModel):
    """What we send: every field is always there."""


# --------------------------------------------------------------------------- requests


class ScopeItemIn(Inbound):
    document: Name = Field(description="Number of the document in the ERP.")
    intent: Intent = Field(description="What is to happen to it.")
    note: Said = Field(default="", description="What is wrong with it.")


_REQUEST_EXAMPLE: JsonDict = {
    "ledger": "demo",
    "target_period": "2025-03",
    "modules": ["inventory"],
    "reason_code": "stocktake_omission",
    "reason": "三月盘点遗漏 B 仓两个货位",
    "scope": [{"document": "IN-2025-03-0007", "intent": "correct", "note": "数量少录 20"}],
    "correctors": ["clerk"],
    "window_hours": 24,
    "expedited": False,
    "vendor_ticket": None,
    "acknowledgement": None,
    "external_ref": None,
}


PolicyText = Annotated[str, Field(min_length=1, max_length=50_000), AfterValidator(printable)]


class RequestIn(Inbound):
    """A wish to open a closed period again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_REQUEST_EXAMPLE]})

    ledger: Name = Field(description="Code of the ledger.")
    target_period: Name = Field(description="Oldest period to be opened: fiscal year and number.")
    modules: list[Name] = Field(
        min_length=1, max_length=8, description="What must be open; the order may require more."
    )
    reason_code: ReasonCode = Field(description="Why, by kind.")
    reason: Reason = Field(description="Why, in words.")
    scope: list[ScopeItemIn] = Field(
        default_factory=list, max_length=500, description="The documents that are meant to be changed."
    )
    correctors: list[Name] = Field(
        default_factory=list,
        max_length=50,
        description="Who may write inside the window; the applicant if nobody is named.",
    )
    window_hours: int = Field(
        default=24, ge=1, le=24 * 31, strict=True, description="Length of the correction window."
    )
    expedited: bool = Field(default=False, strict=True, description="Shortens deadlines; skips nothing.")
    vendor_ticket: Name | None = Field(
        default=None, description="The vendor's ticket; needed across a fiscal year."
    )
    acknowledgement: Said | None = Field(
        default=None, description="Needed across a fiscal year; must hold today's date, 2025-06-30."
    )
    external_ref: Name | None = Field(default=None, description="Number of the same thing elsewhere.")


class CaseLinks(Outbound):
    self: str
    timeline: str
    tasks: str


_CASE_EXAMPLE: JsonDict = {
    "id": "UC-2025-000001",
    "state": "checking",
    "ledger": "demo",
    "target_period": "2025-03",
    "applicant": "clerk",
    "digest": None,
    "risk": None,
    "waiting_for": [],
    "clock_a_seconds": None,
    "clock_b_seconds": None,
    "created_at": "2025-06-03T08:00:00Z",
    "updated_at": "2025-06-03T08:00:00Z",
    "links": {
        "self": "/api/v1/requests/UC-2025-000001",
        "timeline": "/api/v1/requests/UC-2025-000001/timeline",
        "tasks": "/api/v1/tasks?request=UC-2025-000001",
    },
}


class CaseOut(Outbound):
    """Where a case stands."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CASE_EXAMPLE]})

    id: str = Field(description="Number of the case.")
    state: CaseState
    ledger: str
    target_period: str
    applicant: str
    digest: str | None = Field(description="What every consent is bound to.")
    risk: Risk | None
    waiting_for: list[str] = Field(description="Groups or persons whose turn it is.")
    clock_a_seconds: float | None = Field(description="Accepted until verified open.")
    clock_b_seconds: float | None = Field(description="Verified open until verified closed.")
    created_at: datetime
    updated_at: datetime
    links: CaseLinks


class ScopeItemOut(Outbound):
    document: str
    intent: Intent
    note: str


class DecisionOut(Outbound):
    """One person's consent or refusal."""

    seq: int = Field(description="Number of its event.")
    kind: str = Field(description="`approval` or `authorisation`.")
    task: str
    level: int | None
    name: str | None
    group: str = Field(description="For which group it was given; `added` for an added sign.")
    person: str
    on_behalf_of: str | None = Field(description="For whom the person stood in.")
    answer: str
    digest: str = Field(description="What it was given for.")
    comment: str
    at: datetime
    void: bool = Field(description="Whether a change has undone it; it stays on record.")


class RestoredOut(Outbound):
    """Roll-back point B in the place of the ledger, and where what it replaced is kept."""

    backup: str
    root: str = Field(description="Root of the proof of the ledger afterwards: that of the backup.")
    kept: str = Field(description="Name of the replaced database, with all corrections in it.")
    milliseconds: int


class CaseDetailOut(CaseOut):
    """A case with the request it came from."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _CASE_EXAMPLE | _REQUEST_EXAMPLE | {"on_behalf_of": None, "decisions": [], "restored": None}
            ]
        }
    )

    modules: list[Module]
    reason_code: ReasonCode
    reason: str
    scope: list[ScopeItemOut]
    correctors: list[str]
    window_hours: int
    expedited: bool
    vendor_ticket: str | None
    acknowledgement: str | None
    external_ref: str | None
    on_behalf_of: str | None
    decisions: list[DecisionOut] = Field(description="Every decision so far, void ones too.")
    restored: RestoredOut | None = Field(description="What took the ledger's place, if it was rolled back.")


class CaseList(Outbound):
    items: list[CaseOut]
    next: str | None = Field(description="Cursor of the next page; none on the last.")


class CommentIn(Inbound):
    comment: Said = Field(default="", description="In words, for the record.")


class ExtendIn(Inbound):
    """How much longer the correction window is needed, and why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"hours": 12, "reason": "供应商明早才能确认数量"}]}
    )

    hours: int = Field(ge=1, le=24 * 31, strict=True, description="Hours more, from the end of the window.")
    reason: Reason = Field(description="Why, in words, for whoever decides.")


class RollBackIn(Inbound):
    comment: Reason = Field(description="Why, in words, for the record.")


class ResubmitIn(CommentIn):
    """What is asked for otherwise than before; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"comment": "已补充说明", "window_hours": 12}]}
    )

    target_period: Name | None = None
    modules: list[Name] | None = Field(default=None, min_length=1, max_length=8)
    reason_code: ReasonCode | None = None
    reason: Reason | None = None
    scope: list[ScopeItemIn] | None = Field(default=None, max_length=500)
    correctors: list[Name] | None = Field(default=None, max_length=50)
    window_hours: int | None = Field(default=None, ge=1, le=24 * 31)
    vendor_ticket: Name | None = None
    acknowledgement: Said | None = None
    external_ref: Name | None = None


class ActOut(Outbound):
    """Where the case stands right after an act that was taken."""

    id: str = Field(description="Number of the case, or id of a task that belongs to none.")
    state: CaseState | None = Field(description="None for a task that belongs to no case.")
    digest: str | None
    waiting_for: list[str]


class EventOut(Outbound):
    """One thing that happened, as it stands on record."""

    seq: int
    at: datetime
    actor: str
    on_behalf_of: str | None
    kind: EventKind
    data: dict[str, Any]
    digest_of_previous: str


class MirroredOut(Outbound):
    """A decision as shown to the workflow of the form's record; what is decided there does not count."""

    seq: int = Field(description="Of the decision's event.")
    person: str
    answer: str
    outcome: MirrorOutcome | None = Field(
        description="`mirrored`; `handled_there`: the task had been answered in Jiandaoyun before; "
        "`no_task`: no task there waits for this person; `no_user`: they have no user name there; "
        "`no_node`: returned to where no node is named; `gone`: the record or its workflow is. "
        "Null while it is on its way."
    )
    at: datetime


class FormShownOut(Outbound):
    """What the form shows from which a case came."""

    record: str = Field(description="The record: `jiandaoyun:application/form/record`.")
    shown: dict[str, str] = Field(description="What was written into it last, by result.")
    shown_at: datetime | None = Field(description="When; null if nothing has been written yet.")
    mirrored: list[MirroredOut] = Field(description="Decisions shown to its own workflow, if it is mirrored.")


class Timeline(Outbound):
    items: list[EventOut]
    form: FormShownOut | None = Field(description="Null if the case came another way.")
    next: str | None = Field(description="Always none: a timeline is given whole.")


# --------------------------------------------------------------------------- plans


class PlanStepOut(Outbound):
    """One module, one period, one verb."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "n": 1,
                    "verb": "unclose",
                    "module": "gl",
                    "period": "2025-05",
                    "mode": "automatic",
                    "why": "closes after a module that was asked for",
                }
            ]
        }
    )

    n: int
    verb: Verb
    module: Module
    period: str
    mode: StepMode
    why: str = Field(description="In the language asked for.")


class EvidenceRowOut(Outbound):
    what: str
    facts: dict[str, str]


class FindingOut(Outbound):
    """What a check noticed, and what to do about it, in the language asked for."""

    code: FindingCode
    severity: Severity
    owner: Owner
    title: str
    remedy: str
    count: int
    module: Module | None
    period: str | None
    rows: list[EvidenceRowOut] = Field(description="The first rows that show it.")


class DemandOut(Outbound):
    """Consent of so many of these persons."""

    group: Group
    persons: list[str]
    need: int


class LevelOut(Outbound):
    """One level of the pinned chain: who may sign, in what manner, and which rules put it there."""

    n: int
    name: str
    groups: list[Group]
    persons: list[str] = Field(description="Everyone who may sign.")
    mode: Mode = Field(description="`any` 或签, `all` 会签, `sequence` 依次.")
    ways: list[list[DemandOut]] = Field(description="Any one of these lists of demands is enough.")
    why: str = Field(description="Names of the rules that hold; `always` for a level without rules.")
    deadline_hours: int = Field(description="Working hours until people are reminded or others asked too.")
    on_deadline: OnDeadline
    escalates_to: list[str] = Field(description="Whose consent is as good after the deadline.")
    expires_hours: int = Field(description="Working hours until the case expires.")
    cc: list[str] = Field(description="Who is told, and not asked.")


class RehearsalOut(Outbound):
    """The whole plan, carried out on a copy of the ledger; or why it was not."""

    skipped: str | None = Field(description="Why there was no rehearsal; the rest is empty then.")
    backup: str | None = Field(description="The backup that the copy was made from.")
    steps: int | None = Field(description="How many pointer movements were made and read back.")
    opened_root: str | None = Field(description="Root of the proof once everything was open.")
    closed_root: str | None = Field(description="Root once everything was closed again: the backup's own.")
    restore_milliseconds: int | None = Field(description="How long a roll-back would take to restore.")
    milliseconds: int | None = Field(description="How long the whole rehearsal took.")


class MovementOut(Outbound):
    """One step of the rehearsal with its read-back."""

    verb: Verb
    module: Module
    period: str
    pointers: dict[str, str] = Field(description="Current period of every module after it.")


class WholeRehearsalOut(RehearsalOut):
    movements: list[MovementOut]


class PlanOut(Outbound):
    """What is to be done, what the checks noticed, and who must agree."""

    digest: str | None
    risk: Risk | None
    steps: list[PlanStepOut]
    findings: list[FindingOut]
    policy_version: str | None
    chain: list[LevelOut]
    rehearsal: WholeRehearsalOut | None = Field(description="None until the plan has been rehearsed.")


class FieldChangeOut(Outbound):
    line: str = Field(description="Which line of the document; empty for its head.")
    name: str
    before: str
    after: str


class LogEntryOut(Outbound):
    """What the ledger's own change log says about a document."""

    person: str
    at: str
    note: str
    reverses: str = Field(description="The document that this one takes back in red; empty for any other.")


class DocumentDifferenceOut(Outbound):
    """One document, voucher or stock count that is not what it was."""

    document: str
    sort: str = Field(description="`document`, `count`, `voucher`; `closing` for a voucher of the closing.")
    action: DocumentAction
    module: Module
    period: str
    fields: list[FieldChangeOut]
    more_fields: int = Field(description="Fields that differ and are only counted.")
    entries: list[LogEntryOut] = Field(description="Empty for a document that was changed past the ERP.")


class DocumentsDifferenceOut(Outbound):
    """Documents that differ, and how many of them in all."""

    added: int
    changed: int
    deleted: int
    items: list[DocumentDifferenceOut]
    more: int = Field(description="Documents that differ and are only counted.")


class ValueChangeOut(Outbound):
    """A figure before the opening and after the closing; empty where the row is not there."""

    name: str
    before: str
    after: str


class BalanceDifferenceOut(Outbound):
    """One row of balances that is not what it was."""

    module: Module
    period: str
    change: RowChange
    key: dict[str, str] = Field(description="What names the row: warehouse and item, partner, account.")
    values: list[ValueChangeOut]


class PlaceCountOut(Outbound):
    """How many rows of one module and period differ."""

    module: Module
    period: str
    added: int
    gone: int
    changed: int


class BalancesDifferenceOut(Outbound):
    """Balances that differ, and how many in all."""

    places: list[PlaceCountOut]
    items: list[BalanceDifferenceOut]
    more: int = Field(description="Rows that differ and are only counted.")


class NetOut(Outbound):
    """By how much one measure has changed, all rows of a module and period together."""

    module: Module
    period: str
    measure: str
    amount: str


class WholeDifferenceOut(Outbound):
    """The file with everything that is only counted here, one JSON object a line."""

    href: str
    sha256: str
    lines: int


class DifferenceOut(Outbound):
    """What a case has changed: just before it was opened, just after it was closed again."""

    request: str
    documents: DocumentsDifferenceOut
    balances: BalancesDifferenceOut
    net: list[NetOut]
    unlogged: list[str] = Field(description="Documents that differ and that the ledger's log does not know.")
    without_effect: list[str] = Field(description="Documents in the log that are what they were.")
    whole: WholeDifferenceOut | None


class PolicyLevelWhy(Outbound):
    """Whether a level of the policy is asked."""

    name: str
    asked: bool
    why: list[str] = Field(description="The rules that hold.")


class PlanIn(Inbound):
    """A scope to plan for, without asking for anything."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"ledger": "demo", "target_period": "2025-03", "modules": ["inventory"], "scope": []}
            ]
        },
    )

    ledger: Name
    target_period: Name
    modules: list[Name] = Field(min_length=1, max_length=8)
    reason_code: ReasonCode = ReasonCode.ENTRY_ERROR
    scope: list[ScopeItemIn] = Field(default_factory=list, max_length=500)
    correctors: list[Name] = Field(default_factory=list, max_length=50)
    window_hours: int = Field(default=24, ge=1, le=24 * 31)
    expedited: bool = False
    vendor_ticket: Name | None = None


class PolicyPreviewIn(PlanIn):
    """A request to try a policy on, and the policy if it is not the one in force."""

    text: PolicyText | None = Field(default=None, description="A policy as TOML; nothing is put in force.")


class BlastRadius(Outbound):
    """What the opening would touch."""

    periods: list[str]
    modules: list[Module]
    steps: int
    documents: int | None = Field(description="None if the ledger does not tell.")
    vouchers: int | None
    settlements: int | None


class DryRunOut(PlanOut):
    """What a request would meet now. Nothing is written."""

    levels: list[PolicyLevelWhy] = Field(description="Every level of the policy, asked or not.")
    authorising_groups: list[Group]

    blocked: bool = Field(description="Whether a blocker would end the case.")
    crosses_fiscal_year: bool
    blast_radius: BlastRadius


# --------------------------------------------------------------------------- tasks


class ProposalOut(Outbound):
    """What one person has proposed, and another of the other group may confirm."""

    answer: TaskAction
    person: str
    groups: list[Group]
    comment: str


class InstructionOut(Outbound):
    """What to do in the ERP at a guided step, and which runbook says so."""

    runbook: str
    version: str
    sha256: str = Field(description="Of the runbook as it was when the step was asked for.")
    language: str
    title: str
    menu: list[str] = Field(description="The path through the menus of the ERP.")
    do: list[str] = Field(description="What to do there, one act after another.")
    expect: str = Field(description="What the ERP shows when it has worked.")
    avoid: list[str] = Field(description="What not to click.")
    screenshot: str = Field(description="Name of a picture; empty where there is none.")


class UndeclaredOut(Outbound):
    """A change that the request had not declared."""

    document: str
    action: str = Field(description="`added`, `changed` or `deleted`.")
    module: Module
    period: str
    person: str
    at: datetime
    note: str


class ExplanationOut(Outbound):
    """Why it was made, according to one who corrected."""

    by: str
    comment: str
    documents: list[str]


class HeldOut(Outbound):
    """What of the ledger a case keeps from others while it waits for a person."""

    fence: int | None = Field(description="Of the lease; null if the case does not have it.")
    doors: Doors = Field(description="Whom the ledger lets in: everybody, the correctors, nobody.")
    rights: list[str] = Field(
        description="Who was given the right to correct and is not known to have lost it."
    )


class ExtensionOut(Outbound):
    """A longer correction window, as it was asked for."""

    by: str
    hours: int
    reason: str
    ends: datetime = Field(description="When the window ends if nobody agrees.")
    would_end: datetime


class TaskSummary(Outbound):
    """What a person must see before acting."""

    applicant: str
    reason_code: ReasonCode
    reason: str
    modules: list[Module]
    risk: Risk | None
    steps: list[PlanStepOut]
    blast_radius: BlastRadius | None
    drift: dict[str, Any] | None = Field(
        description="What has changed since people agreed: request, plan, findings, policy."
    )
    failure: str | None = Field(description="What stopped the case; only on tasks of kind `attention`.")
    held: HeldOut | None = Field(description="Only on tasks of kind `attention`.")
    proposal: ProposalOut | None = Field(description="An answer that waits for a second person.")
    rehearsal: RehearsalOut | None = Field(
        description="What the rehearsal has shown; only on tasks of kind `authorisation`."
    )
    instruction: InstructionOut | None = Field(description="Only on tasks of kind `guided_step`.")
    undeclared: list[UndeclaredOut] = Field(description="Only on tasks about an explanation.")
    explanation: ExplanationOut | None = Field(description="Only on tasks about an explanation.")
    extension: ExtensionOut | None = Field(description="Only on tasks about a longer correction window.")


class KnowledgeLink(Outbound):
    """An article of the knowledge base that helps with a task."""

    id: str
    title: str = Field(description="In the language asked for.")
    href: str


class TaskLinks(Outbound):
    self: str
    request: str | None
    actions: str


class StandingOut(Outbound):
    """What a task is about that belongs to no case: an alarm of the watch, a finding of the self-check."""

    code: str = Field(description="Code of the alarm or the finding.")
    remedy: str = Field(description="What is to be done, in the language asked for.")
    facts: dict[str, Any] = Field(description="What was noticed, with the ERP's log around it.")
    raised_by: str = Field(description="The run that noticed it.")


class TaskOut(Outbound):
    """Something one of several people is asked to do."""

    id: str
    kind: TaskKind
    name: str
    title: str = Field(description="In the language asked for.")
    request: str | None = Field(description="Number of the case; none if it belongs to none.")
    ledger: str | None
    target_period: str | None
    request_state: CaseState | None
    state: str = Field(description="`open` or `closed`.")
    groups: list[Group]
    persons: list[str] = Field(description="Who may act; everyone of the groups if nobody is named.")
    actions: list[TaskAction] = Field(description="What the one who asks may do now.")
    digest: str | None = Field(description="Repeat it in the act: it says what is consented to.")
    opened_at: datetime
    due: datetime | None = Field(description="When people are reminded, or others are asked as well.")
    expires: datetime | None = Field(description="When the case expires if nobody has acted.")
    waiting_for: list[str] = Field(description="Groups or persons whose act is awaited.")
    acting_for: list[str] = Field(description="Persons asked here for whom the one who asks stands in.")
    cc: list[str] = Field(description="Who is told, and not asked.")
    age_seconds: float
    outcome: str | None
    closed_by: str | None
    closed_at: datetime | None
    summary: TaskSummary | None = Field(description="None if it belongs to no case.")
    standing: StandingOut | None = Field(description="Only if it belongs to no case.")
    knowledge: list[KnowledgeLink] = Field(description="What to read before acting, the nearest first.")
    links: TaskLinks


class TaskList(Outbound):
    items: list[TaskOut]
    next: str | None = Field(description="Cursor of the next page; none on the last.")


class ActIn(Inbound):
    """An act on a task."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"action": "approve", "comment": "同意", "digest": "9f2c…"}]},
    )

    action: TaskAction
    comment: Said = ""
    digest: Name | None = Field(default=None, description="The digest shown with the task.")
    to: Name | None = Field(
        default=None, description="transfer: a person; return: `applicant` or the name of an earlier level."
    )
    resume: Resume | None = Field(
        default=None,
        description="return: `replay` asks every level from there again, `direct` comes straight back.",
    )
    persons: list[Name] = Field(
        default_factory=list, max_length=10, description="add_sign: who signs besides."
    )
    position: Position | None = Field(default=None, description="add_sign: before, after or parallel.")
    acting_for: Name | None = Field(
        default=None, description="Whom you stand in for; found by itself if you may for one person only."
    )


# --------------------------------------------------------------------------- ledgers, people, operations


class CalendarOut(Outbound):
    periods_per_year: int
    first_month: int


class PolicyLevelOut(Outbound):
    name: str
    groups: list[Group]
    mode: Mode
    when: dict[str, str] = Field(description="Rules by name, in CEL; the level is asked if any holds.")
    deadline_hours: int
    on_deadline: OnDeadline
    escalate_to: Group | None
    expires_hours: int
    cc: list[Group]


class PolicyOut(Outbound):
    """The approval policy of a ledger that is in force."""

    ledger: str
    version: str
    source: str = Field(
        description="`register` for a version that was put, `configured` for the ledger's own."
    )
    author: str | None
    comment: str
    at: datetime | None
    text: str = Field(description="As TOML: what was put, or what was configured.")
    levels: list[PolicyLevelOut]
    authorising_groups: list[Group]
    within_minutes: int = Field(description="A first confirmation older than this must be given again.")


class PolicyList(Outbound):
    items: list[PolicyOut]
    next: str | None


class PolicyIn(Inbound):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "text": '[[levels]]\nname = "finance"\ngroups = "finance"\n',
                    "comment": "",
                    "based_on": None,
                }
            ]
        },
    )

    text: PolicyText = Field(description="The policy as TOML.")
    comment: Said = ""
    based_on: Name | None = Field(
        default=None, description="The version that was changed; refused if another is in force by now."
    )


class LeaseOut(Outbound):
    """Who holds a ledger."""

    holder: str = Field(description="Number of the case.")
    fence: int = Field(description="Under which fence it acts.")
    since: datetime | None


class LedgerOut(Outbound):
    """How a ledger is configured."""

    code: str
    name: str
    connector: str
    modules: list[Module]
    closes_before: list[tuple[Module, Module]] = Field(
        description="Pairs: the second closes after the first."
    )
    calendar: CalendarOut
    time_zone: str
    policy_version: str
    levels: list[PolicyLevelOut]
    authorising_groups: list[Group]
    approval_hours: int
    authorisation_hours: int
    max_window_hours: int
    at_site: bool
    lease: LeaseOut | None = Field(description="Who holds it now; none if nobody does.")


class LedgerList(Outbound):
    items: list[LedgerOut]
    next: str | None


class ModuleStateOut(Outbound):
    module: Module
    start: str
    current: str = Field(description="Every period before it, from start on, is closed.")
    locked: list[str]


class CloseStateOut(Outbound):
    """What is closed in a ledger, read from its ERP just now."""

    ledger: str
    read_at: datetime
    held_by: str | None = Field(description="The case that executes on it, if any.")
    modules: list[ModuleStateOut]


class SessionOut(Outbound):
    id: str
    person: str
    since: datetime
    doing: str


class SessionList(Outbound):
    items: list[SessionOut]
    next: str | None


class Health(Outbound):
    status: str


class Checks(Outbound):
    database: bool
    temporal: bool
    worker: bool


class Ready(Outbound):
    status: str = Field(description="`ready` or `not ready`.")
    checks: Checks
    demo_ledgers: list[str] = Field(description="Ledgers that are toys: nothing real hangs on them.")


class FieldError(BaseModel):
    in_: str = Field(alias="in", description="`body`, `query`, `path` or `header`.")
    pointer: str = Field(description="JSON pointer to the field.")
    message: str


class ProblemOut(BaseModel):
    """RFC 9457. The facts of the problem are further members."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(description="`/problems/` and a heading of openapi/problems.md.")
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError]
    remedy: str
