"""The register's side of mirrored decisions: which task each answers, kept before it is answered."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, select, update

from service.database import Database, insert_new
from service.form_mirror_tables import form_mirrors
from service.jiandaoyun.flows import FlowTask, MirrorOutcome
from service.sending.ports import Parcel


@dataclass(frozen=True)
class Decision:
    """A decision as it travels to the form."""

    case: str
    seq: int
    record: str
    person: str
    answer: str


@dataclass(frozen=True)
class Mirrored:
    """A decision as it was shown to the form, or why not."""

    seq: int
    person: str
    answer: str
    outcome: MirrorOutcome | None
    at: datetime


@dataclass(frozen=True)
class Chosen:
    """The task that a decision answers."""

    task: str
    username: str


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MirrorBook:
    """One call is one transaction."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._now = database, now

    async def chosen(self, delivery: str) -> Chosen | None:
        """The task that was chosen for a decision, by whoever tried it first."""
        return await self._database.read(partial(_chosen, delivery=delivery))

    async def choose(
        self, parcel: Parcel, decision: Decision, running: Collection[FlowTask]
    ) -> Chosen | None:
        """Keep the first of these tasks that no other decision answers; none if there is none."""
        work = partial(_choose, delivery=parcel.id, decision=decision, running=tuple(running), at=self._now())
        return await self._database.write(work)

    async def ended(self, parcel: Parcel, decision: Decision, outcome: MirrorOutcome) -> None:
        """Keep what came of it; the first that is said stays."""
        work = partial(_ended, delivery=parcel.id, decision=decision, outcome=outcome, at=self._now())
        await self._database.write(work)


def _chosen(connection: Connection, delivery: str) -> Chosen | None:
    wanted = select(form_mirrors.c.task_id, form_mirrors.c.username).where(
        form_mirrors.c.delivery == delivery
    )
    row = connection.execute(wanted).one_or_none()
    return None if row is None or row.task_id is None else Chosen(row.task_id, row.username)


def _row(delivery: str, decision: Decision, at: datetime) -> dict[str, object]:
    return {
        "delivery": delivery,
        "case_id": decision.case,
        "seq": decision.seq,
        "record_id": decision.record,
        "person": decision.person,
        "answer": decision.answer,
        "at": at,
    }


def _choose(
    connection: Connection, delivery: str, decision: Decision, running: tuple[FlowTask, ...], at: datetime
) -> Chosen | None:
    there = _chosen(connection, delivery)
    if there is not None:
        return there
    of_record = select(form_mirrors.c.task_id).where(form_mirrors.c.record_id == decision.record)
    taken = set(connection.scalars(of_record))
    free = next((task for task in running if task.id not in taken), None)
    if free is None:
        return None
    its = {"task_id": free.id, "username": free.assignee}
    connection.execute(insert_new(connection, form_mirrors), {**_row(delivery, decision, at), **its})
    return _chosen(connection, delivery)


def _ended(
    connection: Connection, delivery: str, decision: Decision, outcome: MirrorOutcome, at: datetime
) -> None:
    connection.execute(insert_new(connection, form_mirrors), _row(delivery, decision, at))
    this = (form_mirrors.c.delivery == delivery) & form_mirrors.c.outcome.is_(None)
    connection.execute(update(form_mirrors).where(this).values(outcome=outcome, at=at))


def mirrored_of(connection: Connection, case: str) -> tuple[Mirrored, ...]:
    """Every decision of a case that was to be shown to its form, in order."""
    wanted = select(form_mirrors).where(form_mirrors.c.case_id == case).order_by(form_mirrors.c.seq)
    return tuple(
        Mirrored(row.seq, row.person, row.answer, row.outcome and MirrorOutcome(row.outcome), row.at)
        for row in connection.execute(wanted)
    )
