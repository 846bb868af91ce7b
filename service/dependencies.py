"""What route functions ask for, as annotated parameters."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast
from uuid import uuid4

from annotated_types import Ge, Le
from fastapi import Depends, Header, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from service import views
from service.acceptance import Acceptance
from service.acts import Acts, Call
from service.dry_run import DryRun
from service.identity import Identities
from service.intake import Answer, Answers, Sender
from service.ledger_book import LedgerBook
from service.problem_answers import preferred_language
from service.queries import Reader, Slice
from service.refusals import Unidentified
from service.register import SqlRegister
from service.schemas import ActOut, Whole
from service.temporal_gateway import Gateway
from service.texts import Language
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
    dry_run: DryRun
    gateway: Gateway
    identities: Identities
    data_dir: Path

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)


# Dependencies are coroutines even where they wait for nothing: others would each take a trip to a thread.


async def _parts(request: Request) -> Parts:
    return cast(Parts, request.app.state.parts)


TheParts = Annotated[Parts, Depends(_parts)]

_bearer = HTTPBearer(auto_error=False, description="A token of Unclose; in dev `demo-` and a name.")


async def _actor(
    parts: TheParts, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Actor:
    actor = await parts.identities.identify(given.credentials) if given else None
    if actor is None:
        raise Unidentified
    return actor


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

TheActor = Annotated[Actor, Depends(_actor)]
TheLanguage = Annotated[Language, Depends(_language)]
ThePage = Annotated[Slice, Depends(_slice)]


async def _sender(request: Request, actor: TheActor, key: IdempotencyKey = None) -> Sender:
    return Sender(actor.person, key, _fingerprint(request, await request.body()))


def _fingerprint(request: Request, body: bytes) -> str:
    """A hash of what is asked: spaces and the order of fields make no difference."""
    try:
        document: Any = json.loads(body) if body else None
    except ValueError:
        document = body.hex()
    said = json.dumps([request.method, request.url.path, document], sort_keys=True)
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
    def key(self) -> str | None:
        """The name under which the act is the same act; none if the caller gave no key."""
        return None if self._sender.key is None else self._call.update

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
