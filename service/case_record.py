"""All that the register holds of one case, as the verifier wants it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from activities.verifier import Fault, Record, check
from service.register import group_holder
from service.stored_rows import read_rows
from service.tables import case_events, case_parts, case_waits, cases, decisions, task_holders, tasks
from service.told_rows import check_case_rows
from service.trail_tables import attachments, checkpoint_heads, imprints
from workflows.domain.errors import UnknownRequest

Row = Mapping[str, Any]  # Any: JSON


def read_record(connection: Connection, case: str) -> Record:
    """Raises UnknownRequest."""
    rows = read_rows(connection, cases, cases.c.id == case)
    if not rows:
        raise UnknownRequest(case)
    parts = read_rows(connection, case_parts, case_parts.c.case_id == case)

    def of_case(table: Any) -> list[Row]:
        return list(read_rows(connection, table, table.c.case_id == case, leave_out=("case_id",)))

    return Record(
        case=rows[0],
        events=of_case(case_events),
        imprints=of_case(imprints),
        decisions=of_case(decisions),
        # An imprint of a task names its case as well.
        tasks=list(read_rows(connection, tasks, tasks.c.case_id == case)),
        attachments=of_case(attachments),
        parts={str(part["name"]): part["value"] for part in parts},
    )


def check_case(connection: Connection, case: str) -> list[Fault]:
    """Every fault in what the register holds of a case. Raises UnknownRequest."""
    record = read_record(connection, case)
    found = check(record)
    blamed = {fault.place for fault in found}
    if not blamed & {"case/waiting_for", "case/created_at"}:
        found += _waits(connection, record)
    if not any(place.startswith("tasks/") for place in blamed):
        found += _holders(connection, record)
    found += _checkpoints(connection, record, found)
    return [*found, *check_case_rows(connection, case)]


def _waits(connection: Connection, record: Record) -> list[Fault]:
    """Whom the case waits for is kept a second time, for quick reading."""
    case = record.case["id"]
    rows = read_rows(connection, case_waits, case_waits.c.case_id == case)
    expected = dict.fromkeys(record.case["waiting_for"], record.case["created_at"])
    there = {row["who"]: row["created_at"] for row in rows}
    return [
        Fault(case, f"waits/{who}", _differs(who in there, who in expected))
        for who in sorted(set(expected) | set(there), key=str)
        if there.get(who) != expected.get(who)
    ]


def _differs(is_there: bool, is_expected: bool) -> str:
    if is_there and is_expected:
        return "altered"
    return "unexpected" if is_there else "missing"


def _holders(connection: Connection, record: Record) -> list[Fault]:
    """Who holds each task is kept a second time, for quick reading."""
    case = record.case["id"]
    ids = [row["id"] for row in record.tasks]
    there: dict[tuple[str, str], Row] = {}
    for row in read_rows(connection, task_holders, task_holders.c.task_id.in_(ids)):
        there[str(row["task_id"]), str(row["holder"])] = row
    expected = {
        (task["id"], holder): {"state": task["state"], "opened_at": task["opened_at"]}
        for task in record.tasks
        for holder in task["persons"] or map(group_holder, task["groups"])
    }
    # A task that is told anew after a worker died may have had other holders before.
    told_anew = any(event["kind"] == "resumed" for event in record.events)
    found = []
    for key in sorted(set(expected) | set(there)):
        said = {name: there[key][name] for name in ("state", "opened_at")} if key in there else None
        if said != expected.get(key) and not (told_anew and key not in expected):
            found.append(Fault(case, "holders/" + "/".join(key), _differs(key in there, key in expected)))
    return found


def _checkpoints(connection: Connection, record: Record, known: list[Fault]) -> list[Fault]:
    """Whether the chain still goes through every point that was signed: it may have been written anew."""
    case = record.case["id"]
    events = {event["seq"]: event for event in record.events}
    digests = {seq - 1: event["digest_of_previous"] for seq, event in events.items()}
    digests[record.case["last_seq"]] = record.case["head_digest"]
    imprinted = {row["seq"]: row["digest"] for row in record.imprints}
    blamed = {fault.place for fault in known}
    found = []
    for row in read_rows(connection, checkpoint_heads, checkpoint_heads.c.case_id == case):
        seq = row["seq"]
        if seq > record.case["last_seq"] and f"events/{seq}" not in blamed:
            # Cut off, with everything that would have missed it.
            found.append(Fault(case, f"events/{seq}", "missing"))
            continue
        is_same = digests.get(seq) == row["head"] and imprinted.get(seq) == row["imprint"]
        if not is_same and not blamed:
            found.append(Fault(case, f"events/{seq}", "rewritten"))
    return found
