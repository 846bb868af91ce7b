"""Subscriptions to events: made, listed, ended."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import AfterValidator

from service.dependencies import DoneOnce, TheActor, ThePage, TheParts
from service.problem_answers import responses
from service.refusals import CursorUnreadable, KeyReused, TargetForbidden, UnknownSubscription
from service.schemas import printable
from service.scopes import needs
from service.sending.subscriptions import Subscription, SubscriptionWish
from service.subscription_schemas import (
    NewSubscriptionOut,
    SubscriptionIn,
    SubscriptionList,
    SubscriptionOut,
)
from service.user import TokenScope
from workflows.domain.approval import Group
from workflows.domain.case import Actor
from workflows.domain.errors import NotAnOperator, UnknownLedger

router = APIRouter(prefix="/subscriptions", tags=["subscriptions"])

KEEPERS = (Group.OPERATOR, Group.ADMIN)

Id = Annotated[str, Path(description="Id of the subscription.", max_length=32), AfterValidator(printable)]


def _require(actor: Actor) -> None:
    if not set(actor.groups) & set(KEEPERS):
        raise NotAnOperator(actor.person, KEEPERS)


@router.get("", responses=responses(NotAnOperator, CursorUnreadable))
async def list_subscriptions(parts: TheParts, actor: TheActor, page: ThePage) -> SubscriptionList:
    """Who is sent events, newest first; secrets are shown to nobody."""
    _require(actor)
    found = await parts.sending.subscriptions.page(page)
    return SubscriptionList(items=[_out(one) for one in found.items], next=found.next)


@router.post(
    "",
    status_code=201,
    responses=responses(NotAnOperator, UnknownLedger, TargetForbidden, KeyReused),
    openapi_extra=needs(TokenScope.ADMIN),
)
async def subscribe(
    body: SubscriptionIn, parts: TheParts, actor: TheActor, once: DoneOnce
) -> NewSubscriptionOut:
    """Have events posted to an address from now on; the answer shows the secret this once."""
    _require(actor)
    if body.ledger is not None:
        parts.book.configuration(body.ledger)
    await parts.sending.require_target(body.url)
    await once.claim()
    types = tuple(dict.fromkeys(body.types))
    wish = SubscriptionWish(body.url, types, body.ledger, body.description)
    made = await parts.sending.subscriptions.make(wish, actor, once.key)
    secret = parts.sending.subscriptions.secret_of(made)
    return NewSubscriptionOut(**_fields(made), secret=secret)


@router.delete("/{subscription}", responses=responses(NotAnOperator, UnknownSubscription))
async def unsubscribe(subscription: Id, parts: TheParts, actor: TheActor) -> SubscriptionOut:
    """Have nothing posted there any more, not even what is on its way. Doing it again changes nothing."""
    _require(actor)
    return _out(await parts.sending.subscriptions.end(subscription, actor))


def _out(subscription: Subscription) -> SubscriptionOut:
    return SubscriptionOut(**_fields(subscription))


def _fields(subscription: Subscription) -> dict[str, Any]:  # Any: the fields of SubscriptionOut
    return {name: value for name, value in vars(subscription).items() if name != "salt"}
