"""What a report is made from: one case file, a language, and how its facts are written in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any

from activities.recording import CaseFile
from activities.report.document import Cell, Tone
from service.reports.words import ANSWERS, EVENTS, MEASURES, MOMENTS, POINTS, RISKS
from service.texts import GROUPS, MODULES, STATES, Language, Words, word
from workflows.domain.case import CaseEvent, EventKind
from workflows.domain.request import FINAL_STATES, CaseState

Part = Mapping[str, Any]
"""A part of a case as the register keeps it: JSON whose shape is the writer's."""

_SHORT = 16
"""How much of a digest is shown where the whole one stands elsewhere."""


@dataclass(frozen=True)
class Letterhead:
    """What the register does not know of a case: how its ledger and its people are called, and their time."""

    ledger: str = ""
    time_zone: tzinfo = UTC
    names: Mapping[str, str] = field(default_factory=dict)
    """Full names of people by user name."""


@dataclass(frozen=True)
class Material:
    file: CaseFile
    language: Language
    letterhead: Letterhead = Letterhead()

    # ------------------------------------------------------------------ the case

    @cached_property
    def events(self) -> tuple[CaseEvent, ...]:
        """What happened, up to the end of the case: later events tell of its report, not of the case."""
        for n, event in enumerate(self.file.events, 1):
            if event.kind == EventKind.STATE_CHANGED and event.data.get("to") in FINAL_STATES:
                return self.file.events[:n]
        return self.file.events

    @cached_property
    def state(self) -> CaseState:
        moves = self.of_kind(EventKind.STATE_CHANGED)
        return CaseState(facts_of(moves[-1])["to"]) if moves else CaseState.RECEIVED

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def ended_at(self) -> datetime:
        """When the last thing happened."""
        return self.events[-1].at if self.events else self.file.request.accepted_at

    def of_kind(self, *kinds: EventKind) -> list[CaseEvent]:
        return [event for event in self.events if event.kind in kinds]

    def part(self, name: str) -> Part:
        """A part of the case; empty if it never became known."""
        found = self.file.parts.get(name)
        return found if isinstance(found, dict) else {}

    def parts(self, name: str) -> Sequence[Part]:
        """A part that is a list; empty if it never became known."""
        found = self.file.parts.get(name)
        return found if isinstance(found, list) else ()

    # ------------------------------------------------------------------ words

    def say(self, en: str, zh: str) -> str:
        return Words(en, zh).in_(self.language)

    def word(self, table: Mapping[Any, Words], code: object) -> str:
        """The word for a code, or the code where none is known."""
        return word(table, str(code), self.language)

    def state_name(self, state: object) -> str:
        return self.word(STATES, state)

    def module(self, code: object) -> str:
        return self.word(MODULES, code)

    def group(self, code: object) -> str:
        return self.word(GROUPS, code)

    def listed(self, words: Iterable[str]) -> str:
        return self.say(", ", "、").join(words) or self.none

    @property
    def none(self) -> str:
        return "—"

    def person(self, name: str | None) -> str:
        """The full name with the user name, as far as it is known."""
        if not name:
            return self.none
        if name == "unclose":
            return self.say("Unclose (the system)", "Unclose（系统）")
        full = self.letterhead.names.get(name, name)
        return name if full == name else self.say(f"{full} ({name})", f"{full}（{name}）")

    def actor(self, event: CaseEvent) -> str:
        """Who acted; with the person for whom it was done."""
        if not event.on_behalf_of:
            return self.person(event.actor)
        by, whom = self.person(event.actor), self.person(event.on_behalf_of)
        return self.say(f"{by} on behalf of {whom}", f"{by}（代 {whom}）")

    def answer(self, code: object) -> str:
        return self.word(ANSWERS, code)

    def event_name(self, kind: object) -> str:
        return self.word(EVENTS, kind)

    def measure(self, name: object) -> str:
        return self.word(MEASURES, name)

    def risk(self, code: object) -> str:
        return self.word(RISKS, code)

    def point(self, code: object) -> str:
        return self.word(POINTS, code)

    def moment_of_proof(self, code: object) -> str:
        return self.word(MOMENTS, code)

    # ------------------------------------------------------------------ numbers

    def moment(self, at: datetime | str | None, *, finely: bool = False) -> str:
        """A time in the ledger's own zone, to the second or the millisecond."""
        if at is None or at == "":
            return self.none
        told = datetime.fromisoformat(at) if isinstance(at, str) else at
        local = told.astimezone(self.letterhead.time_zone)
        text = local.strftime("%Y-%m-%d %H:%M:%S")
        return f"{text}.{local.microsecond // 1000:03}" if finely else text

    @property
    def zone(self) -> str:
        name = str(self.letterhead.time_zone)
        offset = self.ended_at.astimezone(self.letterhead.time_zone).strftime("%z")
        return f"{name} (UTC{offset[:3]}:{offset[3:]})" if name != "UTC" else name

    def duration(self, milliseconds: int | None) -> str:
        """How long, in the two largest units."""
        if milliseconds is None:
            return self.none
        if milliseconds < 60_000:
            return f"{milliseconds / 1000:.2f} " + self.say("s", "秒")
        seconds = round(milliseconds / 1000)
        units = (
            (86_400, self.say("d", "天")),
            (3_600, self.say("h", "小时")),
            (60, self.say("min", "分")),
            (1, self.say("s", "秒")),
        )
        told: list[str] = []
        for size, name in units:
            count, seconds = divmod(seconds, size)
            if count or told:
                told.append(f"{count} {name}")
        return " ".join(told[:2])

    def since_start(self, at: datetime) -> int:
        """Milliseconds since the request was accepted."""
        return max(0, (at - self.file.request.accepted_at) // timedelta(milliseconds=1))

    def size(self, count: int) -> str:
        """Bytes as people read them, with the exact number."""
        exact = f"{count:,} B"
        for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
            if count >= unit:
                return f"{count / unit:,.1f} {name} ({exact})"
        return exact

    def number(self, value: object) -> str:
        return f"{value:,}" if isinstance(value, int) else str(value)


def facts_of(event: CaseEvent) -> Part:
    """What an event says, to be read freely."""
    return event.data


def code(text: object, tone: Tone = Tone.PLAIN) -> Cell:
    """A digest, a path, a number of a document."""
    return Cell(str(text) if text else "—", tone, code=True)


def short(digest: object) -> Cell:
    """The beginning of a digest, where the whole one stands elsewhere in the report."""
    return code(str(digest)[:_SHORT] if digest else "")


def plain(text: object, tone: Tone = Tone.PLAIN) -> Cell:
    return Cell("—" if text is None or text == "" else str(text), tone)
