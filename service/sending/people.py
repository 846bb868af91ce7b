"""Who must know of what: holders of tasks, applicants, correctors, signers, and those kept informed.

Everyone is told once per event, by the most important reason there is for telling them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, select

from service.database import Database
from service.directory import RegisterDirectory
from service.sending.message_texts import MessageKind
from service.sending.ports import News
from service.tables import case_parts, decisions, tasks
from workflows.attention_desk import ATTENTION_GROUPS
from workflows.domain.approval import Group
from workflows.domain.case import EventKind, TaskKind
from workflows.domain.delegation import Delegation, stand_ins_of
from workflows.domain.digest import Json
from workflows.domain.request import CaseState

_K, _E, _S = MessageKind, EventKind, CaseState

MAIN_CORRECTION = "correction"
"""Name of the task that its own news tells of: the window is open."""


@dataclass(frozen=True)
class Reason:
    """Why one person is told, and the task that they are to act on, if any."""

    kind: MessageKind
    task: str | None = None


Told: TypeAlias = dict[str, Reason]
"""Persons, each with the first reason that was found for them."""


@dataclass(frozen=True)
class Standing:
    """What is on record of a case when its news is looked at."""

    tasks: tuple[Row[Any], ...]  # Any: as typed by the columns of the table
    decisions: tuple[Row[Any], ...]
    findings: Json

    def task(self, name: str | None) -> Row[Any] | None:
        return next((task for task in self.tasks if task.id == name), None)

    @property
    def open(self) -> tuple[Row[Any], ...]:
        return tuple(task for task in self.tasks if task.state == "open")

    @property
    def signers(self) -> tuple[str, ...]:
        """Everyone who has ever decided in it, and for whom they stood in."""
        names = (name for row in self.decisions for name in (row.person, row.on_behalf_of) if name)
        return tuple(dict.fromkeys(names))

    def has_answered(self, person: str, task: str) -> bool:
        return any(
            row.task == task and not row.void and person in (row.person, row.on_behalf_of)
            for row in self.decisions
        )


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Recipients:
    """Looks up in register and directory who must hear of an event, and why."""

    def __init__(
        self, database: Database, directory: RegisterDirectory, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self._database, self._directory, self._now = database, directory, now

    async def standing(self, case: str) -> Standing:
        return await self._database.read(partial(_read, case=case))

    async def of(self, news: News, standing: Standing) -> Told:
        """Active persons only: whoever has left is told nothing."""
        rule = _RULES.get(news.event.kind)
        found = await rule(self, news, standing) if rule else {}
        return {name: why for name, why in found.items() if await self._is_here(name)}

    async def groups_of(self, person: str) -> tuple[Group, ...]:
        return await self._directory.groups_of(person) or ()

    async def _is_here(self, person: str) -> bool:
        return await self._directory.groups_of(person) is not None

    # ------------------------------------------------------------------ what each event means

    async def _asked(self, news: News, standing: Standing) -> Told:
        task = standing.task(_text(news.event.data.get("task")))
        if task is None or task.state != "open" or _is_told_otherwise(task):
            return {}
        kind = _K.AUTHORISE if task.kind == TaskKind.AUTHORISATION else _K.TASK
        told = _all(await self._holders(task, news), kind, task.id)
        return told | _all(set(task.cc) - set(told), _K.FOR_INFORMATION)

    async def _asked_others(self, news: News, standing: Standing) -> Told:
        """A task was handed on, or more people are to sign it."""
        data, task = news.event.data, standing.task(_text(news.event.data.get("task")))
        if task is None or task.state != "open":
            return {}
        named = _texts(data.get("persons")) or _texts([data.get("to")])
        return _all(await self._with_stand_ins(named, news), _K.TASK, task.id)

    async def _reminded(self, news: News, standing: Standing) -> Told:
        closing = news.event.data.get("because") == "the window ends"
        kind = _K.WINDOW_CLOSING if closing else _K.REMINDER
        told: Told = {}
        for task in standing.open:
            holders = await self._holders(task, news)
            waiting = [name for name in holders if not standing.has_answered(name, task.id)]
            told = _all(waiting, kind, task.id) | told
        return told

    async def _escalated(self, news: News, standing: Standing) -> Told:
        more = await self._with_stand_ins(_texts(news.event.data.get("to")), news)
        task = next((task for task in standing.open if task.kind == TaskKind.APPROVAL), None)
        told = _all(more, _K.ESCALATED, task.id if task is not None else None)
        return await self._reminded(news, standing) | told

    async def _void(self, news: News, standing: Standing) -> Told:
        return _all(_texts(news.event.data.get("signed")), _K.CONSENT_VOID)

    async def _window_opened(self, news: News, standing: Standing) -> Told:
        task = next((t for t in standing.open if t.name == MAIN_CORRECTION), None)
        persons = _texts(news.event.data.get("persons"))
        told = _all(persons, _K.WINDOW_OPENED, task.id if task is not None else None)
        return _all(_applicants(news), _K.WINDOW_OPENED) | told

    async def _window_extended(self, news: News, standing: Standing) -> Told:
        return _all((*_applicants(news), *news.request.correctors), _K.WINDOW_EXTENDED)

    async def _window_closed(self, news: News, standing: Standing) -> Told:
        return _all((*_applicants(news), *news.request.correctors), _K.WINDOW_CLOSED)

    async def _attention(self, news: News, standing: Standing) -> Told:
        task = next((task for task in standing.open if task.kind == TaskKind.ATTENTION), None)
        deciding = await self._members(ATTENTION_GROUPS)
        told = _all(deciding, _K.ATTENTION, task.id if task is not None else None)
        if news.event.kind == _E.ATTENTION_PROPOSED:
            return {name: why for name, why in told.items() if name != news.event.actor}
        return _all(_applicants(news), _K.ATTENTION) | told

    async def _moved(self, news: News, standing: Standing) -> Told:
        state = news.event.data.get("to")
        if state in (_S.RETURNED, _S.CHECKS_FAILED):
            kind = _K.RETURNED if state == _S.RETURNED else _K.CHECKS_FAILED
            return _all(_applicants(news), kind)
        kind_of_end = _ENDS.get(str(state))
        return {} if kind_of_end is None else _all(self._everyone(news, standing), kind_of_end)

    def _everyone(self, news: News, standing: Standing) -> Iterable[str]:
        """Whatever the end: who asked, corrected, signed, was asked last, is kept informed."""
        asked = (
            name
            for task in standing.tasks
            if task.state == "open" or task.outcome in ("expired", "withdrawn")
            for name in task.persons
        )
        informed = (name for task in standing.tasks for name in task.cc)
        return (*_applicants(news), *news.request.correctors, *standing.signers, *asked, *informed)

    # ------------------------------------------------------------------ people

    async def _holders(self, task: Row[Any], news: News) -> tuple[str, ...]:
        """Named persons stand for their groups, as in the inbox; and who stands in for them (R53)."""
        named = tuple(task.persons)
        if named:
            return await self._with_stand_ins(named, news)
        members = await self._members(tuple(Group(group) for group in task.groups))
        # Nobody decides on their own case: asking the applicant would be asking for a refusal.
        others = tuple(name for name in members if name not in _applicants(news))
        return await self._with_stand_ins(others, news)

    async def _members(self, groups: tuple[Group, ...]) -> tuple[str, ...]:
        found = await self._directory.people(groups)
        return tuple(dict.fromkeys(name for names in found.values() for name in names))

    async def _with_stand_ins(self, persons: Sequence[str], news: News) -> tuple[str, ...]:
        at = self._now()
        known = await self._directory.delegations(at)
        return tuple(dict.fromkeys((*persons, *_stand_ins(persons, known, at, news))))


def _stand_ins(
    persons: Sequence[str], known: tuple[Delegation, ...], at: datetime, news: News
) -> Iterable[str]:
    for person in persons:
        for stand_in in stand_ins_of(person, known, at, news.request.ledger):
            if stand_in not in _applicants(news):
                yield stand_in


def _applicants(news: News) -> tuple[str, ...]:
    request = news.request
    return (request.applicant, *((request.on_behalf_of,) if request.on_behalf_of else ()))


def _is_told_otherwise(task: Row[Any]) -> bool:
    is_window = task.kind == TaskKind.CORRECTION and task.name == MAIN_CORRECTION
    return bool(is_window or task.kind == TaskKind.ATTENTION)


def _all(persons: Iterable[str], kind: MessageKind, task: str | None = None) -> Told:
    return {person: Reason(kind, task) for person in persons}


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


_ENDS = {
    str(_S.COMPLETED): _K.COMPLETED,
    str(_S.REJECTED): _K.REJECTED,
    str(_S.EXPIRED): _K.EXPIRED,
    str(_S.WITHDRAWN): _K.WITHDRAWN,
    str(_S.ROLLED_BACK): _K.ROLLED_BACK,
}

_RULES = {
    _E.ASKED: Recipients._asked,
    _E.TRANSFERRED: Recipients._asked_others,
    _E.SIGN_ADDED: Recipients._asked_others,
    _E.REMINDED: Recipients._reminded,
    _E.ESCALATED: Recipients._escalated,
    _E.DECISIONS_VOID: Recipients._void,
    _E.WINDOW_OPENED: Recipients._window_opened,
    _E.WINDOW_EXTENDED: Recipients._window_extended,
    _E.WINDOW_CLOSED: Recipients._window_closed,
    _E.ATTENTION_NEEDED: Recipients._attention,
    _E.ATTENTION_PROPOSED: Recipients._attention,
    _E.STATE_CHANGED: Recipients._moved,
}
"""What each event means to people; of the others nobody has to be told."""


def _read(connection: Connection, case: str) -> Standing:
    asked = select(tasks).where(tasks.c.case_id == case).order_by(tasks.c.opened_at, tasks.c.id)
    decided = select(decisions).where(decisions.c.case_id == case).order_by(decisions.c.seq)
    found = (case_parts.c.case_id == case) & (case_parts.c.name == "findings")
    return Standing(
        tuple(connection.execute(asked)),
        tuple(connection.execute(decided)),
        connection.scalar(select(case_parts.c.value).where(found)),
    )
