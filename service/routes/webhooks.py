"""Hooks: what others send by themselves is verified, stored as it came, and acknowledged."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Path, Request
from pydantic import AfterValidator

from service.delivery_schemas import TakenOut
from service.dependencies import Parts, TheParts
from service.inbox.generic import SignedRequestIn
from service.inbox.places import PLACES
from service.inbox.ports import Hook, HookKind
from service.inbox.signatures import Fault, Sealed, SignatureFault, verify_jiandaoyun, verify_standard
from service.inbox.store import Arrival
from service.problem_answers import declared
from service.query_names import ANY_PARAMETER
from service.refusals import (
    BodyTooLarge,
    DeliveryIdReused,
    InvalidRequest,
    SignatureRefused,
    TooManyRequests,
    UnknownHook,
)
from service.schemas import printable
from workflows.domain.errors import StorageUnavailable

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

ONCE_BY = "x-once-by"
"""In the OpenAPI document: the header by which a delivery is the same; it stands for an Idempotency-Key."""
SIGNED_BY = "x-signed-by"

HookName = Annotated[
    str, Path(description="Name of the hook, as configured.", max_length=63), AfterValidator(printable)
]
Verify = Callable[[Hook, Arrival], Sealed]

_REFUSALS = declared(
    UnknownHook,
    SignatureRefused,
    DeliveryIdReused,
    BodyTooLarge,
    InvalidRequest,
    TooManyRequests,
    StorageUnavailable,
)


def _described(
    once_by: str, signed_by: str, headers: tuple[str, ...], body: Mapping[str, Any]
) -> dict[str, Any]:
    """What the document says of a hook. Any: OpenAPI."""
    return {
        ONCE_BY: once_by,
        SIGNED_BY: signed_by,
        "parameters": [
            {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
            for name in headers
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
    }


@router.post(
    "/jiandaoyun/{hook}",
    status_code=202,
    responses=_REFUSALS,
    openapi_extra={
        **_described(
            "X-JDY-DeliverId",
            "X-JDY-Signature: SHA-1 of nonce:body:secret:timestamp, the first and last from the query",
            ("X-JDY-DeliverId", "X-JDY-Signature"),
            {"type": "object"},
        ),
        ANY_PARAMETER: True,
    },
)
async def take_from_jiandaoyun(hook: HookName, request: Request, parts: TheParts) -> TakenOut:
    """Take a push of Jiandaoyun (简道云). Whatever its `op`, it is stored once and answered with 2xx."""

    def verify(of: Hook, came: Arrival) -> Sealed:
        query = parse_qsl(came.query, keep_blank_values=True)
        return verify_jiandaoyun(of, came.headers, query, came.body, came.at)

    return await _take(parts, request, parts.hooks.of(hook, HookKind.JIANDAOYUN), verify)


@router.post(
    "/generic/{hook}",
    status_code=202,
    responses=_REFUSALS,
    openapi_extra=_described(
        "webhook-id",
        "webhook-signature (Standard Webhooks)",
        ("webhook-id", "webhook-timestamp", "webhook-signature"),
        {"type": "object", "examples": [SignedRequestIn.model_json_schema()["examples"][0]]},
    ),
)
async def take_generic(hook: HookName, request: Request, parts: TheParts) -> TakenOut:
    """Take the body of `POST /requests`, with `on_behalf_of` in it, signed by Standard Webhooks.

    It is stored once and acknowledged; a case that cannot be opened shows at `/deliveries/{id}`.
    """

    def verify(of: Hook, came: Arrival) -> Sealed:
        return verify_standard(of, came.headers, came.body, came.at)

    return await _take(parts, request, parts.hooks.of(hook, HookKind.GENERIC), verify)


async def _take(parts: Parts, request: Request, hook: Hook, verify: Verify) -> TakenOut:
    arrival = Arrival(
        headers=dict(request.headers),
        query=request.url.query,
        body=await request.body(),
        source=request.client.host if request.client else "",
        at=parts.now(),
    )
    try:
        sealed = verify(hook, arrival)
        place = PLACES[hook.kind](arrival.body)
        stored = await parts.inbox.store(hook, sealed, place, arrival)
    except SignatureFault as error:
        if error.fault == Fault.ALTERED:  # whoever signs so knows the secret, and guesses nothing
            await parts.inbox.count_refusal(hook.name, error.fault)
            raise DeliveryIdReused(hook.name) from None
        await parts.limits.count_failure(arrival.source)
        await parts.inbox.count_refusal(hook.name, error.fault)
        raise SignatureRefused(hook.name, error.fault) from None
    return TakenOut(id=stored)
