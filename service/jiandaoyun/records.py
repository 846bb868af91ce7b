"""The register's side of form records: found, brought up to date, claimed for writing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from service.database import Database, insert_new, insert_or_replace
from service.jiandaoyun.client import FormId
from service.jiandaoyun.mirrored import Mirrored, mirrored_of
from service.jiandaoyun_tables import form_polls, form_records
from service.tables import cases
from workflows.domain.request import FINAL_STATES, CaseState

_CLAIM = timedelta(minutes=2)
"""Longer than all tries of one write together."""
_TOGETHER = 50


@dataclass(frozen=True)
class RecordId:
    """One record of one form."""

    form: FormId
    record: str

    @property
    def reference(self) -> str:
        """How a case names it."""
        return f"jiandaoyun:{self.form.app_id}/{self.form.entry_id}/{self.record}"


@dataclass(frozen=True)
class Known:
    """What is known of a record. The fields are those of the table."""

    id: RecordId
    updated_at: datetime | None = None
    dealt_with: str | None = None
    holds: str | None = None
    case_id: str | None = None
    attempt: int = 0
    removed: bool = False
    message: str = ""
    shown: Mapping[str, str] = field(default_factory=dict)
    shown_seq: int = 0
    files: tuple[str, ...] = ()
    """Marks of its files (`file_marks.py`)."""
    state: CaseState | None = None
    """Of its case; none before the case has written its row."""

    @property
    def is_new(self) -> bool:
        """Nothing has been kept about it."""
        return self.updated_at is None and self.case_id is None

    def is_newer_than(self, reading: datetime | None) -> bool:
        """Whether a reading is older than the newest one, and says nothing any more."""
        return self.updated_at is not None and (reading is None or reading < self.updated_at)


@dataclass(frozen=True)
class ToShow:
    """A record whose form may show something old."""

    known: Known
    waiting_for: tuple[str, ...]
    seq: int
    version: int


@dataclass(frozen=True)
class FormShown:
    """What a form shows of a case."""

    reference: str
    shown: Mapping[str, str]
    at: datetime | None
    """Since when; none if nothing has been written yet."""
    mirrored: tuple[Mirrored, ...] = ()
    """Decisions that were shown to the form's own flow, or were to be."""

    @property
    def mark(self) -> str:
        """Another one whenever anything is shown."""
        newest = max((one.at for one in self.mirrored), default=None)
        return f"{self.at}.{newest}"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FormRecords:
    """One call is one transaction."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._now = database, now

    async def find(self, record: RecordId) -> Known:
        """What is known of the record: nothing yet, if it is new."""
        return await self._database.read(partial(_find, record=record))

    async def keep(self, known: Known) -> None:
        """Bring the record up to date, unless a newer reading has done so meanwhile; what it shows stays."""
        await self._database.write(partial(_keep, known=known))

    async def has_files(self, record: RecordId, files: tuple[str, ...]) -> None:
        """This is known of the files of the record; its form may have to say something else now."""
        await self._database.write(partial(_has_files, record=record, files=list(files)))

    async def open_ones(self, form: FormId) -> tuple[RecordId, ...]:
        """Records to be looked at even if the form has not changed: their case runs, or waits to begin."""
        return await self._database.read(partial(_open_ones, form=form))

    async def of_case(self, case: str) -> FormShown | None:
        """The record that the case came from, and what its form shows; none if it came another way."""
        return await self._database.read(partial(_of_case, case=case))

    async def record_of(self, case: str) -> RecordId | None:
        """The record that the case came from; none if it came another way, or the record has a newer case."""
        return await self._database.read(partial(_record_of, case=case))

    async def claim(self) -> tuple[ToShow, ...]:
        """Records whose forms may show something old; nobody else gets them for a while."""
        return await self._database.write(partial(_claim, now=self._now()))

    async def shown(self, told: ToShow, shown: Mapping[str, str] | None) -> None:
        """The form shows this now, and the record is free again; none if it could not be shown for good."""
        await self._database.write(partial(_shown, told=told, shown=shown, now=self._now()))

    async def put_off(self, told: ToShow, wait: timedelta) -> None:
        """Try to show it again after a time."""
        later = {"claimed_until": self._now() + wait}
        await self._database.write(
            lambda connection: connection.execute(
                update(form_records).where(_is(told.known.id)).values(later)
            )
        )

    async def read_through(self, form: FormId) -> datetime | None:
        """The `dataModifyTime` up to which the form has been read through."""
        wanted = select(form_polls.c.modified_at).where(
            form_polls.c.app_id == form.app_id, form_polls.c.entry_id == form.entry_id
        )
        return await self._database.read(lambda connection: connection.scalar(wanted))

    async def has_read_through(self, form: FormId, modified_at: datetime | None) -> None:
        row = {**form.body, "modified_at": modified_at, "polled_at": self._now()}
        await self._database.write(
            lambda connection: connection.execute(insert_or_replace(connection, form_polls), row)
        )


def _is(record: RecordId) -> ColumnElement[bool]:
    return and_(
        form_records.c.app_id == record.form.app_id,
        form_records.c.entry_id == record.form.entry_id,
        form_records.c.record_id == record.record,
    )


_KNOWN = select(
    form_records, cases.c.state.label("case_state"), cases.c.waiting_for, cases.c.last_seq
).join_from(form_records, cases, form_records.c.case_id == cases.c.id, isouter=True)


def _known(row: Any) -> Known:  # Any: a row of _KNOWN
    return Known(
        RecordId(FormId(row.app_id, row.entry_id), row.record_id),
        row.updated_at,
        row.dealt_with,
        row.holds,
        row.case_id,
        row.attempt,
        row.removed,
        row.message,
        row.shown,
        row.shown_seq,
        tuple(row.files),
        None if row.case_state is None else CaseState(row.case_state),
    )


def _find(connection: Connection, record: RecordId) -> Known:
    row = connection.execute(_KNOWN.where(_is(record))).one_or_none()
    return Known(record) if row is None else _known(row)


def _has_files(connection: Connection, record: RecordId, files: list[str]) -> None:
    row = connection.execute(select(form_records).where(_is(record)).with_for_update()).one()
    if row.files != files:
        values = {"files": files, "version": row.version + 1, "settled": False}
        connection.execute(update(form_records).where(_is(record)).values(values))


_KEPT = ("updated_at", "dealt_with", "holds", "case_id", "attempt", "removed", "message")
_MUTE = ("updated_at", "dealt_with", "holds")
"""What a form does not show."""


def _keep(connection: Connection, known: Known) -> None:
    values: dict[str, object] = {name: getattr(known, name) for name in _KEPT}
    new = {**known.id.form.body, "record_id": known.id.record, "shown_seq": 0, **values}
    new |= {"version": 0, "shown_version": 0, "settled": False, "files": [], "shown": {}}
    connection.execute(insert_new(connection, form_records), new)
    row = connection.execute(select(form_records).where(_is(known.id)).with_for_update()).one()
    if row.updated_at is not None and (known.updated_at is None or known.updated_at < row.updated_at):
        return
    if row.case_id != known.case_id:
        values["files"] = []  # another case has none of them yet
    if row.version == 0 or any(getattr(row, name) != values[name] for name in _KEPT if name not in _MUTE):
        values |= {"version": row.version + 1, "settled": False}
    connection.execute(update(form_records).where(_is(known.id)).values(values))


def _open_ones(connection: Connection, form: FormId) -> tuple[RecordId, ...]:
    runs = form_records.c.case_id.is_not(None) & form_records.c.settled.is_(False)
    wanted = select(form_records.c.record_id).where(
        form_records.c.app_id == form.app_id,
        form_records.c.entry_id == form.entry_id,
        form_records.c.removed.is_(False),
        or_(runs, form_records.c.dealt_with.is_(None)),
    )
    return tuple(RecordId(form, record) for record in connection.scalars(wanted))


def _record_of(connection: Connection, case: str) -> RecordId | None:
    row = connection.execute(select(form_records).where(form_records.c.case_id == case)).first()
    return None if row is None else RecordId(FormId(row.app_id, row.entry_id), row.record_id)


def _of_case(connection: Connection, case: str) -> FormShown | None:
    row = connection.execute(select(form_records).where(form_records.c.case_id == case)).first()
    if row is None:
        return None
    its = RecordId(FormId(row.app_id, row.entry_id), row.record_id)
    return FormShown(its.reference, row.shown, row.shown_at, mirrored_of(connection, case))


# --------------------------------------------------------------------------- what forms show


def _claim(connection: Connection, now: datetime) -> tuple[ToShow, ...]:
    has_news = or_(
        form_records.c.version > form_records.c.shown_version, cases.c.last_seq > form_records.c.shown_seq
    )
    is_free = or_(form_records.c.claimed_until.is_(None), form_records.c.claimed_until <= now)
    wanted = (
        _KNOWN.where(form_records.c.settled.is_(False), is_free, has_news)
        .limit(_TOGETHER)
        .with_for_update(of=form_records, skip_locked=True)
    )
    found = tuple(_to_show(row) for row in connection.execute(wanted).all())
    for told in found:
        held = update(form_records).where(_is(told.known.id)).values(claimed_until=now + _CLAIM)
        connection.execute(held)
    return found


def _to_show(row: Any) -> ToShow:  # Any: a row of _KNOWN
    return ToShow(_known(row), tuple(row.waiting_for or ()), row.last_seq or 0, row.version)


def _shown(connection: Connection, told: ToShow, shown: Mapping[str, str] | None, now: datetime) -> None:
    known = told.known
    values: dict[str, object] = {"claimed_until": None, "shown_seq": told.seq, "shown_version": told.version}
    if shown is not None:
        values |= {"shown": dict(shown), "shown_at": now}
    connection.execute(update(form_records).where(_is(known.id)).values(values))
    if known.case_id is None or known.state in FINAL_STATES:
        unchanged = form_records.c.version == told.version
        connection.execute(update(form_records).where(_is(known.id), unchanged).values(settled=True))
