"""Checkpoints: signed statements of where every chain ended, each naming the one before it (design §9).

A checkpoint tells the heads that have moved since the one before; what has not moved is bound by the one that
told it last. What has been signed cannot be written anew, not even by somebody who can compute every digest.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, func, select

from activities.verifier import canonical, digest_of
from service.audit_trail import AuditEntry, AuditKind, append, hold
from service.database import Database, insert_new
from service.signing import SETTING, Signer
from service.tables import cases
from service.time_stamps import TimeStamps
from service.told_rows import rows_told
from service.trail_tables import checkpoint_heads, checkpoint_stamps, checkpoints, imprints
from workflows.domain.case import SYSTEM
from workflows.domain.digest import Json
from workflows.domain.errors import CheckpointKeyMissing

FORMAT = "unclose-checkpoint-1"
FIRST = digest_of("checkpoint")
"""What the first checkpoint names as the one before it."""


@dataclass(frozen=True)
class Checkpoint:
    """One statement, as it was signed."""

    n: int
    at: datetime
    moved: int
    """How many cases it tells of."""
    digest: str
    public_key: str
    stamped: bool = False


class Checkpoints:
    """Makes checkpoints, and has them stamped where an authority is configured."""

    def __init__(
        self,
        database: Database,
        signer: Signer | None,
        stamps: TimeStamps | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._signer, self._stamps, self._now = database, signer, stamps, now

    async def make(self) -> Checkpoint:
        """Sign where every chain ends now, and have it stamped.

        Raises:
            CheckpointKeyMissing: there is nothing to sign with.
            NotStamped: it stands, signed; the authority has not answered. The next one is stamped for both.
            StorageUnavailable
        """
        if self._signer is None:
            raise CheckpointKeyMissing(f"{SETTING} is not set")
        at = self._now()
        made = await self._database.write(partial(_make, signer=self._signer, at=at))
        if self._stamps is None:
            return made
        token = await asyncio.to_thread(self._stamps.stamp, bytes.fromhex(made.digest))
        row = {"checkpoint": made.n, "at": self._now(), "url": self._stamps.url, "token": token}
        await self._database.write(partial(_stamp, row=row))
        return Checkpoint(made.n, made.at, made.moved, made.digest, made.public_key, stamped=True)


def _make(connection: Connection, signer: Signer, at: datetime) -> Checkpoint:
    audit = hold(connection)
    newest = select(checkpoints.c.n, checkpoints.c.digest).order_by(checkpoints.c.n.desc()).limit(1)
    before = connection.execute(newest).one_or_none()
    n = 1 if before is None else before.n + 1
    heads = _moved(connection)
    body = canonical(
        {
            "format": FORMAT,
            "n": n,
            "at": at.astimezone(UTC).isoformat(),
            "previous": FIRST if before is None else before.digest,
            "cases": connection.scalar(select(func.count()).select_from(cases)),
            "moved": len(heads),
            "heads": digest_of_heads(heads),
            "audit": {"n": audit.n, "digest": audit.digest},
        }
    )
    digest = hashlib.sha256(body.encode()).hexdigest()
    row = {"n": n, "at": at, "body": body, "digest": digest, "public_key": signer.public_key}
    connection.execute(checkpoints.insert(), {**row, "signature": signer.sign(body.encode())})
    if heads:
        connection.execute(checkpoint_heads.insert(), [{**head, "checkpoint": n} for head in heads])
    rows = rows_told(connection, checkpoints, checkpoints.c.n == n)
    summary: dict[str, Json] = {"digest": digest, "moved": len(heads), **rows}
    append(connection, AuditEntry(at, SYSTEM.person, None, AuditKind.CHECKPOINT_MADE, str(n), summary))
    return Checkpoint(n, at, len(heads), digest, signer.public_key)


def _moved(connection: Connection) -> list[dict[str, Any]]:  # Any: rows to be written, column by column
    """The heads of cases that no checkpoint has told as they stand now, in the order of their numbers."""
    told = and_(
        checkpoint_heads.c.case_id == cases.c.id,
        checkpoint_heads.c.seq == cases.c.last_seq,
        checkpoint_heads.c.head == cases.c.head_digest,
    )
    last = and_(imprints.c.case_id == cases.c.id, imprints.c.seq == cases.c.last_seq)
    wanted = select(
        cases.c.id.label("case_id"),
        cases.c.last_seq.label("seq"),
        cases.c.head_digest.label("head"),
        imprints.c.digest.label("imprint"),
    ).join(imprints, last, isouter=True)
    rows = connection.execute(wanted.where(~exists().where(told))).mappings()
    # Databases order texts each in its own way.
    return sorted((dict(row) for row in rows), key=lambda row: str(row["case_id"]))


def digest_of_heads(heads: Iterable[Mapping[str, Any]]) -> str:  # Any: JSON
    """SHA-256 over the heads, a line of canonical JSON each, in the order of the numbers of their cases."""
    total = hashlib.sha256()
    for head in heads:
        line = [head["case_id"], head["seq"], head["head"], head["imprint"]]
        total.update(canonical(line).encode() + b"\n")
    return total.hexdigest()


def _stamp(connection: Connection, row: Mapping[str, Any]) -> None:  # Any: column by column
    if connection.execute(insert_new(connection, checkpoint_stamps), row).rowcount:
        n = row["checkpoint"]
        told = rows_told(connection, checkpoint_stamps, checkpoint_stamps.c.checkpoint == n)
        kind = AuditKind.CHECKPOINT_STAMPED
        append(connection, AuditEntry(row["at"], SYSTEM.person, None, kind, str(n), told))


def body_of(row: Row[Any] | Mapping[str, Any]) -> Any:  # Any: JSON
    """What a checkpoint says; none if it cannot be read."""
    body = row["body"] if isinstance(row, Mapping) else row.body
    try:
        return json.loads(body)
    except ValueError:
        return None
