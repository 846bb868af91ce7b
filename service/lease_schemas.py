"""Bodies about leases, with the words that the OpenAPI document shows."""

from typing import Annotated

from pydantic import ConfigDict, Field

from service.schemas import Inbound, Outbound, Reason


class ReleaseIn(Inbound):
    """Which lease is to be freed, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"fence": 7, "comment": "案件工作流被终止，已按顺序重新结账"}]},
    )

    fence: Annotated[
        int, Field(strict=True, ge=1, le=2**62, description="As `lease` of the ledger tells it.")
    ]
    comment: Reason = Field(description="What has happened; it goes on record.")


class ReleasedOut(Outbound):
    ledger: str
    fence: int = Field(description="The fence whose lease is free now.")
