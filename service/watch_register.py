"""What the back-door watch knows, in the register, and what cases have opened meanwhile."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, select

from activities.watching import Known, read_sighting
from service.audit_trail import AuditEntry, AuditKind, append, newest_of
from service.database import Database, insert_or_replace
from service.register import read_parts
from service.standing_tables import watched_ledgers
from service.standing_tasks import open_tasks
from service.tables import case_events, cases
from service.told_rows import rows_told
from workflows.domain.case import Actor, EventKind
from workflows.domain.digest import Json, to_json
from workflows.domain.standing import StandingTask
from workflows.domain.watch import Opened

WATCH = Actor("watch")

_CLOSED_AGAIN = ("proof_verified_closed", "proof_rolled_back", "proof_compensated")
"""Proofs that a case takes when everything is closed again, the one that counts first."""

_RESTORED = "proof_rolled_back"
"""After it every document is what it was: the ledger was replaced by its copy from before the opening."""


class SqlWatchRegister:
    """Implements `WatchRegister` of `activities/watching.py`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, ledger: str) -> Known | None:
        return await self._database.read(partial(_known, ledger=ledger))

    async def opened_since(self, ledger: str, fence: int) -> Opened | None:
        return await self._database.read(partial(_opened_since, ledger=ledger, fence=fence))

    async def keep(
        self, ledger: str, before: Known | None, now: Known, alarms: Sequence[StandingTask]
    ) -> tuple[str, ...]:
        return await self._database.write(
            partial(_keep, ledger=ledger, before=before, now=now, alarms=tuple(alarms))
        )


def _known(connection: Connection, ledger: str) -> Known | None:
    row = connection.execute(select(watched_ledgers).where(watched_ledgers.c.ledger == ledger)).one_or_none()
    if row is None:
        return None
    return Known(row.run, row.at, row.fence, row.mark, read_sighting(row.sighting))


def _keep(
    connection: Connection, ledger: str, before: Known | None, now: Known, alarms: tuple[StandingTask, ...]
) -> tuple[str, ...]:
    there = _known(connection, ledger)
    if (there and there.run) != (before and before.run):
        return ()
    row = {
        "ledger": ledger,
        "run": now.run,
        "at": now.at,
        "fence": now.fence,
        "mark": now.mark,
        "sighting": to_json(now.sighting),
    }
    connection.execute(insert_or_replace(connection, watched_ledgers), row)
    told = rows_told(connection, watched_ledgers, watched_ledgers.c.ledger == ledger)
    if newest_of(connection, AuditKind.WATCH_LEARNED, ledger) != told:
        entry = AuditEntry(now.at, WATCH.person, None, AuditKind.WATCH_LEARNED, ledger, told)
        append(connection, entry)
    return open_tasks(connection, alarms, WATCH, now.at)


def _opened_since(connection: Connection, ledger: str, fence: int) -> Opened | None:
    """The cases in the order in which they held the ledger: each proof replaces the one before."""
    taken = (cases.c.ledger == ledger) & (case_events.c.kind == EventKind.LEASE_TAKEN)
    wanted = select(case_events.c.case_id, case_events.c.data).join_from(case_events, cases).where(taken)
    since = {
        row.case_id: row.data["fence"] for row in connection.execute(wanted) if row.data["fence"] > fence
    }
    if not since:
        return None
    places: set[str] = set()
    balances: dict[str, str] = {}
    documents: dict[str, str] = {}
    untold: set[str] = set()
    for case in sorted(since, key=lambda each: since[each]):
        parts = read_parts(connection, case)
        opened = _steps_done(connection, case)
        places |= opened
        name = next((name for name in _CLOSED_AGAIN if name in parts), None)
        proof = parts[name] if name is not None else None
        balances |= {place: digest for place, digest in _leaves(proof).items() if place in opened}
        if name == _RESTORED:
            continue
        # What closing has written anew after a compensation may have other numbers: that is nobody's doing.
        closed = _closed_documents(parts.get("difference"))
        documents |= {place: digest for place, digest in closed.items() if place in opened}
        untold = (untold | opened) - closed.keys()
    return Opened(frozenset(places), balances, documents, frozenset(untold))


def _steps_done(connection: Connection, case: str) -> set[str]:
    done = (case_events.c.case_id == case) & (case_events.c.kind == EventKind.STEP_DONE)
    rows = connection.scalars(select(case_events.c.data).where(done))
    return {f"{data['module']} {data['period']}" for data in rows}


def _leaves(proof: Json) -> dict[str, str]:
    if not isinstance(proof, dict) or not isinstance(proof["leaves"], list):
        return {}
    leaves = (leaf for leaf in proof["leaves"] if isinstance(leaf, dict))
    return {f"{leaf['module']} {leaf['period']}": str(leaf["digest"]) for leaf in leaves}


def _closed_documents(difference: Json) -> dict[str, str]:
    """The documents of a case's places as it has left them; empty where it could not be compared."""
    closed = difference.get("closed") if isinstance(difference, dict) else None
    return {place: str(digest) for place, digest in closed.items()} if isinstance(closed, dict) else {}
