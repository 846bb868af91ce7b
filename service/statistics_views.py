"""Statistics as they are answered: as a document, and as lines for a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator

from service.statistics import Span
from service.statistics_schemas import (
    BottleneckOut,
    BottlenecksOut,
    CauseShareOut,
    CausesOut,
    ClockOut,
    LineOut,
    LinesOut,
    MonthOut,
    RefusedOut,
    ShareOut,
    StageOut,
    StatisticsOut,
    TimesOut,
)
from workflows.domain.request import HUMAN_STATES
from workflows.domain.statistics import (
    LINE_A,
    LINE_B,
    Bottleneck,
    Clock,
    Clocks,
    Distribution,
    Line,
    Share,
    Statistics,
)


def statistics(found: Statistics, span: Span, ledger: str | None) -> StatisticsOut:
    return StatisticsOut(
        first_month=span.months[0],
        last_month=span.months[-1],
        ledger=ledger,
        cases=found.cases,
        ended=found.ended,
        lines=LinesOut(a=_line(LINE_A), b=_line(LINE_B)),
        overall=_month(found.overall),
        months=[_month(month) for month in found.months],
        stages=[
            StageOut(
                **_times(stage.times).model_dump(),
                state=stage.state,
                is_human=stage.state in HUMAN_STATES,
                share=stage.share,
            )
            for stage in found.stages
        ],
        outcomes=[_share(share) for share in found.outcomes],
        reasons=[_share(share) for share in found.reasons],
        root_causes=CausesOut(
            items=[
                CauseShareOut(
                    name=each.cause, count=each.count, share=each.share, recurrences=each.recurrences
                )
                for each in found.causes
            ],
            unnamed=found.unnamed,
        ),
        refused=RefusedOut(
            count=found.refused,
            by_permission=found.refused_by_permission,
            by_permission_share=found.refused_by_permission / found.refused if found.refused else None,
        ),
        bottlenecks=BottlenecksOut(
            levels=[_bottleneck(each) for each in found.levels],
            persons=[_bottleneck(each) for each in found.persons],
        ),
    )


def _line(line: Line) -> LineOut:
    return LineOut(before_hours=line.before_hours, target_hours=line.target_hours)


def _times(times: Distribution) -> TimesOut:
    return TimesOut(
        count=times.count,
        median_seconds=_seconds(times.median),
        p90_seconds=_seconds(times.p90),
        total_seconds=times.total / 1000,
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _month(clocks: Clocks) -> MonthOut:
    return MonthOut(month=clocks.month, cases=clocks.cases, a=_clock(clocks.a), b=_clock(clocks.b))


def _clock(clock: Clock) -> ClockOut:
    return ClockOut(
        **_times(clock.times).model_dump(),
        human_share=clock.human_share,
        machine_share=None if clock.human_share is None else 1 - clock.human_share,
        within_target=clock.within_target,
        over_before=clock.over_before,
    )


def _share(share: Share) -> ShareOut:
    return ShareOut(name=share.name, count=share.count, share=share.share)


def _bottleneck(found: Bottleneck) -> BottleneckOut:
    return BottleneckOut(**_times(found.times).model_dump(), kind=found.kind, name=found.name)


# --------------------------------------------------------------------------- for a spreadsheet

HEADINGS = ("section", "month", "name", "measure", "value")

_BOM = "\ufeff"
"""Without it the usual spreadsheet takes Chinese for something else."""


def as_csv(told: StatisticsOut) -> str:
    """One value a line, so that any of it can be filtered and drawn."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    for section, month, name, measure, value in _lines(told):
        writer.writerow((section, month, _harmless(name), measure, "" if value is None else value))
    return _BOM + out.getvalue()


Cell = tuple[str, str, str, str, object]


def _lines(told: StatisticsOut) -> Iterator[Cell]:
    yield "cases", "", "", "cases", told.cases
    yield "cases", "", "", "ended", told.ended
    for clock, line in (("a", told.lines.a), ("b", told.lines.b)):
        yield from _measures("line", "", clock, line.model_dump())
    for month in (told.overall, *told.months):
        yield "month", month.month or "", "", "cases", month.cases
        for name, clock_out in (("a", month.a), ("b", month.b)):
            yield from _measures("clock", month.month or "", name, clock_out.model_dump())
    for stage in told.stages:
        yield from _measures("stage", "", stage.state, stage.model_dump(exclude={"state"}))
    for section, shares in (("outcome", told.outcomes), ("reason", told.reasons)):
        yield from _named(section, shares)
    yield from _named("root_cause", told.root_causes.items)
    yield "root_cause", "", "", "unnamed", told.root_causes.unnamed
    yield from _measures("refused", "", "", told.refused.model_dump())
    for section, found in (("level", told.bottlenecks.levels), ("person", told.bottlenecks.persons)):
        for each in found:
            rest = each.model_dump(exclude={"name", "kind"})
            yield from _measures(f"{section}:{each.kind}", "", each.name, rest)


def _named(section: str, shares: Iterable[ShareOut]) -> Iterator[Cell]:
    for share in shares:
        yield from _measures(section, "", share.name, share.model_dump(exclude={"name"}))


def _measures(section: str, month: str, name: str, values: dict[str, object]) -> Iterator[Cell]:
    for measure, value in values.items():
        yield section, month, name, measure, value


def _harmless(name: str) -> str:
    """A spreadsheet would carry out what begins like a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name
