"""Files of a case (R80): looked at, stored under their digest, told to the case, handed out again."""

import asyncio
import hashlib
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, select

from activities.backup.store import AlreadyStored, NotStored, ObjectStore
from service.acts import Call
from service.attachment_rows import read_attachment, read_attachments
from service.audit_trail import AuditKind, AuditTrail
from service.beginnings import Beginnings
from service.database import Database
from service.intake import Intake
from service.queries import Reader
from service.refusals import BodyTooLarge, FileRefused
from service.tables import tasks
from service.temporal_gateway import Gateway
from workflows.domain.attachments import (
    KINDS,
    Attaching,
    Attachment,
    is_script,
    kind_of,
    require_party,
    safe_name,
)
from workflows.domain.case import SYSTEM, Actor
from workflows.domain.errors import (
    CaseNotBegun,
    EvidenceDamaged,
    UnknownRequest,
    WrongState,
)
from workflows.domain.request import FINAL_STATES, CaseState


@dataclass(frozen=True)
class Upload:
    """A file as somebody sends it."""

    name: str
    data: bytes
    note: str = ""


class CaseAttachments:
    """Adds files to running cases. What a case has when it ends is sealed; nothing comes after."""

    def __init__(
        self, database: Database, gateway: Gateway, store: ObjectStore, trail: AuditTrail, limit: int
    ) -> None:
        self._database, self._reader, self._gateway = database, Reader(database), gateway
        self._store, self._trail, self.limit = store, trail, limit
        self._beginnings = Beginnings(self._reader, Intake(database), gateway)

    async def add(self, call: Call, case: str, upload: Upload) -> Attaching:
        """Store a file and tell the case of it; its event goes on record with whatever comes next.

        Raises:
            UnknownRequest, NotAParty: it is not theirs to add to.
            WrongState: the case has ended.
            FileRefused, BodyTooLarge: the file is of no kind or size that is taken.
            CaseNotBegun: it was accepted a moment ago, and has not begun.
            TooManyAttachments, and what the gateway and the store raise.
        """
        head = await self._beginnings.case(case)
        asked = await self._database.read(partial(_asked, case=case, actor=call.actor))
        require_party(call.actor, head.request, asked)
        return await self._keep(call, case, head.state, upload)

    async def keep(self, case: str, name: str, mime: str, content: bytes) -> None:
        """Keep what came with a request through another channel.

        The same content under the same name is kept once. Raises as `add`.
        """
        told = "\x1f".join((case, name, hashlib.sha256(content).hexdigest()))
        call = Call(Actor(SYSTEM.person, origin=mime), hashlib.sha256(told.encode()).hexdigest())
        state = (await self._beginnings.case(case)).state
        await self._keep(call, case, state, Upload(name, content))

    async def _keep(self, call: Call, case: str, state: CaseState, upload: Upload) -> Attaching:
        if state in FINAL_STATES:
            running = sorted(other for other in CaseState if other not in FINAL_STATES)
            raise WrongState(case, state, tuple(running))
        attaching = self._looked_at(call, upload)
        await asyncio.to_thread(self._put, case, attaching.sha256, upload.data)
        try:
            await self._gateway.attach(case, attaching, call.update)
        except UnknownRequest:
            ended = (await self._reader.case(case)).state
            if ended == CaseState.RECEIVED:
                raise CaseNotBegun(case) from None
            if ended not in FINAL_STATES:
                raise
            raise WrongState(case, ended, ()) from None
        return attaching

    def _looked_at(self, call: Call, upload: Upload) -> Attaching:
        if len(upload.data) > self.limit:
            raise BodyTooLarge(self.limit)
        kind = kind_of(upload.data)
        if kind is None or is_script(upload.name):
            raise FileRefused(", ".join(ending for known in KINDS for ending in known.endings))
        return Attaching(
            actor=call.actor,
            id=call.update,
            name=safe_name(upload.name, kind),
            media_type=kind.media_type,
            bytes=len(upload.data),
            sha256=hashlib.sha256(upload.data).hexdigest(),
            note=upload.note,
        )

    def _put(self, case: str, digest: str, data: bytes) -> None:
        try:
            self._store.put_new(stored_name(case, digest), data)
        except AlreadyStored:
            load_attachment(self._store, case, digest, "the same file")

    async def list(self, case: str) -> tuple[Attachment, ...]:
        """Raises UnknownRequest."""
        await self._reader.case(case)
        return await self._database.read(partial(read_attachments, case=case))

    async def read(self, actor: Actor, case: str, attachment: str) -> tuple[Attachment, bytes]:
        """A file and its bytes; goes on record. Raises UnknownAttachment, EvidenceDamaged."""
        found = await self._database.read(partial(read_attachment, case=case, attachment=attachment))
        data = await asyncio.to_thread(load_attachment, self._store, case, found.sha256, found.name)
        told = {"attachment": found.id, "name": found.name, "sha256": found.sha256}
        await self._trail.tell(actor, AuditKind.ATTACHMENT_READ, case, {**told})
        return found, data


def stored_name(case: str, digest: str) -> str:
    return f"attachments/{case}/{digest}"


def load_attachment(store: ObjectStore, case: str, digest: str, name: str) -> bytes:
    """Raises EvidenceDamaged: it is gone, or not what was stored."""
    try:
        data = store.get(stored_name(case, digest))
    except NotStored:
        raise EvidenceDamaged(case, name, "it is not in the object store") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise EvidenceDamaged(case, name, "its SHA-256 is not the one on record")
    return data


def _asked(connection: Connection, case: str, actor: Actor) -> frozenset[str]:
    """Everybody who was asked for anything; the actor too, if their whole group was."""
    found: set[str] = set()
    wanted = select(tasks.c.persons, tasks.c.groups).where(tasks.c.case_id == case)
    for persons, groups in connection.execute(wanted):
        found.update(persons)
        if not persons and set(groups) & set(actor.groups):
            found.add(actor.person)
    return frozenset(found)
