"""Names why cases were needed, and counts how often each cause comes again (R93–R99)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, func, insert, select, update

from service.archive_row import mark_pending
from service.archive_tables import archive_people, archived_cases, root_causes
from service.audit_trail import AuditEntry, AuditKind, append
from service.cause_catalogue import shipped_causes
from service.database import Database
from service.queries import Page, Slice, newest_first, page_of
from service.standing_tasks import close_subject, open_tasks
from service.tables import cases
from service.told_rows import rows_told
from workflows.domain.approval import Group
from workflows.domain.case import SYSTEM, Actor, TaskKind
from workflows.domain.digest import Json
from workflows.domain.errors import NotToNameTheCause, UnknownRequest, WrongState
from workflows.domain.request import FINAL_STATES, CaseState
from workflows.domain.root_cause import CauseCatalogue, PreventionCheck, RootCause
from workflows.domain.standing import AlarmCode, StandingTask

Catalogues = Mapping[str, CauseCatalogue]
"""By ledger."""

_USUAL = CauseCatalogue.of(shipped_causes())
"""For the cases of a ledger that is not configured any more."""

NAMEABLE = FINAL_STATES | {
    CaseState.CORRECTING,
    CaseState.RECLOSING,
    CaseState.VERIFYING_CLOSED,
    CaseState.ARCHIVING,
    CaseState.COMPENSATING,
    CaseState.ATTENTION,
}
"""From the moment on when somebody sees what was wrong."""

_OF_FINANCE = (Group.FINANCE, Group.FINANCE_HEAD)


@dataclass(frozen=True)
class Naming:
    """Somebody says why a case was needed."""

    case: str
    cause: str
    note: str
    by: Actor


@dataclass(frozen=True)
class Named:
    """A root cause as it was named."""

    case: str
    cause: str
    zh: str
    en: str
    note: str
    actor: str
    on_behalf_of: str | None
    at: datetime
    recurrences: int
    """Earlier cases of the ledger that had the same cause."""


@dataclass(frozen=True)
class Question:
    """A case that has ended, and until when its cause can be named."""

    case: str
    ledger: str
    applicant: str
    ended_at: datetime
    due: datetime


class SqlRootCauses:
    """Each naming stays on record; the newest counts."""

    def __init__(self, database: Database, catalogues: Catalogues) -> None:
        self._database, self._catalogues = database, catalogues

    async def name(self, naming: Naming, now: datetime) -> Named:
        """Saying again what is said already changes nothing.

        Raises:
            UnknownRequest, WrongState: nobody can know the cause yet.
            NotToNameTheCause, TooLateForCause, UnknownCause, CauseNeedsNote, StorageUnavailable.
        """
        return await self._database.write(partial(self._name, naming=naming, now=now))

    async def of_case(self, case: str) -> tuple[Named, ...]:
        """Every cause that was named, newest first. Raises UnknownRequest."""
        return await self._database.read(partial(_of_case, case=case))

    async def questions(self, of: Actor | None, now: datetime, part: Slice) -> Page[Question]:
        """Cases whose cause is still to be named: all, or those that are somebody's to answer."""
        return await self._database.read(partial(_questions, of=of, now=now, part=part))

    async def checks(self, ledger: str) -> tuple[PreventionCheck, ...]:
        """What past cases have put on the ledger's pre-check list, the most frequent first."""
        known = self._catalogues.get(ledger, _USUAL).causes
        return await self._database.read(partial(_checks, ledger=ledger, known=known))

    def _name(self, connection: Connection, naming: Naming, now: datetime) -> Named:
        head = select(cases.c.ledger, cases.c.state, cases.c.request).where(cases.c.id == naming.case)
        case = connection.execute(head.with_for_update()).one_or_none()
        if case is None:
            raise UnknownRequest(naming.case)
        if case.state not in NAMEABLE:
            raise WrongState(naming.case, case.state, tuple(sorted(NAMEABLE)))
        catalogue = self._catalogues.get(case.ledger, _USUAL)
        _require_part(naming, (case.request["applicant"], *case.request["correctors"]))
        _require_in_time(connection, naming, catalogue, now)
        cause = catalogue.require(naming.cause, naming.note)
        latest = _of_case(connection, naming.case)[:1]
        if not latest or (latest[0].cause, latest[0].note) != (cause.code, naming.note):
            _keep(connection, naming, case.ledger, cause, now)
        return _of_case(connection, naming.case)[0]


def _require_part(naming: Naming, persons: tuple[str, ...]) -> None:
    if naming.by.person not in persons and not set(naming.by.groups) & set(_OF_FINANCE):
        raise NotToNameTheCause(naming.by.person, naming.case)


def _require_in_time(
    connection: Connection, naming: Naming, catalogue: CauseCatalogue, now: datetime
) -> None:
    """The finance head may put right at any time what was not said, or said wrongly."""
    ended = connection.scalar(
        select(archived_cases.c.ended_at).where(archived_cases.c.case_id == naming.case)
    )
    if ended is not None and Group.FINANCE_HEAD not in naming.by.groups:
        catalogue.require_in_time(naming.case, ended, now)


