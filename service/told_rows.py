"""Rows that are evidence and belong to no chain of a case: the audit trail tells the digest of each.

What imprints are to the parts of a case, this is to reports, packages, root causes, holds, backups, policies,
delegations, standing tasks, checkpoints and what the watch knows: none changes, goes or comes unseen.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, String, Table, cast, select

from activities.verifier import Fault, digest_of
from service.archive_tables import legal_holds, root_causes
from service.audit_trail import AuditKind
from service.report_tables import case_reports
from service.standing_tables import standing_tasks, watched_ledgers
from service.stored_rows import read_rows
from service.tables import backup_events, backups, cases, delegations, policies
from service.trail_tables import audit_events, checkpoint_stamps, checkpoints, evidence_packages
from workflows.domain.digest import Json

ROWS = "rows"
"""Under this name an entry of the trail tells the digests of the rows it is about, by table and key."""

_AT_ONCE = 200


@dataclass(frozen=True)
class Told:
    """A table whose rows are told, and where to look for what was told of them."""

    table: Table
    subject: str
    """The column whose value is the subject of the entries."""
    kinds: tuple[str, ...]
    leave_out: tuple[str, ...] = ()
    """Columns that say nothing anybody relies on, and move by themselves."""


OF_CASES = (
    Told(case_reports, "case_id", (AuditKind.REPORT_MADE,)),
    Told(evidence_packages, "case_id", (AuditKind.PACKAGE_MADE,)),
    Told(root_causes, "case_id", (AuditKind.ROOT_CAUSE_NAMED,)),
    Told(legal_holds, "case_id", (AuditKind.HOLD_SET, AuditKind.HOLD_LIFTED)),
)
OF_BACKUPS = (
    Told(backups, "id", (AuditKind.BACKUP_KEPT,)),
    Told(backup_events, "backup_id", (AuditKind.BACKUP_ACT,)),
)
"""Those of a case are checked with it."""
OF_NO_CASE = (
    Told(checkpoints, "n", (AuditKind.CHECKPOINT_MADE,)),
    Told(checkpoint_stamps, "checkpoint", (AuditKind.CHECKPOINT_STAMPED,)),
    Told(policies, "ledger", ("policy_changed",)),
    # The call is forgotten when its key may name another.
    Told(delegations, "id", ("delegation_made", "delegation_revoked"), ("call",)),
    Told(standing_tasks, "id", ("standing_task_opened", "standing_task_changed", "standing_task_closed")),
    # Each run looks anew; what is told is what it takes for right.
    Told(watched_ledgers, "ledger", (AuditKind.WATCH_LEARNED,), ("run", "at", "fence", "mark")),
)

_BY_NAME = {told.table.name: told for told in (*OF_CASES, *OF_BACKUPS, *OF_NO_CASE)}


def rows_told(connection: Connection, table: Table, *where: ColumnElement[bool]) -> dict[str, Json]:
    """What an entry has to tell of rows, within the transaction that has written them."""
    leave_out = _BY_NAME[table.name].leave_out
    rows = read_rows(connection, table, *where, leave_out=leave_out)
    return {ROWS: {_key(table, row): digest_of(row) for row in rows}}


def check_case_rows(connection: Connection, case: str) -> Iterator[Fault]:
    """What is wrong about the reports, packages, root causes, holds and backups of a case."""
    own = list(connection.scalars(select(backups.c.id).where(backups.c.case_id == case)))
    expected = _expected(connection, (*OF_CASES, *OF_BACKUPS), [case, *own])
    for told in OF_CASES:
        yield from _compare(told, expected, _there(connection, told, [case]), case)
    for told in OF_BACKUPS if own else ():
        yield from _compare(told, expected, _there(connection, told, own), case)


def check_other_rows(connection: Connection) -> Iterator[Fault]:
    """What is wrong about everything else that is told, and about rows of cases that there are not."""
    known = select(cases.c.id)
    theirs = set(connection.scalars(select(backups.c.id).where(backups.c.case_id.in_(known))))
    for told in OF_BACKUPS:
        stray = [subject for subject in _subjects(connection, told) if subject not in theirs]
        yield from _check(connection, told, stray)
    for told in OF_CASES:
        column = told.table.c[told.subject]
        nobodys = connection.scalars(select(column).distinct().where(column.not_in(known)))
        yield from _check(connection, told, sorted(nobodys))
    for told in OF_NO_CASE:
        yield from _check(connection, told, _subjects(connection, told))


def check_checkpoint_rows(connection: Connection) -> Iterator[Fault]:
    """What is wrong about checkpoints, by what was told of them; those among them that are gone."""
    for told in OF_NO_CASE:
        if told.table in (checkpoints, checkpoint_stamps):
            yield from _check(connection, told, _subjects(connection, told))


def _subjects(connection: Connection, told: Told) -> list[str]:
    """Of all that is there, and of all that was told."""
    there = select(cast(told.table.c[told.subject], String)).distinct()
    named = select(audit_events.c.subject).distinct().where(audit_events.c.kind.in_(told.kinds))
    return sorted({*connection.scalars(there), *connection.scalars(named)})


def _check(connection: Connection, told: Told, subjects: Sequence[str]) -> Iterator[Fault]:
    for start in range(0, len(subjects), _AT_ONCE):
        some = subjects[start : start + _AT_ONCE]
        yield from _compare(told, _expected(connection, [told], some), _there(connection, told, some))


def _compare(
    told: Told, expected: Mapping[str, Json], there: Mapping[str, str], case: str = ""
) -> Iterator[Fault]:
    begin = f"{told.table.name}/"
    for key in sorted({*there, *(key for key in expected if key.startswith(begin))}):
        if key not in there:
            yield Fault(case, key, "missing")
        elif key not in expected:
            yield Fault(case, key, "unexpected")
        elif there[key] != expected[key]:
            yield Fault(case, key, "altered")


def _expected(connection: Connection, told: Iterable[Told], subjects: Sequence[str]) -> dict[str, Json]:
    """The digests as they were told last."""
    kinds = [kind for one in told for kind in one.kinds]
    found: dict[str, Json] = {}
    about = audit_events.c.subject.in_(subjects), audit_events.c.kind.in_(kinds)
    for entry in read_rows(connection, audit_events, *about):
        data = entry["data"]
        rows = data.get(ROWS) if isinstance(data, dict) else None
        found |= rows if isinstance(rows, dict) else {}
    return found


def _there(connection: Connection, told: Told, subjects: Sequence[str]) -> dict[str, str]:
    mine = cast(told.table.c[told.subject], String).in_(subjects)
    rows = read_rows(connection, told.table, mine, leave_out=told.leave_out)
    return {_key(told.table, row): digest_of(row) for row in rows}


def _key(table: Table, row: dict[str, Json]) -> str:
    return "/".join((table.name, *(str(row[column.name]) for column in table.primary_key)))
