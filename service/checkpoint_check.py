"""Checks checkpoints: signatures, the chain between them, the heads they tell, and their time stamps."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.x509 import Certificate
from sqlalchemy import Connection, select

from activities.verifier import Fault, verify_signature
from service.checkpoints import FIRST, body_of, digest_of_heads
from service.stored_rows import read_rows
from service.tables import cases
from service.time_stamps import why_not
from service.trail_tables import audit_events, checkpoint_heads, checkpoint_stamps, checkpoints

Row = Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True)
class KeptLine:
    """What was printed of a checkpoint when it was made, and is kept where nobody of ours can reach it."""

    n: int
    sha256: str


def check_checkpoints(
    connection: Connection, public_key: str | None, roots: Sequence[Certificate] = ()
) -> Iterator[Fault]:
    """Every fault in checkpoints, one of them in memory at a time.

    Args:
        connection: to the register.
        public_key: that of the installation; any key will do if it is not known here.
        roots: certificates that the stamping authority's own must lead to.
    """
    before: set[str] = {FIRST}
    numbers = connection.scalars(select(checkpoints.c.n).order_by(checkpoints.c.n)).all()
    # A head that no checkpoint has signed would keep the next one from telling where that case stands.
    newest = numbers[-1] if numbers else 0
    told = select(checkpoint_heads.c.checkpoint).distinct()
    for stray in connection.scalars(told.where(checkpoint_heads.c.checkpoint > newest)):
        yield Fault("", f"checkpoints/{stray}/heads", "unexpected")
    for n, expected in enumerate(numbers, 1):
        if n != expected:
            yield Fault("", f"checkpoints/{n}", "missing")
            return
        (row,) = read_rows(connection, checkpoints, checkpoints.c.n == n)
        code = _code(row, before, public_key)
        if code is not None:
            yield Fault("", f"checkpoints/{n}", code)
        else:
            yield from _heads(connection, row)
            yield from _stamp(connection, row, roots)
        before = {str(row["digest"]), hashlib.sha256(str(row["body"]).encode()).hexdigest()}


def check_kept_lines(connection: Connection, kept: Iterable[KeptLine]) -> Iterator[Fault]:
    """Whether the checkpoints whose lines somebody has kept are still the same."""
    for line in kept:
        rows = read_rows(connection, checkpoints, checkpoints.c.n == line.n)
        if not rows:
            yield Fault("", f"checkpoints/{line.n}", "missing")
        elif hashlib.sha256(str(rows[0]["body"]).encode()).hexdigest() != line.sha256:
            yield Fault("", f"checkpoints/{line.n}", "not_as_printed")


def _code(row: Row, before: set[str], public_key: str | None) -> str | None:
    body = body_of(row) if isinstance(row["body"], str) else None
    digest = hashlib.sha256(str(row["body"]).encode()).hexdigest()
    if body is None or digest != row["digest"] or (body["n"], body["at"]) != (row["n"], row["at"]):
        return "altered"
    if not verify_signature(row["public_key"], row["body"].encode(), row["signature"]):
        return "bad_signature"
    if public_key is not None and row["public_key"] != public_key:
        return "other_key"
    return None if body["previous"] in before else "broken_link"


def _heads(connection: Connection, row: Row) -> Iterator[Fault]:
    """What a checkpoint tells of cases and of the audit trail."""
    body, n = body_of(row), row["n"]
    heads = read_rows(connection, checkpoint_heads, checkpoint_heads.c.checkpoint == n)
    heads.sort(key=lambda head: str(head["case_id"]))
    if digest_of_heads(heads) != body["heads"]:
        yield Fault("", f"checkpoints/{n}/heads", "altered")
        return
    told = [str(head["case_id"]) for head in heads]
    there = set(connection.scalars(select(cases.c.id).where(cases.c.id.in_(told)))) if told else set()
    for case in told:
        if case not in there:
            yield Fault(case, "case", "missing")
    audit = body["audit"]
    known = connection.scalar(select(audit_events.c.digest).where(audit_events.c.n == audit["n"]))
    if audit["n"] and known != audit["digest"]:
        yield Fault("", f"audit/{audit['n']}", "rewritten")


def _stamp(connection: Connection, row: Row, roots: Sequence[Certificate]) -> Iterator[Fault]:
    for stamp in read_rows(connection, checkpoint_stamps, checkpoint_stamps.c.checkpoint == row["n"]):
        try:
            token = base64.b64decode(str(stamp["token"]), validate=True)
        except binascii.Error:
            token = b""
        if why_not(token, bytes.fromhex(row["digest"]), roots) is not None:
            yield Fault("", f"checkpoints/{row['n']}/stamp", "bad_stamp")
