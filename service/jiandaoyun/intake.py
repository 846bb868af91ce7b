"""Brings a case into line with its form record: started, resubmitted, withdrawn, or told why not.

A push only says which record to look at. What is done follows from the record as the API shows it then, so
pushes may be lost, doubled or out of order: the next look, by a push or by the poller, comes to the same end.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from activities.recording import Directory
from service.acceptance import Acceptance
from service.acts import Acts, Call
from service.intake import Sender
from service.jiandaoyun.attachments import Attachments
from service.jiandaoyun.client import JiandaoyunClient
from service.jiandaoyun.complaints import told
from service.jiandaoyun.forms import Form, StartsWhen
from service.jiandaoyun.notes import Note, note, refusal
from service.jiandaoyun.reading import Asked, Objections, RecordReader, unknown_submitter
from service.jiandaoyun.records import FormRecords, Known, RecordId
from service.jiandaoyun.values import Record, moment_of
from service.queries import Reader
from service.refusals import ServiceRefusal
from service.wishes import Wishes, wish_of
from workflows.domain.case import Actor
from workflows.domain.digest import sha256
from workflows.domain.errors import LedgerBusy, Refused, UnknownRequest
from workflows.domain.request import FINAL_STATES, CaseState, UncloseRequest

log = logging.getLogger(__name__)

CHANNEL = "jiandaoyun"
"""The origin of what people do through their forms."""

_COMPLETED, _ENDED_BY_HAND, _VETOED = 1, 2, 3
"""`flowState` of a record whose form has a flow of its own; 0 while it runs."""

_ASKED_ANEW = frozenset({CaseState.CHECKS_FAILED, CaseState.WITHDRAWN, CaseState.EXPIRED})
"""Endings after which a changed record asks anew. What was rejected or done needs a new record."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Register:
    """What is asked of the rest of the service."""

    acceptance: Acceptance
    acts: Acts
    wishes: Wishes
    reader: Reader
    directory: Directory


