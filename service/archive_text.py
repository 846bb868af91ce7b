"""Everything that a case says, line by line, as the archive keeps it to be found."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from service.queries import DecisionView
from service.texts import FINDINGS, GROUPS, INTENTS, MODULES, REASONS, STATES, Words
from workflows.domain.case import SYSTEM, CaseEvent
from workflows.domain.digest import Json
from workflows.domain.findings import FindingCode
from workflows.domain.request import CaseState, UncloseRequest


class Where(StrEnum):
    """In which part of a case a line stands."""

    REQUEST = "request"
    CAUSE = "cause"
    DECISION = "decision"
    FINDING = "finding"
    DIFFERENCE = "difference"
    EVENT = "event"
    PART = "part"
    TEXT = "text"
    """A text beside the case: its report, an attachment."""
    NAMES = "names"
    """Names of un-closing that the case uses; there to be found, not to be shown."""


@dataclass(frozen=True)
class Line:
    where: Where
    text: str


@dataclass(frozen=True)
class Told:
    """All there is to say of a case."""

    request: UncloseRequest
    state: CaseState
    digest: str | None
    events: tuple[CaseEvent, ...]
    decisions: tuple[DecisionView, ...]
    parts: Mapping[str, Json]
    causes: tuple[str, ...]
    """Each with its code, its words and what was noted."""
    texts: Mapping[str, str]


_SILENT = ("clocks", "digest", "proof_", "moved")
"""Parts whose names begin so hold nothing but numbers and digests."""

_FINDING_CODES = {code.value: code for code in FindingCode}

_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)?")


def lines_of(told: Told) -> list[Line]:
    """What a case says, first what people wrote; the same line once."""
    plain = (Line(line.where, " ".join(line.text.split())) for line in _all_lines(told))
    return list(dict.fromkeys(line for line in plain if line.text))


def _all_lines(told: Told) -> Iterator[Line]:
    yield from _request(told)
    yield from (Line(Where.CAUSE, cause) for cause in told.causes)
    yield from (Line(Where.DECISION, _decision(decision)) for decision in told.decisions)
    for name, value in sorted(told.parts.items()):
        if name == "findings":
            yield from _findings(value)
        elif not name.startswith(_SILENT):
            where = Where.DIFFERENCE if name in ("difference", "undeclared", "explanation") else Where.PART
            yield from (Line(where, text) for text in texts_in(value))
    for event in told.events:
        # Our own name is that of the act: it would be found in every case.
        actor = None if event.actor == SYSTEM.person else event.actor
        head = " ".join(filter(None, (event.kind, actor, event.on_behalf_of)))
        yield Line(Where.EVENT, head)
        yield from (Line(Where.EVENT, text) for text in texts_in(event.data))
    for text in told.texts.values():
        yield from (Line(Where.TEXT, line) for line in text.splitlines())


def _request(told: Told) -> Iterator[Line]:
    request = told.request
    for text in (
        request.reason,
        request.id,
        f"{request.ledger} {request.target_period}",
        _both(request.reason_code, REASONS[request.reason_code]),
        *(_both(module, MODULES[module]) for module in request.modules),
        _both(told.state, STATES[told.state]),
        request.applicant,
        *request.correctors,
        request.on_behalf_of or "",
        request.external_ref or "",
        request.vendor_ticket or "",
        request.acknowledgement or "",
        told.digest or "",
    ):
        yield Line(Where.REQUEST, text)
    for item in request.scope:
        yield Line(Where.REQUEST, f"{item.document} {_both(item.intent, INTENTS[item.intent])} {item.note}")


def _decision(decision: DecisionView) -> str:
    group = next((words for group, words in GROUPS.items() if group == decision.group), None)
    said = (
        decision.name,
        _both(decision.group, group) if group else decision.group,
        decision.person,
        decision.on_behalf_of,
        decision.answer,
        decision.comment,
    )
    return " ".join(filter(None, said))


def _findings(found: Json) -> Iterator[Line]:
    for finding in found if isinstance(found, list) else ():
        if isinstance(finding, dict):
            code = str(finding.get("code"))
            words = FINDINGS.get(_FINDING_CODES[code]) if code in _FINDING_CODES else None
            yield Line(Where.FINDING, _both(code, words.title) if words else code)
            yield from (Line(Where.FINDING, text) for text in texts_in(finding))


def _both(code: str, words: Words) -> str:
    return f"{words.zh} {words.en} {code}"


def texts_in(value: Json) -> Iterator[str]:
    """What a document says: one text for each object or list, of all that stands in it directly."""
    within = _within(value)
    said = " ".join(filter(None, (_said(each) for each in within)))
    if said:
        yield said
    for each in within:
        if isinstance(each, dict | list):
            yield from texts_in(each)


def _within(value: Json) -> Iterable[Any]:  # Any: JSON
    if isinstance(value, dict):
        # PostgreSQL keeps the names of a document in an order of its own.
        return tuple(value[name] for name in sorted(value))
    return tuple(value) if isinstance(value, list) else (value,)


def _said(value: Json) -> str:
    """A plain value as text. Times are asked for by date, in a filter."""
    if isinstance(value, str) and not _TIME.fullmatch(value):
        return value
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else ""
