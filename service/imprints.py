"""Imprints: the digests of what is told beside events, so that no part or task of a case changes unseen."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from activities.verifier import digest_of, imprint_digest
from service.database import insert_new
from service.tables import tasks
from service.trail_tables import imprints
from workflows.domain.case import CaseChange, CaseEvent, EventKind
from workflows.domain.digest import Json, sha256, to_json
from workflows.domain.request import CaseState, UncloseRequest


def imprint_request(connection: Connection, request: UncloseRequest, state: CaseState) -> None:
    """The first imprint of a case: what is asked for. Writing it again changes nothing."""
    told = {"request": sha256(request), "state": str(state), "waiting_for": []}
    begin = sha256(request.id)
    _add(connection, request.id, {"seq": 0, "head": begin, "told": told, "digest_of_previous": begin})


def imprint_change(connection: Connection, change: CaseChange, fresh: Sequence[CaseEvent], head: str) -> None:
    """What a change has told beside its events, the tasks as they now stand among it."""
    told: dict[str, Json] = {"state": str(change.state), "waiting_for": list(change.waiting_for)}
    if change.parts:
        told["parts"] = {name: digest_of(value) for name, value in change.parts.items()}
    touched = _touched_tasks(connection, change, fresh)
    if touched:
        told["tasks"] = touched
    if change.request is not None:
        told["request"] = sha256(change.request)
    before = connection.scalar(_LAST, {"which": change.case}) or sha256(change.case)
    row = {"seq": fresh[-1].seq, "head": head, "told": told, "digest_of_previous": before}
    _add(connection, change.case, row)


_LAST = (
    select(imprints.c.digest)
    .where(imprints.c.case_id == bindparam("which"))
    .order_by(imprints.c.seq.desc())
    .limit(1)
)


def _add(connection: Connection, case: str, row: Mapping[str, Any]) -> None:  # Any: column by column
    digest = imprint_digest(case, row)
    connection.execute(insert_new(connection, imprints), {**row, "case_id": case, "digest": digest})


def _touched_tasks(connection: Connection, change: CaseChange, fresh: Iterable[CaseEvent]) -> dict[str, Json]:
    opened = [task.id for task in (*change.opened, *change.updated)]
    named = [*opened, *(closing.id for closing in change.closed)]
    # Whoever resumes closes all tasks that only a dead worker had told of.
    resumed = any(event.kind == EventKind.RESUMED for event in fresh)
    if not (named or resumed):
        return {}
    which = {"which": change.case}
    found = (
        connection.execute(_TASKS, which)
        if resumed
        else connection.execute(_NAMED, {**which, "named": named})
    )
    return {row["id"]: digest_of(to_json(dict(row))) for row in found.mappings()}


_TASKS = select(tasks).where(tasks.c.case_id == bindparam("which"))
_NAMED = _TASKS.where(tasks.c.id.in_(bindparam("named", expanding=True)))
