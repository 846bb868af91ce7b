"""Generic intake: the body of `POST /requests`, signed by Standard Webhooks, becomes a case."""

import hashlib

from pydantic import ConfigDict, Field
from typing_extensions import override

from service.acceptance import Acceptance
from service.inbox.ports import Delivery, Handler, Hook, Outcome
from service.inbox.standing_in import actor_of
from service.intake import Sender
from service.schemas import Name, RequestIn
from service.users import Users
from service.wishing import wish_in


class SignedRequestIn(RequestIn):
    """The body of `POST /requests`, and for whom it is asked."""

    # In the body, since a header would not be signed.
    model_config = ConfigDict(extra="forbid")

    on_behalf_of: Name | None = Field(
        default=None, description="The person for whom the hook's service account asks; both go on record."
    )


class GenericIntake(Handler):
    def __init__(self, acceptance: Acceptance, users: Users) -> None:
        self._acceptance, self._users = acceptance, users

    @override
    async def handle(self, delivery: Delivery, hook: Hook) -> Outcome:
        body = SignedRequestIn.model_validate_json(delivery.body)
        actor = await actor_of(hook, body.on_behalf_of, self._users, "on_behalf_of")
        request = await self._acceptance.accept(wish_in(body), actor, sender_of(delivery, actor.person))
        return Outcome(case=request.id)


def sender_of(delivery: Delivery, person: str) -> Sender:
    """The call that a delivery stands for: however often it is made, it is the same call."""
    return Sender(person, f"delivery:{delivery.id}", hashlib.sha256(delivery.body).hexdigest())
