"""Bodies about deliveries, with the words that the OpenAPI document shows."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from service.deliveries import Direction
from service.inbox.ports import DeliveryState
from service.inbox.signatures import Fault
from service.schemas import Inbound, Outbound


class TakenOut(Outbound):
    """A delivery was stored, now or before. What becomes of it stands at `/deliveries/{id}`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "in-0f5ade9b1c2d3e4f5a6b7c8d"}]})

    id: str


class DeliveryOut(Outbound):
    """One delivery: something that came in by a hook, or is on its way to somebody."""

    id: str
    direction: Direction
    hook: str = Field(description="The hook it came in by, or the subscription or channel it goes out by.")
    kind: str
    event: str = Field(description="What has happened, in the sender's word.")
    sender_id: str = Field(description="The id under which sender and receiver know it.")
    record: str | None = Field(description="What it is about at the sender's.")
    at: datetime = Field(description="When it came, or was written.")
    state: DeliveryState
    attempts: int
    next_try: datetime | None = Field(description="Of what is not at its end yet.")
    ended_at: datetime | None
    case: str | None = Field(description="The case that it is about, or that it has led to.")
    problem_type: str | None = Field(description="Type of the problem that the last attempt ended with.")


class DeliveryList(Outbound):
    items: list[DeliveryOut]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class DeliveryDetailOut(DeliveryOut):
    """All that is kept of a delivery."""

    headers: dict[str, str]
    query: str
    body: str = Field(description="Byte for byte; see `body_encoding`.")
    body_encoding: str = Field(description="`utf-8`, or `base64` for what is no text.")
    source: str = Field(description="Address it came from, or goes to.")
    note: str
    body_removed_at: datetime | None = Field(
        description="When body, headers and query were removed, long after its end; null while they are kept."
    )
    body_sha256: str | None = Field(
        description="SHA-256 of a body that was removed; of one that went out, over its canonical JSON."
    )
    problem: dict[str, Any] | None = Field(
        description="What the last attempt ended with, as a problem document."
    )


class RefusedDeliveriesOut(Outbound):
    """Deliveries that a hook has refused for one fault of their signature. Nothing else is kept of them."""

    hook: str
    fault: Fault = Field(
        description="`missing`, `wrong`, `stale`: too old or from the future, `replayed`: under another id, "
        "`altered`: an id that came before, with another body."
    )
    count: int
    last_at: datetime


class RefusedList(Outbound):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "days": 30,
                    "items": [
                        {"hook": "form", "fault": "stale", "count": 3, "last_at": "2025-06-11T10:03:11Z"}
                    ],
                }
            ]
        }
    )

    days: int = Field(description="Days up to today that were counted.")
    items: list[RefusedDeliveriesOut] = Field(
        description="By hook and fault; a hook that has refused nothing is absent."
    )


class ReplayIn(Inbound):
    """Nothing needs to be said."""
