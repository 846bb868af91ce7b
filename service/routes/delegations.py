"""Delegations: who stands in for whom while somebody is away (R53)."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from service import identity_views
from service.dependencies import DoneOnce, Parts, TheIdentity, ThePage, TheParts, ThePerson
from service.identity_schemas import DelegationIn, DelegationList, DelegationOut
from service.problem_answers import responses
from service.refusals import (
    CursorUnreadable,
    KeyReused,
    NotAnAdministrator,
    PersonNeeded,
    SelfAppointed,
    UnknownDelegation,
    UnknownUser,
)
from service.scopes import needs
from service.user import TokenScope
from workflows.domain.delegation import Delegation
from workflows.domain.errors import (
    DelegationCycle,
    DelegationEndsTooSoon,
    DelegationOverlaps,
    DelegationToSelf,
    UnknownLedger,
)

router = APIRouter(prefix="/delegations", tags=["delegations"])

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Id of the delegation.")]
Whose = Annotated[str | None, Query(max_length=120, description="Of another person; for administrators.")]


@router.get("", responses=responses(NotAnAdministrator, CursorUnreadable))
async def list_delegations(
    parts: TheParts, identity: TheIdentity, page: ThePage, person: Whose = None
) -> DelegationList:
    """Delegations from or to oneself, newest first, with those that are over or revoked."""
    whose = person or identity.actor.person
    if whose != identity.actor.person and not identity.is_admin:
        raise NotAnAdministrator(identity.actor.person)
    found = await parts.delegations.page(whose, page)
    return DelegationList(items=[identity_views.delegation(kept) for kept in found.items], next=found.next)


@router.post(
    "",
    status_code=201,
    responses=responses(
        NotAnAdministrator,
        PersonNeeded,
        SelfAppointed,
        UnknownLedger,
        UnknownUser,
        DelegationToSelf,
        DelegationEndsTooSoon,
        DelegationOverlaps,
        DelegationCycle,
        KeyReused,
    ),
)
async def delegate(body: DelegationIn, parts: TheParts, maker: ThePerson, once: DoneOnce) -> DelegationOut:
    """Let somebody act for oneself for a time: what they decide then carries both names."""
    principal = body.principal or maker.actor.person
    if principal != maker.actor.person and not maker.is_admin:
        raise NotAnAdministrator(maker.actor.person)

    async def make() -> DelegationOut:
        await _require_known(body, principal, parts)
        wanted = Delegation(
            id="",
            principal=principal,
            delegate=body.delegate,
            starts=body.starts or parts.now(),
            ends=body.ends,
            ledger=body.ledger,
            reason=body.reason,
        )
        kept = await parts.delegations.make(wanted, maker.actor, once.key)
        return identity_views.delegation(kept)

    return await once.answer(DelegationOut, make)


async def _require_known(body: DelegationIn, principal: str, parts: Parts) -> None:
    for name, field in ((body.delegate, "delegate"), (principal, "principal")):
        if not await parts.identities.is_active_person(name):
            raise UnknownUser(name, field)
    if body.ledger is not None:
        parts.book.configuration(body.ledger)


@router.delete("/{delegation}", responses=responses(UnknownDelegation), openapi_extra=needs(TokenScope.ACT))
async def revoke_delegation(delegation: Number, parts: TheParts, identity: TheIdentity) -> DelegationOut:
    """End a delegation now. It stays on record; doing it again changes nothing."""
    return identity_views.delegation(
        await parts.delegations.revoke(delegation, identity.actor, identity.is_admin)
    )
