"""The events that subscribers are sent, as the `webhooks` section of the OpenAPI document."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from service.sending.catalogue import CATALOGUE, schema_of

_HEADERS = (
    "Signed by Standard Webhooks: `webhook-id`, `webhook-timestamp` and `webhook-signature` (HMAC-SHA-256 "
    "over `id.timestamp.body` with the subscription's secret). The same event may come again under the same "
    "id. Those of one case come in the order of `seq`."
)


@cache
def described_events() -> APIRouter:
    """Every event of the catalogue, for the document; nobody changes them."""
    described = APIRouter()
    for entry in CATALOGUE:
        described.add_api_route(
            entry.name,
            _receiver(schema_of(entry)),
            methods=["POST"],
            operation_id=entry.name.replace(".", "_"),
            summary=entry.meaning,
            description=_HEADERS,
            responses={
                "2XX": {"description": "Taken."},
                "410": {"description": "Not wanted any more: this one is a dead letter."},
                "default": {"description": "Not taken: it is sent again, for at most three days."},
            },
            response_model=None,
            status_code=204,
        )
    return described


def _receiver(schema: type[BaseModel]) -> Callable[[Any], Awaitable[None]]:  # Any: the event
    async def receive(body: Any) -> None:  # Any: the schema, which the document is made of
        """Never called: it describes what is to be received elsewhere."""

    receive.__annotations__["body"] = schema
    return receive
