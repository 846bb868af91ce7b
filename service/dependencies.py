"""What route functions ask for, as annotated parameters."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar, cast
from urllib.parse import unquote
from uuid import uuid4

from annotated_types import Ge, Le
from fastapi import Depends, Header, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from service import views
from service.acceptance import Acceptance
from service.acts import Acts, Call
from service.archive import Archive
from service.audit_trail import AuditTrail
from service.backup_catalogue import SqlBackupCatalogue
from service.backup_works import BackupWorks
from service.case_attachments import CaseAttachments
from service.delegations import Delegations
from service.deliveries import Deliveries
from service.directory import RegisterDirectory
from service.dry_run import DryRun
from service.evidence_packages import EvidencePackages
from service.identity import Identities, Identity
from service.inbox.hooks import HookBook
from service.inbox.store import Inbox
from service.intake import Answer, Answers, Sender
from service.jiandaoyun.records import FormRecords
from service.lease_release import LeaseRelease
from service.leases import Leases
from service.ledger_book import LedgerBook
from service.legal_holds import LegalHolds
from service.policies import PolicyStore
from service.problem_answers import preferred_language
from service.queries import Reader, Slice, Viewer
from service.rate_limits import RateLimits
from service.refusals import (
    NotAnAdministrator,
    PersonNeeded,
    ScopeMissing,
    SpeaksForOthers,
    Unidentified,
    UnknownBehalf,
)
from service.register import SqlRegister
from service.reports.sealed import Reports
from service.root_causes import SqlRootCauses
from service.schedule_register import ScheduleRegister
from service.schedules import ScheduleKeeper
from service.schemas import ActOut, Whole
from service.scopes import scope_of
from service.sealed_files import CaseFiles
from service.sending.wiring import Sending
from service.standing_tasks import StandingTasks
from service.statistics import StatisticsReader
from service.temporal_gateway import Gateway
from service.texts import Language
from service.tokens import Tokens
from service.user import UserKind
from service.users import Users
from service.verification import Verification
from service.wishes import Wishes
from workflows.domain.case import Actor, CaseNow

Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True)
class Parts:
    """What the routes work with; made once by `create_app`."""

    book: LedgerBook
    register: SqlRegister
    reader: Reader
    answers: Answers
    acceptance: Acceptance
    acts: Acts
    wishes: Wishes
    dry_run: DryRun
    policies: PolicyStore
    gateway: Gateway
    catalogue: SqlBackupCatalogue
    works: BackupWorks
    schedules: ScheduleKeeper
    schedule_log: ScheduleRegister
    standing: StandingTasks
    leases: Leases
    lease_release: LeaseRelease
    identities: Identities
    limits: RateLimits
    directory: RegisterDirectory
    users: Users
    tokens: Tokens
    delegations: Delegations
    hooks: HookBook
    inbox: Inbox
    deliveries: Deliveries
    archive: Archive
    root_causes: SqlRootCauses
    sending: Sending
    statistics: StatisticsReader
    forms: FormRecords
    holds: LegalHolds
    trail: AuditTrail
    verification: Verification
    attachments: CaseAttachments
    packages: EvidencePackages
    files: CaseFiles
    reports: Reports

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)


# Dependencies are coroutines even where they wait for nothing: others would each take a trip to a thread.


async def _parts(request: Request) -> Parts:
    return cast(Parts, request.app.state.parts)


TheParts = Annotated[Parts, Depends(_parts)]

_bearer = HTTPBearer(
    auto_error=False,
    description="An API token, `uct_…`; an access token of the OpenID Connect provider; "
    "in dev `demo-` and a name.",
)

OnBehalfOf = Annotated[
    str | None,
    Header(
        alias="X-On-Behalf-Of",
        min_length=1,
        max_length=1000,
        description="For service accounts only: the person for whom this is asked, percent-encoded as UTF-8. "
        "Both go on record; the account gains no right by it.",
    ),
]


async def _identity(
    request: Request,
    parts: TheParts,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    on_behalf_of: OnBehalfOf = None,
) -> Identity:
    """Who asks, allowed to ask this with this token, and not too often."""
    identity = await parts.identities.identify(given.credentials) if given else None
    address = request.client.host if request.client else ""
    if identity is None:
        if given is not None:
            await parts.limits.count_failure(address)
        raise Unidentified
    identity = replace(identity, actor=replace(identity.actor, origin=address))
    scope = scope_of(request.method, request.scope["route"].openapi_extra)
    await parts.limits.count(identity.actor.person, scope)
    if scope not in identity.scopes:
        raise ScopeMissing(scope)
    return identity if on_behalf_of is None else await _speaking(identity, unquote(on_behalf_of), parts)


async def _speaking(identity: Identity, person: str, parts: Parts) -> Identity:
    """A service account that says for whom it asks. Raises SpeaksForOthers, UnknownBehalf."""
    if identity.kind != UserKind.SERVICE:
        raise SpeaksForOthers(identity.actor.person)
    if not await parts.identities.is_active_person(person):
        raise UnknownBehalf(person)
    return replace(identity, actor=replace(identity.actor, on_behalf_of=person))


TheIdentity = Annotated[Identity, Depends(_identity)]
IDENTIFIED = Depends(_identity)
"""For whole routers: nothing in them is looked at before it is known who asks."""


async def _actor(identity: TheIdentity) -> Actor:
    return identity.actor


async def _person(identity: TheIdentity) -> Identity:
    if identity.kind != UserKind.PERSON:
        raise PersonNeeded(identity.actor.person)
    return identity


async def _administrator(identity: Annotated[Identity, Depends(_person)]) -> Identity:
    if not identity.is_admin:
        raise NotAnAdministrator(identity.actor.person)
    return identity


ThePerson = Annotated[Identity, Depends(_person)]
TheAdministrator = Annotated[Identity, Depends(_administrator)]


TheActor = Annotated[Actor, Depends(_actor)]


async def _viewer(parts: TheParts, actor: TheActor) -> Viewer:
    principals = {code: await parts.directory.principals_of(actor.person, code) for code in parts.book.codes}
    return Viewer(actor, principals)


TheViewer = Annotated[Viewer, Depends(_viewer)]


async def _language(
    accept_language: Annotated[str | None, Header(description="`zh` or `en`.", max_length=200)] = None,
) -> Language:
    return preferred_language(accept_language)


async def _slice(
    limit: Annotated[int, Ge(1), Le(200), Whole, Query(description="How many, newest first.")] = 50,
    cursor: Annotated[str | None, Query(max_length=400, description="`next` of the page before.")] = None,
) -> Slice:
    return Slice(limit, cursor)


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Same key and body, same answer; same key and another body is refused.",
    ),
]

TheLanguage = Annotated[Language, Depends(_language)]
ThePage = Annotated[Slice, Depends(_slice)]


async def _sender(request: Request, actor: TheActor, key: IdempotencyKey = None) -> Sender:
    return Sender(actor.person, key, _fingerprint(request, actor.on_behalf_of, await request.body()))


def _fingerprint(request: Request, on_behalf_of: str | None, body: bytes) -> str:
    """A hash of what is asked, and for whom: spaces and the order of fields make no difference."""
    try:
        document: Any = json.loads(body) if body else None
    except ValueError:
        document = hashlib.sha256(body).hexdigest()
    asked = [request.method, request.url.path, request.url.query, document, on_behalf_of]
    said = json.dumps(asked, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


TheSender = Annotated[Sender, Depends(_sender)]


class Once:
    """Lets an act under an Idempotency-Key happen once, and gives the first answer ever after.

    A call that comes while the first is under way does the same act under the same name: whoever carries it
    out, a case or a ledger, takes it once, so the second call waits for the first and is answered alike.
    """

    def __init__(self, answers: Answers, sender: Sender, call: Call) -> None:
        self._answers, self._sender, self._call = answers, sender, call

    @property
    def call(self) -> Call:
        """Who acts, under which name."""
        return self._call

    @property
    def key(self) -> str | None:
        """The name under which the act is the same act; none if the caller gave no key."""
        return None if self._sender.key is None else self._call.update

    @property
    def name(self) -> str:
        """What the act is called where it is carried out: the same under the same key, and no other."""
        return self._call.update

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self._call.actor

    async def claim(self) -> None:
        """For answers that are not to be kept: the key stands for this call. Raises KeyReused."""
        if self._sender.key is not None:
            await self._answers.claim(self._sender)

    async def act(self, act: Callable[[Call], Awaitable[CaseNow]]) -> ActOut:
        """Raises KeyReused, and what the act raises: a refusal is not remembered."""

        async def do() -> ActOut:
            return views.act(await act(self._call))

        return await self.answer(ActOut, do)

    async def answer(self, shape: type[Body], do: Callable[[], Awaitable[Body]]) -> Body:
        """Raises as `act`."""
        if self._sender.key is None:
            return await do()
        known = await self._answers.claim(self._sender)
        if known is not None:
            return shape.model_validate(known.body)
        answer = await do()
        return shape.model_validate(
            (await self._answers.keep(self._sender, Answer(200, answer.model_dump(mode="json")))).body
        )


def _update_id(sender: Sender, path: str) -> str:
    """The same act under the same key has the same name, so that even Temporal takes it once."""
    if sender.key is None:
        return uuid4().hex
    return hashlib.sha256("\x1f".join((sender.person, path, sender.key)).encode()).hexdigest()


async def _once(parts: TheParts, actor: TheActor, sender: TheSender, request: Request) -> Once:
    return Once(parts.answers, sender, Call(actor, _update_id(sender, request.url.path)))


DoneOnce = Annotated[Once, Depends(_once)]
