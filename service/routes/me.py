"""Who is asking."""

from fastapi import APIRouter

from service import identity_views
from service.dependencies import TheIdentity, TheParts
from service.identity_schemas import MeOut
from service.problem_answers import responses

router = APIRouter(prefix="/me", tags=["me"])


@router.get("", responses=responses())
async def read_me(parts: TheParts, identity: TheIdentity) -> MeOut:
    """Who I am to Unclose: my groups, what this token is for, and for whom I stand in."""
    now, person = parts.now(), identity.actor.person
    holding = await parts.directory.delegations(now)
    own = await parts.delegations.own(person)
    return identity_views.me(identity, holding, own, now)
