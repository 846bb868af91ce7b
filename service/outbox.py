"""The hook of the register: what others must hear of is written down with what it tells of (design §12).

One insert into a narrow table and nothing more: whom it concerns is looked up later, by the dispatcher, so
that recording stays quick and no receiver can hold a case up.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from service.database import insert_new
from service.outbox_tables import outbox
from workflows.domain.case import CaseEvent, EventKind

_E = EventKind

NOTABLE = frozenset(
    {
        _E.RECEIVED,
        _E.STATE_CHANGED,
        _E.PLAN_MADE,
        _E.ASKED,
        _E.DECIDED,
        _E.DECISIONS_VOID,
        _E.CONFIRMED,
        _E.CONFIRMATION_LAPSED,
        _E.TRANSFERRED,
        _E.SIGN_ADDED,
        _E.REMINDED,
        _E.ESCALATED,
        _E.WAITING_FOR_LEDGER,
        _E.STEP_DONE,
        _E.STEP_FAILED,
        _E.WINDOW_OPENED,
        _E.WINDOW_EXTENDED,
        _E.WINDOW_CLOSED,
        _E.ATTENTION_NEEDED,
        _E.ATTENTION_PROPOSED,
        _E.SEALED,
    }
)
"""Events that somebody outside may have to hear of; the rest is for the record alone."""


def write_outbox(connection: Connection, case: str, fresh: Sequence[CaseEvent]) -> None:
    """Note, in the transaction that records them, which of these events are to be told."""
    rows = [{"case_id": case, "seq": event.seq} for event in fresh if event.kind in NOTABLE]
    if rows:
        connection.execute(insert_new(connection, outbox), rows)
