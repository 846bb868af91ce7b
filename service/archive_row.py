"""The row by which a case is in the archive, written in the transaction that records its end."""

from functools import cache

from sqlalchemy import Connection, bindparam, literal, null, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from service.archive_tables import archived_cases
from service.database import insert_into
from service.tables import cases


def put_away(connection: Connection, case: str) -> None:
    """The case has ended, or something was told after its end: it is to be found as it is now.

    One statement. Its text follows soon after (`service/archiving.py`), so that recording stays cheap.
    """
    connection.execute(_put_away(connection.dialect.name), {"which": case})


def mark_pending(connection: Connection, case: str) -> None:
    """Something was added to a case. Nothing happens if it has not ended: its end will mark it."""
    connection.execute(_MARK, {"which": case})


_MARKED = {"pending": true(), "marks": archived_cases.c.marks + 1, "not_before": null()}
"""What is new may be what was missing: a case that could not be read is tried again at once."""

_MARK = update(archived_cases).where(archived_cases.c.case_id == bindparam("which")).values(_MARKED)


@cache
def _put_away(dialect: str) -> postgresql.Insert | sqlite.Insert:
    known = {
        "case_id": cases.c.id,
        "ledger": cases.c.ledger,
        "target_period": cases.c.target_period,
        "applicant": cases.c.applicant,
        "outcome": cases.c.state,
        "reason_code": cases.c.request["reason_code"].as_string(),
        "accepted_at": cases.c.created_at,
        "ended_at": cases.c.updated_at,
        "marks": literal(1),
        "failures": literal(0),
        "pending": true(),
    }
    ended = select(*known.values()).where(cases.c.id == bindparam("which"))
    new = insert_into(dialect, archived_cases).from_select([*known], ended)
    return new.on_conflict_do_update(index_elements=["case_id"], set_=_MARKED)