def _keep(connection: Connection, naming: Naming, ledger: str, cause: RootCause, at: datetime) -> None:
    """On record in the chain of what is told beside cases: a running case numbers its events itself."""
    said = {"cause": cause.code, "zh": cause.zh, "en": cause.en, "note": naming.note}
    by = naming.by
    who = {"actor": by.person, "on_behalf_of": by.on_behalf_of, "at": at}
    row = insert(root_causes).values(case_id=naming.case, ledger=ledger, **said, **who)
    added = connection.execute(row.returning(root_causes.c.n)).scalar_one()
    told = {**said, **rows_told(connection, root_causes, root_causes.c.n == added)}
    kind = AuditKind.ROOT_CAUSE_NAMED
    append(connection, AuditEntry(at, by.person, by.on_behalf_of, kind, naming.case, told))
    mine = archived_cases.c.case_id == naming.case
    connection.execute(update(archived_cases).where(mine).values(cause=cause.code))
    mark_pending(connection, naming.case)
    close_subject(connection, _subject(naming.case), "named", by, at)


def _of_case(connection: Connection, case: str) -> tuple[Named, ...]:
    if connection.scalar(select(cases.c.id).where(cases.c.id == case)) is None:
        raise UnknownRequest(case)
    wanted = select(root_causes).where(root_causes.c.case_id == case)
    rows = connection.execute(wanted.order_by(root_causes.c.n.desc())).all()
    return tuple(
        Named(
            case=row.case_id,
            cause=row.cause,
            zh=row.zh,
            en=row.en,
            note=row.note,
            actor=row.actor,
            on_behalf_of=row.on_behalf_of,
            at=row.at,
            recurrences=_earlier(connection, row.ledger, row.cause, case),
        )
        for row in rows
    )


def _earlier(connection: Connection, ledger: str, cause: str, case: str) -> int:
    """Cases with the same cause whose request was taken before: numbers rise with time."""
    accepted = select(cases.c.created_at).where(cases.c.id == case).scalar_subquery()
    same = select(func.count()).select_from(archived_cases)
    same = same.where(archived_cases.c.ledger == ledger, archived_cases.c.cause == cause)
    return connection.execute(same.where(archived_cases.c.accepted_at < accepted)).scalar_one()


def _checks(
    connection: Connection, ledger: str, known: Mapping[str, RootCause]
) -> tuple[PreventionCheck, ...]:
    wanted = select(archived_cases.c.cause, archived_cases.c.case_id, archived_cases.c.ended_at)
    wanted = wanted.where(archived_cases.c.ledger == ledger, archived_cases.c.cause.is_not(None))
    found: dict[str, PreventionCheck] = {}
    for row in connection.execute(wanted.order_by(archived_cases.c.n)):
        if row.cause in known:
            before = found[row.cause].cases if row.cause in found else 0
            found[row.cause] = PreventionCheck(known[row.cause], before + 1, row.case_id, row.ended_at)
    return tuple(sorted(found.values(), key=lambda check: (-check.cases, check.cause.code)))


def causes_told(connection: Connection, case: str) -> tuple[str, ...]:
    """Each cause that was named, as the archive finds it."""
    wanted = select(root_causes).where(root_causes.c.case_id == case).order_by(root_causes.c.n.desc())
    return tuple(f"{row.zh} {row.en} {row.cause} {row.note}" for row in connection.execute(wanted))


# --------------------------------------------------------------------------- asking for it

ASKED_AFTER = (CaseState.COMPLETED, CaseState.ROLLED_BACK)
"""Ends at which something was done in the ledger, so that there is a cause."""


def settle_cause(connection: Connection, catalogues: Catalogues, case: str, now: datetime) -> None:
    """A case has ended: what was named while it ran counts; where nothing was, it is asked for, once."""
    newest = select(root_causes.c.cause).where(root_causes.c.case_id == case)
    cause = connection.scalar(newest.order_by(root_causes.c.n.desc()).limit(1))
    mine = archived_cases.c.case_id == case
    row = connection.execute(
        select(archived_cases.c.ledger, archived_cases.c.ended_at, archived_cases.c.outcome).where(mine)
    ).one()
    due = catalogues.get(row.ledger, _USUAL).until(row.ended_at) if row.outcome in ASKED_AFTER else None
    connection.execute(update(archived_cases).where(mine).values(cause=cause, cause_due=due))
    if cause is None and due is not None and now <= due:
        facts: dict[str, Json] = {"case": case, "due": due.isoformat()}
        open_tasks(connection, (_reminder(case, row.ledger, facts),), SYSTEM, now)


def _reminder(case: str, ledger: str, facts: dict[str, Json]) -> StandingTask:
    """For finance, beside the list by which the applicant and the correctors are asked."""
    return StandingTask(
        subject=_subject(case),
        raised_by=case,
        kind=TaskKind.FINDING,
        code=AlarmCode.ROOT_CAUSE_UNNAMED,
        owner=Group.FINANCE,
        ledger=ledger,
        facts=facts,
    )


def _subject(case: str) -> str:
    return f"root-cause/{case}"


def _questions(connection: Connection, of: Actor | None, now: datetime, part: Slice) -> Page[Question]:
    kept = archived_cases.c
    wanted = select(kept.case_id, kept.ledger, kept.applicant, kept.ended_at, kept.cause_due)
    wanted = wanted.where(kept.cause.is_(None), kept.cause_due >= now)
    if of is not None and not set(of.groups) & set(_OF_FINANCE):
        # A corrector is among those who had a part; the route to the case itself has the last word.
        theirs = select(archive_people.c.case_n).where(archive_people.c.person == of.person)
        wanted = wanted.where(kept.n.in_(theirs))
    rows = newest_first(connection, wanted, kept.cause_due, kept.case_id, part)
    questions = [
        Question(row.case_id, row.ledger, row.applicant, row.ended_at, row.cause_due) for row in rows
    ]
    return page_of(questions, [(each.due, each.case) for each in questions], part)