class FormIntake:
    """One call brings one record up to date. Done twice, or by two at once, it is done once.

    Raises:
        JiandaoyunRefused, JiandaoyunUnreachable: the record cannot be read.
        FilesAwaited: all is done but files that do not answer yet.
        Unavailable: the rest of the service cannot be reached. In either case the call is to be repeated.
    """

    def __init__(
        self,
        client: JiandaoyunClient,
        records: FormRecords,
        reading: RecordReader,
        register: Register,
        attachments: Attachments,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._client, self._records, self._reading = client, records, reading
        self._register, self._attachments, self._now = register, attachments, now

    async def look(self, form: Form, record: str) -> Known:
        """Read the record, and do what it asks for; what is known of it then."""
        its = RecordId(form.id, record)
        return await self.take(form, its, await self._client.record(its.form, record))

    async def take(self, form: Form, its: RecordId, record: Record | None) -> Known:
        """Do what the record asks for, as it has just been read; none if it is not there any more."""
        known = await self._records.find(its)
        if record is None:
            return await self._on_removed(form, known)
        read_at = moment_of(record.get("updateTime"))
        if known.is_newer_than(read_at):
            return known
        known = replace(known, updated_at=read_at or known.updated_at, removed=False)
        if known.case_id is None and not _is_due(form, record):
            return known
        known = await self._on_content(form, known, record)
        await self._records.keep(known)
        if known.case_id is not None:
            known = replace(known, files=await self._attachments.fetch(form, known, record))
        return known

    async def _on_content(self, form: Form, known: Known, record: Record) -> Known:
        try:
            asked = self._reading.read(form, record, known.id.reference, self._now())
            if _digest(asked) == known.dealt_with:
                return known
            return replace(await self._act(form, known, asked), dealt_with=_digest(asked))
        except Objections as objections:
            log.info("record %s of form %s is refused: %s", known.id.record, form.code, objections)
            return replace(
                known,
                dealt_with=None,
                message=_kept_running(form, known) + told(objections.complaints, form.language),
            )
        except (Refused, ServiceRefusal) as refused:
            # A ledger in use is free again some time without anybody's doing: the next look asks anew.
            done = None if isinstance(refused, LedgerBusy) else _digest(asked)
            return replace(
                known, dealt_with=done, message=_kept_running(form, known) + refusal(refused, form.language)
            )

    async def _act(self, form: Form, known: Known, asked: Asked) -> Known:
        """Raises Objections, and what the rules refuse with."""
        if known.case_id is None:
            return await self._start(known, asked)
        if known.state in _ASKED_ANEW:
            return await self._start(replace(known, attempt=known.attempt + 1), asked)
        if known.holds == _digest(asked):
            return replace(known, message="")
        if known.state == CaseState.RETURNED:
            return await self._resubmit(form, known, asked)
        which = Note.ENDED if known.state in FINAL_STATES else Note.NOT_TAKEN
        return replace(known, message=note(which, form.language, known))

    async def _start(self, known: Known, asked: Asked) -> Known:
        """Take the request. Its key is the record's, so that it is taken once however often it is tried."""
        key = f"{CHANNEL}:{known.id.form.entry_id}:{known.id.record}:{known.attempt}"
        sender = Sender(asked.applicant, key, hashlib.sha256(key.encode()).hexdigest())
        request = await self._register.acceptance.accept(
            asked.wish, await self._actor(asked.applicant), sender
        )
        holds = _digest(Asked(request.applicant, wish_of(request)))
        return replace(known, case_id=request.id, holds=holds, message="", state=None, files=())

    async def _resubmit(self, form: Form, known: Known, asked: Asked) -> Known:
        before = await self._request(known)
        if before.applicant != asked.applicant:
            return replace(known, message=note(Note.OTHER_APPLICANT, form.language, known))
        anew = self._register.wishes.read_again(before, asked.wish, self._now())
        await self._register.wishes.require_known(anew)
        call = Call(await self._actor(asked.applicant), _name(known, "resubmit", _digest(asked)))
        await self._register.acts.resubmit(call, before.id, "简道云表单已修改", anew)
        return replace(known, holds=_digest(asked), message="")

    async def _on_removed(self, form: Form, known: Known) -> Known:
        """The record is gone: its case is withdrawn while it may be. Should it come back, it asks anew."""
        if known.removed or known.is_new:
            return known
        gone = replace(known, removed=True, dealt_with="", message="")
        if known.case_id is not None and known.state not in FINAL_STATES:
            gone = replace(gone, message=await self._withdraw(form, known))
        await self._records.keep(gone)
        return gone

    async def _withdraw(self, form: Form, known: Known) -> str:
        """What the form is to say should the record come back."""
        request = await self._request(known)
        call = Call(await self._actor(request.applicant), _name(known, "withdraw", ""))
        try:
            await self._register.acts.withdraw(call, request.id, "简道云记录已删除")
        except Refused as refused:
            log.warning("record %s is gone, and %s goes on: %s", known.id.record, request.id, refused)
            return f"{note(Note.GOES_ON, form.language, known)}\n{refusal(refused, form.language)}"
        return ""

    async def _request(self, known: Known) -> UncloseRequest:
        assert known.case_id is not None
        try:
            return (await self._register.reader.case(known.case_id)).request
        except UnknownRequest:  # taken, and its row not written yet
            return await self._register.acceptance.not_yet_on_record(known.case_id)

    async def _actor(self, person: str) -> Actor:
        """Raises Objections: the person is not active any more."""
        groups = await self._register.directory.groups_of(person)
        if groups is None:
            raise Objections((unknown_submitter(person),))
        return Actor(person, groups, origin=CHANNEL)


def _is_due(form: Form, record: Record) -> bool:
    """Whether the record is to become a case: by its age, and by its own flow if it has one."""
    made = moment_of(record.get("createTime"))
    if made is None or made < form.since:
        return False
    flow = record.get("flowState")
    if form.starts == StartsWhen.COMPLETED:
        return flow == _COMPLETED
    return flow not in (_ENDED_BY_HAND, _VETOED)


def _kept_running(form: Form, known: Known) -> str:
    """What is said before a complaint about a record whose case goes on as it was."""
    goes_on = known.case_id is not None and known.state not in FINAL_STATES
    which = Note.CORRECT if known.state == CaseState.RETURNED else Note.NOT_TAKEN
    return f"{note(which, form.language, known)}\n" if goes_on else ""


def _digest(asked: Asked) -> str:
    return sha256(asked)


def _name(known: Known, act: str, content: str) -> str:
    """The same act on the same content has the same name, so that it is taken once."""
    said = "\x1f".join((known.id.reference, str(known.attempt), act, content, str(known.updated_at)))
    return hashlib.sha256(said.encode()).hexdigest()
