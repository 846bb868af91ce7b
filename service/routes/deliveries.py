"""Deliveries in both directions: what came in, what goes out, what became of each, and trying again."""

import base64
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator

from service.deliveries import DeliveryDetail, DeliveryFilter, DeliveryHead, Direction
from service.delivery_schemas import (
    DeliveryDetailOut,
    DeliveryList,
    DeliveryOut,
    RefusedDeliveriesOut,
    RefusedList,
    ReplayIn,
)
from service.dependencies import DoneOnce, TheActor, TheLanguage, ThePage, TheParts
from service.inbox.ports import DeliveryState
from service.problem_answers import responses
from service.refusals import (
    CursorUnreadable,
    DeliveryBodyRemoved,
    DeliveryDone,
    KeyReused,
    UnknownDelivery,
)
from service.schemas import printable
from service.texts import Language
from workflows.domain.approval import Group
from workflows.domain.case import Actor
from workflows.domain.errors import NotAnOperator

router = APIRouter(prefix="/deliveries", tags=["webhooks"])

READERS = (Group.OPERATOR, Group.AUDITOR, Group.ADMIN)
ACTORS = (Group.OPERATOR,)

Id = Annotated[str, Path(description="Id of the delivery.", max_length=120), AfterValidator(printable)]
Text = Annotated[str | None, Query(max_length=120), AfterValidator(lambda text: text and printable(text))]

NOTHING = ReplayIn()


def _require(actor: Actor, groups: tuple[Group, ...]) -> None:
    if not set(actor.groups) & set(groups):
        raise NotAnOperator(actor.person, groups)


@router.get("", responses=responses(CursorUnreadable, NotAnOperator))
async def list_deliveries(
    parts: TheParts,
    actor: TheActor,
    page: ThePage,
    direction: Annotated[Direction | None, Query(description="Both if not given.")] = None,
    state: Annotated[list[DeliveryState] | None, Query(description="Any of these.")] = None,
    hook: Text = None,
) -> DeliveryList:
    """Deliveries, newest first."""
    _require(actor, READERS)
    found = await parts.deliveries.page(DeliveryFilter(tuple(state or ()), hook, direction), page)
    return DeliveryList(items=[_out(head) for head in found.items], next=found.next)


@router.get("/refused", responses=responses(NotAnOperator))
async def count_refused(
    parts: TheParts,
    actor: TheActor,
    days: Annotated[int, Query(ge=1, le=366, description="How many days (UTC) up to today.")] = 30,
) -> RefusedList:
    """How many deliveries hooks have refused for their signature: a wrong secret, or somebody who guesses."""
    _require(actor, READERS)
    found = await parts.inbox.refusals(days)
    return RefusedList(days=days, items=[RefusedDeliveriesOut(**asdict(one)) for one in found])


@router.get("/{delivery}", responses=responses(NotAnOperator, UnknownDelivery))
async def read_delivery(
    delivery: Id, parts: TheParts, actor: TheActor, language: TheLanguage
) -> DeliveryDetailOut:
    """One delivery with its body as it came or goes, and what the last attempt has led to."""
    _require(actor, READERS)
    return _detail(await parts.deliveries.find(delivery), language)


@router.post(
    "/{delivery}/replay",
    responses=responses(NotAnOperator, UnknownDelivery, DeliveryDone, DeliveryBodyRemoved, KeyReused),
)
async def replay_delivery(
    delivery: Id, parts: TheParts, actor: TheActor, once: DoneOnce, body: ReplayIn = NOTHING
) -> DeliveryOut:
    """Have a delivery tried again now that has failed, is dead or was ignored. Goes on record."""
    _require(actor, ACTORS)

    async def do() -> DeliveryOut:
        again = await parts.deliveries.replay(delivery, actor)
        return _out(again.head)

    return await once.answer(DeliveryOut, do)


def _out(head: DeliveryHead) -> DeliveryOut:
    return DeliveryOut(**asdict(head))


def _detail(found: DeliveryDetail, language: Language) -> DeliveryDetailOut:
    try:
        body, encoding = found.body.decode(), "utf-8"
    except UnicodeDecodeError:
        body, encoding = base64.b64encode(found.body).decode(), "base64"
    return DeliveryDetailOut(
        **asdict(found.head),
        headers=dict(found.headers),
        query=found.query,
        body=body,
        body_encoding=encoding,
        source=found.source,
        note=found.note,
        body_removed_at=found.body_removed_at,
        body_sha256=found.body_sha256,
        problem=dict(found.problem[language]) if found.problem else None,
    )
