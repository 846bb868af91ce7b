"""Turns what is known about people into the bodies that are sent."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime

from service import identity_schemas as s
from service.delegations import KeptDelegation
from service.identity import Identity
from service.tokens import NewToken, Token
from service.user import User
from workflows.domain.delegation import Delegation, principals_of


def user(known: User) -> s.UserOut:
    return s.UserOut.model_validate(asdict(known))


def token(known: Token) -> s.TokenOut:
    return s.TokenOut.model_validate(asdict(known))


def new_token(made: NewToken) -> s.NewTokenOut:
    return s.NewTokenOut.model_validate({**asdict(made.token), "token": made.secret})


def delegation(kept: KeptDelegation) -> s.DelegationOut:
    ended = {"revoked_at": kept.revoked_at, "revoked_by": kept.revoked_by}
    return s.DelegationOut.model_validate({**asdict(kept.delegation), "created_by": kept.created_by, **ended})


def me(
    identity: Identity,
    holding: tuple[Delegation, ...],
    own: Iterable[KeptDelegation],
    now: datetime,
) -> s.MeOut:
    actor = identity.actor
    return s.MeOut(
        person=actor.person,
        kind=identity.kind,
        groups=list(actor.groups),
        scopes=list(identity.scopes),
        on_behalf_of=actor.on_behalf_of,
        stands_in_for=list(_standing_in(actor.person, holding, now)),
        delegations=[delegation(kept) for kept in own],
    )


def _standing_in(person: str, holding: tuple[Delegation, ...], now: datetime) -> Iterator[s.StandingIn]:
    """On every ledger first; then what is added on single ones."""
    everywhere = principals_of(person, holding, now, None)
    yield from (s.StandingIn(person=principal, ledger=None) for principal in everywhere)
    for ledger in sorted({d.ledger for d in holding if d.ledger is not None}):
        for principal in principals_of(person, holding, now, ledger):
            if principal not in everywhere:
                yield s.StandingIn(person=principal, ledger=ledger)
