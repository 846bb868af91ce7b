"""Bodies about subscriptions, with the words that the OpenAPI document shows."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from service.identity_schemas import Label
from service.schemas import Inbound, Name, Outbound, printable
from service.sending.catalogue import EventType

_EXAMPLE: JsonDict = {
    "url": "https://hooks.example.com/unclose",
    "types": ["case.state_changed.v1", "task.opened.v1"],
    "ledger": "demo",
    "description": "dashboard of the finance department",
}

Url = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(printable)]


class SubscriptionIn(Inbound):
    """Where events are to be posted, and which."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    url: Url = Field(description="A public https:// address.")
    types: list[EventType] = Field(
        min_length=1, max_length=len(EventType), description="Events; see `webhooks` in this document."
    )
    ledger: Name | None = Field(default=None, description="Of this ledger only; of every one if null.")
    description: Label = Field(default="", description="What it is for, in words.")


class SubscriptionOut(Outbound):
    id: str
    url: str
    types: list[EventType]
    ledger: str | None
    description: str
    created_at: datetime
    created_by: str
    ended_at: datetime | None
    ended_by: str | None


class NewSubscriptionOut(SubscriptionOut):
    secret: str = Field(
        description="What its events are signed with (Standard Webhooks). It is shown this once."
    )


class SubscriptionList(Outbound):
    items: list[SubscriptionOut]
    next: str | None = Field(description="Cursor of the next page; null on the last.")
