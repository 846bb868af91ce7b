"""Numbers for requests without gaps, and the answers given under each Idempotency-Key."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningInsert

from service.database import Database, insert_into, insert_new
from service.refusals import KeyReused
from service.register import read_lease, read_request, request_document
from service.tables import case_numbers, cases, idempotency, intake
from workflows.domain.errors import UnknownRequest
from workflows.domain.request import UncloseRequest

KEYS_ARE_KEPT = timedelta(days=30)
"""How long an Idempotency-Key is remembered at least."""


@dataclass(frozen=True)
class Sender:
    """Whose call it is, under which key, and a hash of what it says."""

    person: str
    key: str | None
    fingerprint: str

    def require_same(self, fingerprint: str) -> None:
        """Raises KeyReused."""
        if self.fingerprint != fingerprint:
            raise KeyReused


@dataclass(frozen=True)
class Taken:
    """A request that has a number."""

    request: UncloseRequest
    is_void: bool
    has_case: bool
    """Whether the workflow has written its row: then it must not be started again, however late."""
    is_new: bool = False
    """Whether this very call has given the number, or brought it back to life."""


@dataclass(frozen=True)
class Look:
    """What is known before a request is checked."""

    taken: Taken | None
    """What the same sender got for the same key before."""
    held_by: str | None
    """The case that executes on the ledger now."""


class Intake:
    """Takes requests in. One call is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(self, sender: Sender, ledger: str) -> Look:
        """Raises KeyReused."""
        return await self._database.read(partial(_look, sender=sender, ledger=ledger))

    async def reserve(self, sender: Sender, request: UncloseRequest, year: int) -> Taken:
        """Give the request the next number of the year. Numbers have no gaps.

        Raises:
            KeyReused: at the same moment the key was used for something else.
        """
        try:
            return await self._database.write(partial(_reserve, sender=sender, request=request, year=year))
        except IntegrityError:  # the same key at the same moment; the other call was first
            look = await self.look(sender, request.ledger)
            assert look.taken is not None, "its key is on record"
            return look.taken

    async def revive(self, request: UncloseRequest) -> Taken:
        """Use the number again under which nothing was taken before."""
        return await self._database.write(partial(_revive, request=request))

    async def void(self, number: str) -> None:
        """Nothing was taken under this number."""
        await self._database.write(partial(_void, number=number))

    async def taken(self, number: str) -> UncloseRequest:
        """The request under this number. Raises UnknownRequest if there is none, or nothing was taken."""
        return await self._database.read(partial(_read_taken, number=number))


def _look(connection: Connection, sender: Sender, ledger: str) -> Look:
    taken = _find_by_key(connection, sender) if sender.key else None
    return Look(taken, read_lease(connection, ledger).holder)


def _find_by_key(connection: Connection, sender: Sender) -> Taken | None:
    row = connection.execute(_BY_KEY, {"sender": sender.person, "its_key": sender.key}).one_or_none()
    if row is None:
        return None
    sender.require_same(row.fingerprint)
    has_case = row.case_id is not None
    return Taken(read_request(row.request), row.void and not has_case, has_case)


_BY_KEY = (
    select(intake.c.request, intake.c.fingerprint, intake.c.void, cases.c.id.label("case_id"))
    .join_from(intake, cases, intake.c.number == cases.c.id, isouter=True)
    .where(intake.c.person == bindparam("sender"), intake.c.key == bindparam("its_key"))
)


def _reserve(connection: Connection, sender: Sender, request: UncloseRequest, year: int) -> Taken:
    _forget_old_keys(connection, request.accepted_at)
    numbered = replace(request, id=f"UC-{year:04d}-{_next_number(connection, year):06d}")
    connection.execute(intake.insert(), _intake_row(sender, numbered))
    return Taken(numbered, is_void=False, has_case=False, is_new=True)


def _forget_old_keys(connection: Connection, now: datetime) -> None:
    """The number stays for ever; its key may be used again after some time."""
    connection.execute(_FORGET, {"before": now - KEYS_ARE_KEPT})


