"""Approval policies: read them, try them on a request, put a new version in force."""

from typing import Annotated

from fastapi import APIRouter, Path

from service import views
from service.dependencies import TheActor, TheAdministrator, TheLanguage, TheParts
from service.policy_text import read_policy
from service.problem_answers import responses
from service.refusals import NotAnAdministrator, PersonNeeded, PolicyMoved
from service.routes.plans import READS_ONLY, REFUSALS, supposed
from service.schemas import DryRunOut, PolicyIn, PolicyList, PolicyOut, PolicyPreviewIn
from service.scopes import needs
from service.user import TokenScope
from workflows.domain.errors import PolicyUnreadable, UnknownLedger

router = APIRouter(prefix="/policies", tags=["policies"])

Code = Annotated[str, Path(description="Code of the ledger.", max_length=63)]


@router.get("", responses=responses(PolicyUnreadable))
async def list_policies(parts: TheParts, _actor: TheActor) -> PolicyList:
    """The policy in force for every ledger."""
    found = [await parts.policies.current(code) for code in parts.book.codes]
    return PolicyList(items=[views.policy(version) for version in found], next=None)


@router.get("/{ledger}", responses=responses(UnknownLedger, PolicyUnreadable))
async def read_policy_of(ledger: Code, parts: TheParts, _actor: TheActor) -> PolicyOut:
    """The policy in force for one ledger."""
    return views.policy(await parts.policies.current(ledger))


@router.put(
    "/{ledger}",
    responses=responses(UnknownLedger, PolicyUnreadable, PolicyMoved, NotAnAdministrator, PersonNeeded),
    openapi_extra=needs(TokenScope.ADMIN),
)
async def put_policy(
    ledger: Code, body: PolicyIn, parts: TheParts, administrator: TheAdministrator
) -> PolicyOut:
    """Put a new version in force. Cases under way are asked again before anything is executed.

    Who puts a policy in force consents to nothing under it.
    """
    author = administrator.actor.person
    version = await parts.policies.put(ledger, body.text, author, body.comment, body.based_on)
    return views.policy(version)


@router.post("/preview", openapi_extra=READS_ONLY, responses=responses(*REFUSALS, PolicyUnreadable))
async def preview_policy(
    body: PolicyPreviewIn, parts: TheParts, actor: TheActor, language: TheLanguage
) -> DryRunOut:
    """Who would be asked for this request, and why, under a policy. Nothing is put in force."""
    request = supposed(body, parts, actor)
    policy = None if body.text is None else read_policy(body.ledger, body.text, "preview")
    return views.forecast(await parts.dry_run.forecast(request, policy), language)
