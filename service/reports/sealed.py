"""Reports that are made once: at their first reading from the register's record, and never again.

The record of a case that has ended does not change any more and its events bind each other, so it makes no
difference to what it says when the report is set. What was set is stored under its SHA-256 and entered in the
register; from then on those bytes are the report, whatever becomes of template, fonts or typesetter.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection, Row, func, select

from activities.backup.store import AlreadyStored, NotStored, ObjectStore
from activities.recording import CaseFile, Register
from activities.report.press import NotSet, press
from service.audit_trail import AuditEntry, AuditKind, append
from service.database import Database, insert_new
from service.ledger_book import LedgerBook
from service.report_tables import case_reports
from service.reports.case_report import FORMAT, case_record, case_report
from service.reports.material import Letterhead, Material
from service.tables import cases
from service.texts import Language
from service.told_rows import rows_told
from service.users import Users
from workflows.domain.case import SYSTEM
from workflows.domain.digest import Json
from workflows.domain.errors import (
    ReportDamaged,
    ReportNotMade,
    UncloseError,
    UnknownLedger,
    WrongState,
)
from workflows.domain.request import FINAL_STATES


@dataclass(frozen=True)
class SealedReport:
    """A report as it was made once."""

    case: str
    language: Language
    sha256: str
    name: str
    """Name in the object store."""
    content: bytes


@dataclass(frozen=True)
class Made:
    """What came of making reports: for how many cases, and what could not be made and why."""

    cases: int
    failed: tuple[str, ...]


class Signer(Protocol):
    """Puts an electronic signature into a PDF."""

    async def sign(self, pdf: bytes) -> bytes:
        """Raises NotSet: the key or certificate cannot sign."""


_LOG = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Reports:
    """Makes reports of cases, each once, and gives out what was made."""

    def __init__(
        self,
        database: Database,
        register: Register,
        users: Users,
        book: LedgerBook,
        store: ObjectStore,
        signer: Signer | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._database, self._register, self._users = database, register, users
        self._book, self._store, self._signer, self._now = book, store, signer, now
        self._press = asyncio.Semaphore(1)
        """One at a time: typesetting takes a core for half a second, and is rare."""

    async def sealed(self, case: str, language: Language) -> SealedReport:
        """The report of a case that has ended: the same bytes every time.

        Raises:
            UnknownRequest: there is no such case.
            WrongState: the case has not ended.
            ReportNotMade: it could not be set or signed; nothing was kept.
            ReportDamaged: what is stored is not what was stored.
            StorageUnavailable, NoRoom: the store does not answer, or is full.
        """
        known = await self._find(case, language)
        if known is None:
            async with self._press:
                known = await self._find(case, language) or await self._make(case, language)
        return await self._read(known, case, language)

    async def make_missing(self, at_most: int) -> Made:
        """Make the reports of cases that have ended and have none yet, the longest ended first.

        One that cannot be made keeps nobody else waiting; it is told, and tried again the next time.
        """
        made, failed = 0, []
        for case in await self._database.read(partial(_without_reports, at_most=at_most)):
            try:
                for language in Language:
                    await self.sealed(case, language)
            except UncloseError as error:
                failed.append(f"{case}: {error}")
            else:
                made += 1
        return Made(made, tuple(failed))

    async def draft(self, case: str, language: Language) -> bytes:
        """The report of a case as it stands, not kept; until the case ends, a draft on every page.

        Raises:
            UnknownRequest, ReportNotMade
        """
        async with self._press:
            return await self._set(await self._register.case_file(case), language)

    async def _make(self, case: str, language: Language) -> Row[Any]:
        file = await self._register.case_file(case)
        m = Material(file, language)
        if not m.is_final:
            raise WrongState(case, m.state, tuple(sorted(FINAL_STATES)))
        pdf = await self._set(file, language)
        if self._signer is not None:
            pdf = await _or_not_made(case, self._signer.sign(pdf))
        sha256 = hashlib.sha256(pdf).hexdigest()
        name = object_name(case, language, sha256)
        await asyncio.to_thread(_put, self._store, name, pdf)
        row = {
            "case_id": case,
            "language": language,
            "format": FORMAT,
            "name": name,
            "sha256": sha256,
            "bytes": len(pdf),
            "is_signed": self._signer is not None,
            "made_at": self._now(),
        }
        return await self._database.write(partial(_enter, row=row))

    async def _set(self, file: CaseFile, language: Language) -> bytes:
        case = file.request.id
        try:
            head = Letterhead(*self._ledger(file.request.ledger), await self._names(file))
            report, at = case_report(file, language, head), Material(file, language).ended_at
            return await _or_not_made(case, press(report, at, case_record(file)))
        except UncloseError:
            raise
        except Exception as error:
            # What nobody has thought of in one record must not cost everybody the evidence.
            _LOG.exception("The report of %s could not be made.", case)
            raise ReportNotMade(case, f"{type(error).__name__}: {error}") from error

    def _ledger(self, code: str) -> tuple[str, tzinfo]:
        """Name and time zone; a ledger that is not configured any more keeps its code."""
        try:
            found = self._book.configuration(code)
        except UnknownLedger:
            return code, UTC
        return found.profile.name, found.time_zone

    async def _names(self, file: CaseFile) -> dict[str, str]:
        def look_up(connection: Connection) -> dict[str, str]:
            found = ((name, self._users.look_up(connection, name)) for name in sorted(people_of(file)))
            return {name: user.display_name for name, user in found if user is not None}

        return await self._database.read(look_up)

    async def _find(self, case: str, language: Language) -> Row[Any] | None:
        return await self._database.read(partial(_row, case=case, language=language))

    async def _read(self, row: Row[Any], case: str, language: Language) -> SealedReport:
        try:
            content = await asyncio.to_thread(self._store.get, row.name)
        except NotStored as error:
            raise ReportDamaged(case, language, "it is gone from the store") from error
        if hashlib.sha256(content).hexdigest() != row.sha256:
            raise ReportDamaged(case, language, "its SHA-256 is not the one in the register")
        return SealedReport(case, language, row.sha256, row.name, content)


def object_name(case: str, language: Language, sha256: str) -> str:
    """Where a report lies in the object store: two makers write two objects, and none over another."""
    return f"reports/{case}/{case}-{language}-{sha256[:16]}.pdf"


def people_of(file: CaseFile) -> frozenset[str]:
    """Everybody whom a report of the case names."""
    request = file.request
    asked = (
        person
        for level in _list(file.parts.get("chain"))
        for way in level["ways"]
        for d in way
        for person in d["persons"]
    )
    acted = (name for event in file.events for name in (event.actor, event.on_behalf_of))
    changed = (change["person"] for change in _list(file.parts.get("changes")))
    told = (request.applicant, request.on_behalf_of, *request.correctors, *asked, *acted, *changed)
    return frozenset(name for name in told if name)


def _list(part: Json) -> list[Any]:  # Any: JSON
    return part if isinstance(part, list) else []


async def _or_not_made(case: str, making: Awaitable[bytes]) -> bytes:
    try:
        return await making
    except NotSet as error:
        raise ReportNotMade(case, str(error)) from error


def _put(store: ObjectStore, name: str, pdf: bytes) -> None:
    with suppress(AlreadyStored):  # the name says what it holds; reading compares
        store.put_new(name, pdf)


def _without_reports(connection: Connection, at_most: int) -> tuple[str, ...]:
    made = select(func.count()).where(case_reports.c.case_id == cases.c.id).scalar_subquery()
    ended = cases.c.state.in_(sorted(FINAL_STATES))
    wanted = select(cases.c.id).where(ended, made < len(Language)).order_by(cases.c.updated_at, cases.c.id)
    return tuple(connection.scalars(wanted.limit(at_most)))


def _row(connection: Connection, case: str, language: Language) -> Row[Any] | None:
    one = (case_reports.c.case_id == case) & (case_reports.c.language == language)
    return connection.execute(select(case_reports).where(one)).one_or_none()


def _enter(connection: Connection, row: dict[str, Any]) -> Row[Any]:
    """Whoever is first has made the report; everybody else finds it made."""
    is_first = connection.execute(insert_new(connection, case_reports), row).rowcount
    found = _row(connection, row["case_id"], row["language"])
    assert found is not None
    if is_first:
        mine = case_reports.c.case_id == found.case_id, case_reports.c.language == found.language
        told = {"sha256": found.sha256, **rows_told(connection, case_reports, *mine)}
        kind = AuditKind.REPORT_MADE
        append(connection, AuditEntry(found.made_at, SYSTEM.person, None, kind, found.case_id, told))
    return found