_OLD = intake.c.key.is_not(None) & (intake.c.accepted_at < bindparam("before"))
_FORGET = update(intake).where(_OLD).values(key=None)


def _next_number(connection: Connection, year: int) -> int:
    counted = _count(connection.dialect.name)
    return int(connection.execute(counted, {"year": year, "last": 1}).scalar_one())


@cache
def _count(dialect: str) -> ReturningInsert[int]:
    again = {"last": case_numbers.c.last + 1}
    new = insert_into(dialect, case_numbers).on_conflict_do_update(index_elements=["year"], set_=again)
    return new.returning(case_numbers.c.last)


def _intake_row(sender: Sender, request: UncloseRequest) -> dict[str, object]:
    return {
        "number": request.id,
        "person": sender.person,
        "key": sender.key,
        "fingerprint": sender.fingerprint,
        "request": request_document(request),
        "accepted_at": request.accepted_at,
        "void": False,
    }


def _revive(connection: Connection, request: UncloseRequest) -> Taken:
    again = {"request": request_document(request), "accepted_at": request.accepted_at, "void": False}
    connection.execute(update(intake).where(intake.c.number == request.id).values(again))
    return Taken(request, is_void=False, has_case=False, is_new=True)


def _void(connection: Connection, number: str) -> None:
    connection.execute(update(intake).where(intake.c.number == number).values(void=True))


def _read_taken(connection: Connection, number: str) -> UncloseRequest:
    wanted = select(intake.c.request).where(intake.c.number == number, intake.c.void.is_(False))
    document = connection.scalar(wanted)
    if document is None:
        raise UnknownRequest(number)
    return read_request(document)


# --------------------------------------------------------------------------- answers


@dataclass(frozen=True)
class Answer:
    """What an act was answered."""

    status: int
    body: Any  # Any: JSON


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Answers:
    """Remembers what each act under an Idempotency-Key was answered."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._now = database, now

    async def claim(self, sender: Sender) -> Answer | None:
        """The answer given before; none if the key is new, or its first call has not been answered.

        Raises:
            KeyReused: the key stands for something else.
        """
        return await self._database.write(partial(_claim, sender=sender, at=self._now()))

    async def keep(self, sender: Sender, answer: Answer) -> Answer:
        """Remember the answer, unless another call was quicker; the one that stands.

        A refusal is not kept: what was refused may be asked again.
        """
        return await self._database.write(partial(_keep, sender=sender, answer=answer))


def _claim(connection: Connection, sender: Sender, at: datetime) -> Answer | None:
    # Whoever writes a key clears away the old ones: no timer that only one process would have.
    connection.execute(_FORGET_ANSWERS, {"before": at - KEYS_ARE_KEPT})
    new = insert_new(connection, idempotency)
    row = {"person": sender.person, "key": sender.key, "fingerprint": sender.fingerprint, "created_at": at}
    connection.execute(new, {**row, "body": None})
    known = connection.execute(_ANSWER, _own(sender)).one()
    sender.require_same(known.fingerprint)
    return None if known.status is None else Answer(known.status, known.body)


def _keep(connection: Connection, sender: Sender, answer: Answer) -> Answer:
    said = {"its_status": answer.status, "its_body": answer.body}
    if connection.execute(_KEEP, {**_own(sender), **said}).rowcount:
        return answer
    found = connection.execute(_ANSWER, _own(sender)).one_or_none()
    return answer if found is None else Answer(found.status, found.body)


def _own(sender: Sender) -> dict[str, object]:
    return {"sender": sender.person, "its_key": sender.key}


_answers = idempotency.c
_OWN = (_answers.person == bindparam("sender"), _answers.key == bindparam("its_key"))
_ANSWER = select(_answers.fingerprint, _answers.status, _answers.body).where(*_OWN)
_FORGET_ANSWERS = delete(idempotency).where(_answers.created_at < bindparam("before"))
_KEEP = (
    update(idempotency)
    .where(*_OWN, _answers.status.is_(None))
    .values(
        status=bindparam("its_status", type_=_answers.status.type),
        body=bindparam("its_body", type_=_answers.body.type),
    )
)
