"""Statistics as the OpenAPI document shows them. Times are in seconds, shares from 0 to 1."""

from pydantic import Field

from service.schemas import Outbound
from workflows.domain.request import CaseState


class TimesOut(Outbound):
    count: int
    median_seconds: float | None
    p90_seconds: float | None = Field(description="Nine of ten took no longer; interpolated.")
    total_seconds: float


class LineOut(Outbound):
    """What a clock is held against."""

    before_hours: int = Field(description="By hand.")
    target_hours: int


class LinesOut(Outbound):
    a: LineOut
    b: LineOut


class ClockOut(TimesOut):
    human_share: float | None = Field(description="Of the time, that which people were waited for.")
    machine_share: float | None
    within_target: int = Field(description="Cases that took no longer than the target.")
    over_before: int = Field(description="Cases that took as long as by hand, or longer.")


class MonthOut(Outbound):
    month: str | None = Field(description="In which the cases were accepted; null for all of them.")
    cases: int
    a: ClockOut = Field(description="From accepted to verified open (R104).")
    b: ClockOut = Field(description="From verified open to verified closed (R106).")


class StageOut(TimesOut):
    """One state of the life cycle: cases that have left it, and what it took of their time."""

    state: CaseState
    is_human: bool = Field(description="Whether people are waited for in it.")
    share: float


class ShareOut(Outbound):
    name: str
    count: int
    share: float


class CauseShareOut(ShareOut):
    recurrences: int = Field(
        description="Of these, cases whose ledger had an earlier one with the same cause."
    )


class CausesOut(Outbound):
    items: list[CauseShareOut]
    unnamed: int = Field(description="Cases that ended after something was done, and nobody has said why.")


class RefusedOut(Outbound):
    """Cases stopped by the checks (R107)."""

    count: int
    by_permission: int = Field(description="Because somebody lacked a right in the ERP.")
    by_permission_share: float | None


class BottleneckOut(TimesOut):
    """Whom people waited for, by all the time they did."""

    kind: str = Field(description="Kind of task.")
    name: str


class BottlenecksOut(Outbound):
    levels: list[BottleneckOut]
    persons: list[BottleneckOut]


class StatisticsOut(Outbound):
    """How the cases accepted in some months went."""

    first_month: str
    last_month: str
    ledger: str | None
    cases: int
    ended: int
    lines: LinesOut
    overall: MonthOut
    months: list[MonthOut]
    stages: list[StageOut] = Field(description="In the order of the life cycle.")
    outcomes: list[ShareOut] = Field(description="Of the cases that have ended.")
    reasons: list[ShareOut] = Field(description="What the applicants gave as the reason.")
    root_causes: CausesOut
    refused: RefusedOut
    bottlenecks: BottlenecksOut
