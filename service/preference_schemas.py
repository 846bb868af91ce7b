"""Bodies about how people are told, and about decision links."""

from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from service.schemas import Inbound, Name, Outbound, printable
from service.texts import Language

_EXAMPLE: JsonDict = {
    "language": "zh",
    "channels": [{"channel": "mail", "address": "li@example.com"}],
    "quiet_hours": {"start": "22:00", "end": "07:00", "time_zone": "Asia/Shanghai"},
}

Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Address = Annotated[
    str, StringConstraints(max_length=254), AfterValidator(str.strip), AfterValidator(printable)
]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("no time zone")
    return name


class QuietHoursIn(Inbound):
    """When not to be told; may span midnight."""

    start: Clock = Field(description="HH:MM, included.")
    end: Clock = Field(description="HH:MM, not included.")
    time_zone: Annotated[str, StringConstraints(max_length=60), AfterValidator(_known_zone)] = Field(
        default="Asia/Shanghai", description="A name like Asia/Shanghai."
    )

    @model_validator(mode="after")
    def _lasts(self) -> "QuietHoursIn":
        if self.start == self.end:
            raise ValueError("quiet hours end at another time than they begin")
        return self


class WayIn(Inbound):
    channel: Name = Field(description="One of `available`.")
    address: Address = Field(
        default="", description="E-mail address, or whom a robot is to mention: user id or telephone number."
    )


class PreferencesIn(Inbound):
    """How one wants to be told. What is left out is left to the installation."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    language: Language | None = Field(default=None)
    channels: list[WayIn] = Field(
        default=[], max_length=10, description="The first that is configured is used."
    )
    quiet_hours: QuietHoursIn | None = Field(
        default=None, description="Expedited cases and those that need attention do not heed them."
    )


class QuietHoursOut(Outbound):
    start: str
    end: str
    time_zone: str


class WayOut(Outbound):
    channel: str
    address: str


class AvailableOut(Outbound):
    channel: str
    kind: str


class PreferencesOut(Outbound):
    language: Language | None
    channels: list[WayOut]
    quiet_hours: QuietHoursOut | None
    available: list[AvailableOut] = Field(description="Channels that this installation has.")


class OpenLinkIn(Inbound):
    """Nothing needs to be said."""


class OpenedOut(Outbound):
    """What a decision link led to. It is used up."""

    task: str
    links: dict[str, str]
