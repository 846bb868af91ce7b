"""Who is asking."""

from fastapi import APIRouter

from service.dependencies import TheActor
from service.problem_answers import responses
from service.schemas import MeOut

router = APIRouter(prefix="/me", tags=["me"])


@router.get("", responses=responses())
async def read_me(actor: TheActor) -> MeOut:
    """Who I am to Unclose, and in which groups."""
    return MeOut(person=actor.person, groups=list(actor.groups), on_behalf_of=actor.on_behalf_of)
