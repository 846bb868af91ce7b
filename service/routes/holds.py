"""Legal holds on cases: set and lifted by auditors and administrators, with a reason."""

from collections.abc import Iterable

from fastapi import APIRouter

from service.archive_schemas import HoldIn, HoldList, HoldOut
from service.dependencies import DoneOnce, Parts, TheActor, TheParts
from service.legal_holds import HOLDERS, Hold
from service.problem_answers import responses
from service.refusals import KeyReused
from service.routes.requests import Number
from workflows.domain.case import Actor
from workflows.domain.errors import NotAnOperator, NotOnHold, UnknownRequest

router = APIRouter(prefix="/requests", tags=["archive"])


def _require_holder(actor: Actor) -> None:
    if not set(actor.groups) & set(HOLDERS):
        raise NotAnOperator(actor.person, HOLDERS)


@router.get("/{case}/holds", responses=responses(UnknownRequest))
async def list_holds(case: Number, parts: TheParts, _actor: TheActor) -> HoldList:
    """The legal holds on a case, newest first, with those that were lifted."""
    return _list(await parts.holds.of_case(case))


@router.post("/{case}/holds", responses=responses(NotAnOperator, UnknownRequest, KeyReused))
async def set_hold(case: Number, body: HoldIn, parts: TheParts, actor: TheActor, once: DoneOnce) -> HoldList:
    """From now on the case must be kept, however old it becomes."""
    _require_holder(actor)

    async def do() -> HoldList:
        return _list(await parts.holds.set(case, body.reason, actor, Parts.now()))

    return await once.answer(HoldList, do)


@router.post("/{case}/holds/lift", responses=responses(NotAnOperator, UnknownRequest, NotOnHold, KeyReused))
async def lift_hold(case: Number, body: HoldIn, parts: TheParts, actor: TheActor, once: DoneOnce) -> HoldList:
    """Lift every hold on the case; its ledger's retention counts again."""
    _require_holder(actor)

    async def do() -> HoldList:
        return _list(await parts.holds.lift(case, body.reason, actor, Parts.now()))

    return await once.answer(HoldList, do)


def _list(holds: Iterable[Hold]) -> HoldList:
    items = [HoldOut(**vars(hold)) for hold in holds]
    return HoldList(items=items, on_hold=any(item.lifted_at is None for item in items), next=None)
