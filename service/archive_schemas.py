"""Bodies about the archive, root causes and legal holds, with the words that the OpenAPI document shows."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from service.archive_text import Where
from service.schemas import Inbound, Outbound, Reason, Said
from workflows.domain.approval import Group
from workflows.domain.findings import FindingCode
from workflows.domain.request import CaseState, ReasonCode


class MarkOut(Outbound):
    """Part of a text, in Unicode characters."""

    start: int
    end: int = Field(description="The character after the last.")


class HighlightOut(Outbound):
    """A line in which something stands that was asked for, as it was written."""

    where: Where
    text: str
    marks: list[MarkOut]


class ArchivedOut(Outbound):
    """A case that has ended."""

    id: str
    ledger: str
    target_period: str
    applicant: str
    outcome: CaseState
    reason_code: ReasonCode
    root_cause: str | None = Field(description="Code of the root cause; null until somebody has named it.")
    accepted_at: datetime
    ended_at: datetime
    on_hold: bool = Field(description="Whether a legal hold keeps it, however old it is.")
    keep_until: datetime | None = Field(
        description="Until when its ledger wants it kept; null for ever, or as long as it is on hold."
    )
    highlights: list[HighlightOut]
    links: dict[str, str]


class ArchiveList(Outbound):
    items: list[ArchivedOut]
    next: str | None = Field(description="Cursor of the next page; null on the last.")
    pending: int = Field(
        description="Cases that have ended and cannot be found by their words yet; as a rule none, or for a "
        "moment those of the last second."
    )
    unreadable: list[str] = Field(
        description="Of these, the first that could not be read. They are tried again, ever more seldom; "
        "the worker's log says why."
    )


# --------------------------------------------------------------------------- root causes

CauseCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class RootCauseIn(Inbound):
    """Why the case was needed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"cause": "count_incomplete", "note": "B 仓两个货位未盘"}]},
    )

    cause: CauseCode = Field(description="Code in the ledger's catalogue.")
    note: Said = Field(default="", description="In words; needed for `other`.")


class WordsOut(Outbound):
    zh: str
    en: str


class NamedCauseOut(Outbound):
    """A root cause as somebody named it."""

    cause: str
    title: WordsOut
    note: str
    actor: str
    on_behalf_of: str | None
    at: datetime
    recurrences: int = Field(description="Earlier cases of the ledger that had the same cause.")


class CaseCauseOut(Outbound):
    """The root cause of a case: the newest naming counts, all stay on record."""

    current: NamedCauseOut | None
    earlier: list[NamedCauseOut]


class CatalogueCauseOut(Outbound):
    """A cause that may be named, and what past cases have made of it."""

    cause: str
    title: WordsOut
    prevention: WordsOut = Field(description="What keeps it from happening again.")
    owner: Group = Field(description="Who looks after that before each month end.")
    check: FindingCode | None = Field(description="What a self-check can notice of it.")
    cases: int = Field(description="How often it was the cause on this ledger.")
    last_case: str | None
    last_at: datetime | None


class CauseCatalogueOut(Outbound):
    items: list[CatalogueCauseOut]
    days: int = Field(description="Days after its end within which a case's cause can be named.")
    next: str | None = Field(default=None, description="Always null: the catalogue is one page.")


class CauseQuestionOut(Outbound):
    """A case that has ended, whose cause nobody has named yet."""

    case: str
    ledger: str
    applicant: str
    ended_at: datetime
    due: datetime = Field(description="Until when it can be named; afterwards by the finance head only.")
    links: dict[str, str]


class CauseQuestionList(Outbound):
    items: list[CauseQuestionOut]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


# --------------------------------------------------------------------------- legal holds


class HoldIn(Inbound):
    """Why a case must be kept, or need not be kept any longer."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "外部审计 2025"}]})

    reason: Reason = Field(description="For the record.")


class HoldOut(Outbound):
    reason: str
    set_by: str
    set_at: datetime
    lift_reason: str | None
    lifted_by: str | None
    lifted_at: datetime | None


class HoldList(Outbound):
    items: list[HoldOut]
    on_hold: bool
    next: str | None = Field(default=None, description="Always null: a case has few holds.")
