"""Makes archived cases found: reads all that is on record of them and puts it in the index."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, delete, false, insert, null, or_, select, update

from activities.recording import CaseFile
from service.archive_index import Piece, cut, replace_pieces
from service.archive_tables import archive_modules, archive_people, archive_texts, archived_cases
from service.archive_text import Told, lines_of
from service.database import Database
from service.queries import DecisionView
from service.register import read_case_file
from service.reports.case_report import report_text
from service.root_causes import Catalogues, causes_told, settle_cause
from service.tables import cases, decisions
from service.texts import Language
from workflows.domain.errors import StorageUnavailable
from workflows.domain.request import CaseState

log = logging.getLogger(__name__)

_AT_ONCE = 20


@dataclass(frozen=True)
class _Waiting:
    """A case to be indexed, and how often it had been marked when that was seen."""

    n: int
    case: str
    marks: int
    failures: int


@dataclass(frozen=True)
class _Prepared:
    """What is about to stand in the index, made outside the transaction that puts it there."""

    told: Told
    pieces: list[Piece]


class Archivist:
    """Indexes what has ended, and asks for the root cause where nobody has named it.

    Several may work at a time. Reading and dividing texts happens outside the short transactions that write,
    so that whoever records something hardly waits.
    """

    def __init__(
        self,
        database: Database,
        catalogues: Catalogues | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._catalogues = database, catalogues or {}
        self._now = now

    async def catch_up(self) -> int:
        """Index everything that is pending; how many cases that was. Raises StorageUnavailable.

        What cannot be read is tried again after a while, and then ever more seldom.
        """
        done = 0
        while waiting := await self._database.read(partial(_waiting, now=self._now())):
            for one in waiting:
                done += await self._try(one)
        return done

    async def _try(self, waiting: _Waiting) -> bool:
        try:
            return await self._index(waiting)
        except StorageUnavailable:
            raise
        except Exception:  # one case that cannot be read must not keep the others from being found
            again = self._now() + again_after(waiting.failures + 1)
            log.exception("%s cannot be put in the index; tried again at %s", waiting.case, again)
            await self._database.write(partial(_put_off, waiting=waiting, again=again))
            return False

    async def _index(self, waiting: _Waiting) -> bool:
        prepared = await self._database.read(partial(_prepare, case=waiting.case))
        return await self._database.write(partial(self._keep, waiting=waiting, prepared=prepared))

    def _keep(self, connection: Connection, waiting: _Waiting, prepared: _Prepared) -> bool:
        """Whether this was the one to index it. What was marked meanwhile stays pending."""
        mine = archived_cases.c.n == waiting.n
        locked = select(archived_cases.c.marks).where(mine, archived_cases.c.pending.is_(True))
        if connection.scalar(locked.with_for_update()) is None:
            return False
        replace_pieces(connection, waiting.n, prepared.pieces)
        for table, column, names in (
            (archive_people, "person", set(_people(prepared.told))),
            (archive_modules, "module", {str(module) for module in prepared.told.request.modules}),
        ):
            connection.execute(delete(table).where(table.c.case_n == waiting.n))
            connection.execute(insert(table), [{column: name, "case_n": waiting.n} for name in sorted(names)])
        settle_cause(connection, self._catalogues, waiting.case, self._now())
        is_as_seen = archived_cases.c.marks == waiting.marks
        done = {"pending": false(), "failures": 0, "not_before": null()}
        connection.execute(update(archived_cases).where(mine, is_as_seen).values(done))
        return True


@asynccontextmanager
async def archiving(archivist: Archivist, seconds: float = 1.0) -> AsyncIterator[None]:
    """While this is open, what has ended is indexed within about so many seconds."""

    async def keep_up() -> None:
        while True:
            try:
                await archivist.catch_up()
            except StorageUnavailable as error:
                log.warning("the archive is behind: %s", error)
            await asyncio.sleep(seconds)

    running = asyncio.create_task(keep_up())
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def _waiting(connection: Connection, now: datetime) -> list[_Waiting]:
    """Some of the oldest cases that cannot be found yet as they are, and whose turn it is."""
    kept = archived_cases.c
    is_due = or_(kept.not_before.is_(None), kept.not_before <= now)
    wanted = select(kept.n, kept.case_id, kept.marks, kept.failures).where(kept.pending.is_(True), is_due)
    return [_Waiting(*row) for row in connection.execute(wanted.order_by(kept.n).limit(_AT_ONCE))]


def _put_off(connection: Connection, waiting: _Waiting, again: datetime) -> None:
    """Unless something was told of it meanwhile: then it is tried at once."""
    mine = (archived_cases.c.n == waiting.n, archived_cases.c.marks == waiting.marks)
    failed = {"failures": archived_cases.c.failures + 1, "not_before": again}
    connection.execute(update(archived_cases).where(*mine).values(failed))


_FIRST, _LONGEST = timedelta(seconds=30), timedelta(hours=1)


def again_after(failures: int) -> timedelta:
    """How long a case rests that could not be read so many times: twice as long each time, up to an hour."""
    return min(_LONGEST, _FIRST * (1 << min(failures - 1, 10)))


def _prepare(connection: Connection, case: str) -> _Prepared:
    told = _told(connection, case)
    return _Prepared(told, cut(lines_of(told)))


def _told(connection: Connection, case: str) -> Told:
    row = connection.execute(select(cases.c.state, cases.c.digest).where(cases.c.id == case)).one()
    given = select(decisions).where(decisions.c.case_id == case).order_by(decisions.c.seq)
    texts = select(archive_texts.c.name, archive_texts.c.text).where(archive_texts.c.case_id == case)
    file = read_case_file(connection, case)
    return Told(
        request=file.request,
        state=CaseState(row.state),
        digest=row.digest,
        events=file.events,
        decisions=tuple(
            DecisionView(**{name: value for name, value in each.items() if name != "case_id"})
            for each in connection.execute(given).mappings()
        ),
        parts=file.parts,
        causes=causes_told(connection, case),
        texts={
            **_report_texts(file),
            **{each.name: each.text for each in connection.execute(texts.order_by(archive_texts.c.name))},
        },
    )


def _report_texts(file: CaseFile) -> dict[str, str]:
    """What can be read in the report, in both languages; a report that cannot be set hides nothing else."""
    try:
        return {f"report-{language}": report_text(file, language) for language in Language}
    except (AssertionError, LookupError, TypeError, ValueError):
        log.exception("the report of %s cannot be read for the archive", file.request.id)
        return {}


def _people(told: Told) -> Iterator[str]:
    """Everybody who asked, corrected, decided or acted, for themselves or for others."""
    yield from (told.request.applicant, *told.request.correctors)
    for event in told.events:
        yield from filter(None, (event.actor, event.on_behalf_of))
    for decision in told.decisions:
        yield from filter(None, (decision.person, decision.on_behalf_of))
