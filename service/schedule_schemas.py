"""Bodies about schedules, with the words that the OpenAPI document shows."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from service.schemas import Inbound, Outbound, Reason
from service.timetable_schemas import TimetableWritten


class RunOut(Outbound):
    """One run that has ended."""

    run: str
    at: datetime = Field(description="When it was due.")
    started_at: datetime
    ended_at: datetime
    outcome: Literal["done", "failed"]
    says: str = Field(description="Why it failed.")
    facts: dict[str, Any] = Field(description="What came of it, as the job tells it.")


class ScheduleOut(Outbound):
    """Work that is done at intervals."""

    name: str = Field(description="The job, and the ledger behind a dot if it belongs to one.")
    job: str
    ledger: str | None
    title: str = Field(description="In the language asked for.")
    timetable: TimetableWritten
    is_configured: bool = Field(description="Whether the timetable is the configured one; false if put here.")
    time_zone: str = Field(description="Whose clock it goes by.")
    made: bool = Field(description="False until a worker has brought it into Temporal.")
    paused: bool
    note: str = Field(description="What was said when it was paused or changed.")
    next: list[datetime] = Field(description="The next times at which it is due; none while it is paused.")
    running: list[str] = Field(description="Runs under way.")
    overlapped: int = Field(description="Runs left out because the one before had not ended.")
    missed: int = Field(description="Runs left out because it was too late for them.")
    last: RunOut | None = Field(description="The latest run that has ended.")
    changed_by: str | None
    changed_at: datetime | None


class ScheduleDetailOut(ScheduleOut):
    latest: list[RunOut] = Field(description="The latest runs, newest first.")


class ScheduleList(Outbound):
    items: list[ScheduleOut]
    next: str | None = Field(description="Always none: there are few.")


class ScheduleIn(Inbound):
    """How a schedule is to be from now on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "paused": False,
                    "timetable": {"kind": "before_month_end", "at": "09:00", "working_days": 3},
                    "comment": "月底前三个工作日",
                }
            ]
        },
    )

    paused: Annotated[bool, Field(strict=True)]
    timetable: TimetableWritten | None = Field(
        default=None, description="When it is due; the configured timetable if none is given."
    )
    comment: Reason = Field(description="Why; it goes on record.")


class BackfillIn(Inbound):
    """The time for which runs are made up."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"begin": "2025-05-28T00:00:00+08:00", "end": "2025-05-30T00:00:00+08:00"}]
        },
    )

    begin: AwareDatetime = Field(description="Runs due after this moment …")
    end: AwareDatetime = Field(description="… and not after this one, which must have passed.")


class TriggeredOut(Outbound):
    """A run has been asked for; it is left out if one is under way."""

    name: str
    links: dict[str, str]


class BackfilledOut(TriggeredOut):
    due: list[datetime] = Field(description="The runs that are made up, one after the other.")
