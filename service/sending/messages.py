"""Makes messages of events: for each person who must know, in their language, by the channel they prefer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from typing_extensions import override

from service.problems import told_in
from service.sending.channel_book import ChannelBook
from service.sending.letters import Note
from service.sending.message_texts import EXPEDITED, MessageKind, compose
from service.sending.people import Reason, Recipients, Standing, Told
from service.sending.ports import Addressed, Audience, News
from service.sending.preferences import NONE, Preference, Preferences
from service.texts import FINDINGS, GROUPS, TASK_KINDS, Language, word
from workflows.domain.case import CaseEvent
from workflows.domain.digest import Json
from workflows.domain.findings import CATALOGUE, FindingCode, Severity

UNREACHABLE = "unreachable"
"""The channel of those who have none: a dead letter that operators see."""

URGENT = frozenset({MessageKind.ATTENTION})
"""Told at any hour, as everything of an expedited case is (R12)."""

_BLOCKERS = {rule.code for rule in CATALOGUE if rule.severity == Severity.BLOCKER}
_MOST_FINDINGS = 10


@dataclass(frozen=True)
class Style:
    """How messages read where nobody has said otherwise."""

    language: Language = Language.ZH
    time_zone: str = "Asia/Shanghai"


class Messages(Audience):
    """Without any channel there are no messages; people have their inbox."""

    def __init__(
        self, book: ChannelBook, recipients: Recipients, preferences: Preferences, style: Style
    ) -> None:
        self._book, self._recipients = book, recipients
        self._preferences, self._style = preferences, style

    @override
    async def addressed(self, news: News) -> Sequence[Addressed]:
        if not self._book.entries:
            return ()
        standing = await self._recipients.standing(news.request.id)
        told = await self._recipients.of(news, standing)
        preferred = await self._preferences.of_all(told)
        made: list[Addressed] = []
        shared: dict[str, list[str]] = {}
        for person, why in told.items():
            preference = preferred.get(person, NONE)
            way = next((way for way in preference.channels if way.channel in self._book.entries), None)
            if way is not None:
                note = self._note(news, standing, why, preference, person, way.address)
                made.append(_addressed(news, why, way.channel, f"person:{person}", note, preference))
                continue
            channel = self._book.default_for(await self._recipients.groups_of(person))
            if channel is not None:
                shared.setdefault(channel, []).append(person)
            else:
                note = self._note(news, standing, why, preference, person, "")
                made.append(_addressed(news, why, UNREACHABLE, f"person:{person}", note, preference))
        return [*made, *(self._to_all(news, standing, told, *one) for one in shared.items())]

    def _to_all(
        self, news: News, standing: Standing, told: Told, channel: str, persons: Sequence[str]
    ) -> Addressed:
        """One message to a chat for all who read it there, by the first reason among them."""
        why = told[persons[0]]
        style = Preference(self._book.entries[channel].language)
        note = self._note(news, standing, why, style, None, "", tuple(persons))
        return _addressed(news, why, channel, f"channel:{channel}", note, style)

    def _note(
        self,
        news: News,
        standing: Standing,
        why: Reason,
        preference: Preference,
        person: str | None,
        address: str,
        persons: tuple[str, ...] = (),
    ) -> Note:
        language = preference.language or self._style.language
        zone = preference.quiet.time_zone if preference.quiet else self._style.time_zone
        title, text = compose(why.kind, _facts(news, standing, why, language, ZoneInfo(zone)), language)
        return Note(language, title, text, news.request.id, why.task, person, persons, address, zone)


def _addressed(
    news: News, why: Reason, channel: str, receiver: str, note: Note, preference: Preference
) -> Addressed:
    is_urgent = news.request.expedited or why.kind in URGENT
    return Addressed(why.kind, channel, receiver, note.body(), preference.quiet, is_urgent)


# --------------------------------------------------------------------------- facts


def _facts(
    news: News, standing: Standing, why: Reason, language: Language, zone: ZoneInfo
) -> Mapping[str, str]:
    request, event = news.request, news.event
    task = standing.task(why.task) or standing.task(_text(event.data.get("task")))
    decision = _last_words(news, standing)
    return {
        "case": request.id,
        "ledger": request.ledger,
        "period": str(request.target_period),
        # People know whom it is for; through whose account it came is in the case.
        "applicant": request.on_behalf_of or request.applicant,
        "reason": request.reason,
        "expedited": EXPEDITED.in_(language) if request.expedited else "",
        "task": "" if task is None else _task_words(task.kind, task.name, language),
        "due": "" if task is None or task.due is None else _local(task.due, zone),
        "until": _until(event, zone),
        "because": told_in(event.data.get("failure") or event.data.get("because"), language),
        "by": decision[0],
        "comment": decision[1],
        "findings": "\n".join(_findings(standing.findings, language)),
        "persons": "、".join(_texts(event.data.get("persons"))),
    }


def _task_words(kind: str, name: str, language: Language) -> str:
    what, which = word(TASK_KINDS, kind, language), word(GROUPS, name, language)
    return f"{what} ({which})" if language == Language.EN else f"{what}（{which}）"


def _until(event: CaseEvent, zone: ZoneInfo) -> str:
    said = _text(event.data.get("until")) or _text(event.data.get("would_end"))
    return _local(datetime.fromisoformat(said), zone) if said else ""


def _local(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _last_words(news: News, standing: Standing) -> tuple[str, str]:
    """Who spoke last, and what they said: the one who reminds or withdraws, or the last who has decided."""
    comment = _text(news.event.data.get("comment"))
    if comment:
        return news.event.actor, comment
    last = standing.decisions[-1] if standing.decisions else None
    return (last.person, last.comment) if last is not None and last.comment else ("", "")


def _findings(found: Json, language: Language) -> Iterable[str]:
    """What blocks, and what is to be done about it."""
    if not isinstance(found, list):
        return
    codes = (FindingCode(one["code"]) for one in found if isinstance(one, dict))
    blocking = [code for code in dict.fromkeys(codes) if code in _BLOCKERS]
    for code in blocking[:_MOST_FINDINGS]:
        words = FINDINGS[code]
        colon = ": " if language == Language.EN else "："
        yield f"- {words.title.in_(language)}{colon}{words.remedy.in_(language)}"


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
