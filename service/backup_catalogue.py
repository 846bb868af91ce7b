"""The catalogue of backups in the register: written by workers, read by people."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, select

from activities.backup.catalogue import BY_SCHEDULE, BackupAct, BackupEvent
from service.archive_tables import archived_cases, legal_holds
from service.audit_trail import AuditEntry, AuditKind, append, newest_of
from service.database import Database, insert, insert_new
from service.queries import Page, Slice, newest_first, page_of
from service.tables import backup_events, backups, cases
from service.told_rows import rows_told
from workflows.domain.backups import Backup, BackupPoint, BackupState
from workflows.domain.case import SYSTEM
from workflows.domain.errors import UnknownBackup
from workflows.domain.request import FINAL_STATES
from workflows.domain.retention import Ties

_COLUMNS = tuple(column.name for column in backups.c)
_CHANGES = ("state", "restore_milliseconds", "tested_at", "reason", "kept_because")
"""What becomes known of a backup later; everything else stays as it was taken."""


@dataclass(frozen=True)
class BackupFilter:
    ledger: str | None = None
    case: str | None = None


class SqlBackupCatalogue:
    """Implements `BackupCatalogue` of `activities/backup/catalogue.py`. One call is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, backup: Backup) -> None:
        await self._database.write(partial(_keep, backup=backup))

    async def find(self, backup: str) -> Backup:
        return await self._database.read(partial(_find, backup=backup))

    async def of(self, ledger: str) -> tuple[Backup, ...]:
        return await self._database.read(partial(_of, ledger=ledger))

    async def ties(self, ledger: str) -> Ties:
        return await self._database.read(partial(_ties, ledger=ledger))

    async def let_go(self, gone: Backup, event: BackupEvent) -> bool:
        return await self._database.write(partial(_let_go, gone=gone, event=event))

    async def record(self, event: BackupEvent) -> None:
        await self._database.write(partial(_record, event=event))

    async def page(self, wanted: BackupFilter, part: Slice) -> Page[Backup]:
        """Newest first, deleted ones too. Raises CursorUnreadable."""
        return await self._database.read(partial(_page, wanted=wanted, part=part))

    async def events(self, backup: str) -> tuple[BackupEvent, ...]:
        """What was done with a backup, oldest first."""
        return await self._database.read(partial(_events, backup=backup))


def _keep(connection: Connection, backup: Backup) -> None:
    row = _row(backup)
    new = insert(connection, backups)
    known = {name: new.excluded[name] for name in _CHANGES}
    # Deleted is for ever: a test that ends late does not bring the data back.
    alive = backups.c.state != BackupState.DELETED
    connection.execute(new.on_conflict_do_update(index_elements=["id"], set_=known, where=alive), row)
    _tell(connection, backup.id)


def _tell(connection: Connection, backup: str) -> None:
    """What is known of a backup goes into the audit trail by its digest, whenever it has changed."""
    told = rows_told(connection, backups, backups.c.id == backup)
    if newest_of(connection, AuditKind.BACKUP_KEPT, backup) != told:
        now = datetime.now(UTC)
        append(connection, AuditEntry(now, SYSTEM.person, None, AuditKind.BACKUP_KEPT, backup, told))


def _row(backup: Backup) -> dict[str, Any]:  # Any: a row to be written, column by column
    said = {name: getattr(backup, name) for name in _COLUMNS if name != "case_id"}
    return {**said, "case_id": backup.case, "encrypted_to": list(backup.encrypted_to)}


def _backup(row: Row[Any]) -> Backup:
    said = {name: value for name, value in row._mapping.items() if name != "case_id"}
    return Backup(
        **{
            **said,
            "case": row.case_id,
            "point": BackupPoint(row.point),
            "state": BackupState(row.state),
            "encrypted_to": tuple(row.encrypted_to),
        }
    )


def _find(connection: Connection, backup: str) -> Backup:
    row = connection.execute(select(backups).where(backups.c.id == backup)).one_or_none()
    if row is None:
        raise UnknownBackup(backup)
    return _backup(row)


def _of(connection: Connection, ledger: str) -> tuple[Backup, ...]:
    there = and_(backups.c.ledger == ledger, backups.c.state != BackupState.DELETED)
    rows = connection.execute(select(backups).where(there).order_by(backups.c.taken_at, backups.c.id))
    return tuple(map(_backup, rows))


def _ties(connection: Connection, ledger: str) -> Ties:
    theirs = select(backups.c.case_id).where(backups.c.ledger == ledger)
    ends = select(archived_cases.c.case_id, archived_cases.c.ended_at).join(
        cases, (cases.c.id == archived_cases.c.case_id) & cases.c.state.in_(FINAL_STATES)
    )
    ended = {row.case_id: row.ended_at for row in connection.execute(ends.where(cases.c.id.in_(theirs)))}
    held = select(legal_holds.c.case_id).where(legal_holds.c.lifted_at.is_(None))
    taken = select(backup_events.c.backup_id).join(backups, backups.c.id == backup_events.c.backup_id)
    by_schedule = (backup_events.c.act == BackupAct.TAKEN) & (backup_events.c.actor == BY_SCHEDULE)
    return Ties(
        ended=ended,
        held=frozenset(connection.scalars(held.where(legal_holds.c.case_id.in_(theirs)))),
        at_intervals=frozenset(connection.scalars(taken.where(backups.c.ledger == ledger, by_schedule))),
    )


def _let_go(connection: Connection, gone: Backup, event: BackupEvent) -> bool:
    of_its_case = (legal_holds.c.case_id == gone.case) & legal_holds.c.lifted_at.is_(None)
    if connection.scalars(select(legal_holds.c.n).where(of_its_case).limit(1)).first() is not None:
        return False
    _keep(connection, gone)
    _record(connection, event)
    return True


def _record(connection: Connection, event: BackupEvent) -> None:
    row = {
        "backup_id": event.backup,
        "key": event.key,
        "act": event.act,
        "actor": event.actor,
        "at": event.at,
        "data": event.data,
    }
    if connection.execute(insert_new(connection, backup_events), row).rowcount:
        mine = (backup_events.c.backup_id == event.backup) & (backup_events.c.key == event.key)
        told = {"key": event.key, **rows_told(connection, backup_events, mine)}
        append(
            connection,
            AuditEntry(event.at, event.actor, None, AuditKind.BACKUP_ACT, event.backup, told),
        )


def _page(connection: Connection, wanted: BackupFilter, part: Slice) -> Page[Backup]:
    chosen: Select[Any] = select(backups)  # Any: the columns of the table
    if wanted.ledger is not None:
        chosen = chosen.where(backups.c.ledger == wanted.ledger)
    if wanted.case is not None:
        chosen = chosen.where(backups.c.case_id == wanted.case)
    rows = newest_first(connection, chosen, backups.c.taken_at, backups.c.id, part)
    return page_of([_backup(row) for row in rows], [(row.taken_at, row.id) for row in rows], part)


def _events(connection: Connection, backup: str) -> tuple[BackupEvent, ...]:
    chosen = select(backup_events).where(backup_events.c.backup_id == backup)
    rows = connection.execute(chosen.order_by(backup_events.c.at, backup_events.c.key))
    return tuple(
        BackupEvent(
            backup=row.backup_id,
            key=row.key,
            act=BackupAct(row.act),
            actor=row.actor,
            at=row.at,
            data=row.data,
        )
        for row in rows
    )
