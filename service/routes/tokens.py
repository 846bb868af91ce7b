"""API tokens: made, listed, revoked."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator

from service import identity_views
from service.dependencies import DoneOnce, TheIdentity, ThePage, TheParts, ThePerson
from service.identity import Identity
from service.identity_schemas import NewTokenOut, TokenIn, TokenList, TokenOut
from service.problem_answers import responses
from service.refusals import (
    CursorUnreadable,
    KeyReused,
    NotAnAdministrator,
    PersonNeeded,
    ScopeMissing,
    SecretShownOnce,
    TokenForAnother,
    UnknownToken,
    UnknownUser,
)
from service.schemas import printable
from service.scopes import needs
from service.tokens import TokenWish
from service.user import TokenScope, UserKind
from service.users import Users

router = APIRouter(prefix="/tokens", tags=["tokens"])

Id = Annotated[str, Path(description="Id of the token.", max_length=32), AfterValidator(printable)]
Whose = Annotated[
    str | None,
    Query(max_length=120, description="Of another user; for administrators."),
]


@router.get("", responses=responses(NotAnAdministrator, CursorUnreadable))
async def list_tokens(parts: TheParts, identity: TheIdentity, page: ThePage, user: Whose = None) -> TokenList:
    """One's own tokens, newest first; the tokens themselves are kept by nobody."""
    whose = user or identity.actor.person
    if whose != identity.actor.person and not identity.is_admin:
        raise NotAnAdministrator(identity.actor.person)
    found = await parts.tokens.page(whose, page)
    return TokenList(items=[identity_views.token(token) for token in found.items], next=found.next)


@router.post(
    "",
    status_code=201,
    responses=responses(
        NotAnAdministrator, PersonNeeded, TokenForAnother, UnknownUser, KeyReused, SecretShownOnce
    ),
    openapi_extra=needs(TokenScope.ADMIN),
)
async def make_token(body: TokenIn, parts: TheParts, maker: ThePerson, once: DoneOnce) -> NewTokenOut:
    """Make a token; the answer shows it this once."""
    wish = TokenWish(body.user or maker.actor.person, tuple(body.scopes), body.days, body.label)
    await _require_may_make(maker, wish, parts.users)
    await once.claim()
    made = await parts.tokens.make(wish, maker.actor, once.key)
    return identity_views.new_token(made)


async def _require_may_make(maker: Identity, wish: TokenWish, users: Users) -> None:
    """A token gives nothing that its maker has not; for another person it only reads (design §5.5)."""
    excess = next((scope for scope in wish.scopes if scope not in maker.scopes), None)
    if excess is not None:
        raise ScopeMissing(excess)
    if wish.user == maker.actor.person:
        return
    if not maker.is_admin:
        raise NotAnAdministrator(maker.actor.person)
    owner = await users.find(wish.user)
    if owner is not None and owner.kind == UserKind.PERSON and set(wish.scopes) != {TokenScope.READ}:
        raise TokenForAnother(wish.user)


@router.delete(
    "/{token}",
    responses=responses(UnknownToken),
    openapi_extra={"x-irreversible": "The token never works again; its owner needs another."},
)
async def revoke_token(token: Id, parts: TheParts, identity: TheIdentity) -> TokenOut:
    """End a token: no call under it is answered any more. Doing it again changes nothing."""
    revoked = await parts.tokens.revoke(token, identity.actor, identity.is_admin)
    return identity_views.token(revoked)
