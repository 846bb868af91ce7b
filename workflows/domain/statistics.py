"""How cases went, in numbers: both clocks against the hours they used to take, and where the time went."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from workflows.domain.request import FINAL_STATES, CaseState

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Line:
    """What a clock used to take, and what it is to take, in hours (R104, R106)."""

    before_hours: int
    target_hours: int


LINE_A = Line(48, 10)
LINE_B = Line(5 * 24, 24)


@dataclass(frozen=True)
class Spent:
    """One clock of one case, in milliseconds; `total` is none until the clock has stopped."""

    human: int
    machine: int
    total: int | None


@dataclass(frozen=True)
class CaseFacts:
    """What statistics need of one case."""

    ledger: str
    month: str
    """In which it was accepted, on the ledger's calendar: 2025-06."""
    state: CaseState
    reason: str
    cause: str | None
    is_recurrence: bool
    """An earlier case of the ledger had the same cause."""
    misses_right: bool
    """It was refused because somebody lacked a right (R107)."""
    a: Spent
    b: Spent
    stages: Mapping[CaseState, int] = field(default_factory=dict)
    """Milliseconds in each state that it has left."""


@dataclass(frozen=True)
class Wait:
    """One task that somebody has answered: how long it was open, in milliseconds."""

    kind: str
    name: str
    person: str | None
    """None where nobody answered: it ended by itself."""
    milliseconds: int


@dataclass(frozen=True)
class Distribution:
    """Times of several things, in milliseconds."""

    count: int
    median: float | None
    p90: float | None
    total: int


@dataclass(frozen=True)
class Clock:
    """One clock over several cases."""

    times: Distribution
    human_share: float | None
    """Of the whole time, that which people were waited for; the rest is machine time."""
    within_target: int
    over_before: int
    """Cases that took as long as by hand, or longer."""


@dataclass(frozen=True)
class Clocks:
    """Both clocks of the cases accepted in a month, or in all."""

    month: str | None
    cases: int
    a: Clock
    b: Clock


@dataclass(frozen=True)
class Share:
    """How many of something there are."""

    name: str
    count: int
    share: float


@dataclass(frozen=True)
class CauseShare:
    """How often a cause was named, and how often it had been named before."""

    cause: str
    count: int
    share: float
    recurrences: int


@dataclass(frozen=True)
class Stage:
    """What one state costs."""

    state: CaseState
    cases: int
    times: Distribution
    share: float
    """Of the time of all stages."""


@dataclass(frozen=True)
class Bottleneck:
    """Who, or which level, is waited for."""

    kind: str
    name: str
    times: Distribution


@dataclass(frozen=True)
class Statistics:
    """All there is to say of some cases."""

    cases: int
    ended: int
    overall: Clocks
    months: tuple[Clocks, ...]
    stages: tuple[Stage, ...]
    outcomes: tuple[Share, ...]
    """Of the cases that have ended."""
    reasons: tuple[Share, ...]
    causes: tuple[CauseShare, ...]
    """Of the cases whose cause was named."""
    unnamed: int
    """Ended with something done in the ledger, and without a cause."""
    refused: int
    """Stopped by the checks."""
    refused_by_permission: int
    levels: tuple[Bottleneck, ...]
    persons: tuple[Bottleneck, ...]


MOST_BOTTLENECKS = 20


def statistics_of(cases: Sequence[CaseFacts], waits: Iterable[Wait], months: Sequence[str]) -> Statistics:
    """Counted over the cases accepted in these months; a month without cases is there as well."""
    by_month = defaultdict[str, list[CaseFacts]](list)
    for case in cases:
        by_month[case.month].append(case)
    ended = [case for case in cases if case.state in FINAL_STATES]
    named = [case for case in cases if case.cause is not None]
    refused = [case for case in ended if case.state == CaseState.CHECKS_FAILED]
    waited = list(waits)
    return Statistics(
        cases=len(cases),
        ended=len(ended),
        overall=_clocks(None, cases),
        months=tuple(_clocks(month, by_month[month]) for month in months),
        stages=_stages(cases),
        outcomes=_shares(case.state for case in ended),
        reasons=_shares(case.reason for case in cases),
        causes=_causes(named),
        unnamed=sum(1 for case in ended if case.cause is None and case.state in _DONE),
        refused=len(refused),
        refused_by_permission=sum(1 for case in refused if case.misses_right),
        levels=_bottlenecks((wait.kind, wait.name, wait) for wait in waited),
        persons=_bottlenecks((wait.kind, wait.person, wait) for wait in waited if wait.person is not None),
    )


_DONE = (CaseState.COMPLETED, CaseState.ROLLED_BACK)


def distribution(milliseconds: Iterable[int]) -> Distribution:
    ordered = sorted(milliseconds)
    return Distribution(len(ordered), quantile(ordered, 0.5), quantile(ordered, 0.9), sum(ordered))


def quantile(ordered: Sequence[int], share: float) -> float | None:
    """The value below which that share lies, between its neighbours where it falls between two."""
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _clocks(month: str | None, cases: Sequence[CaseFacts]) -> Clocks:
    return Clocks(
        month,
        len(cases),
        _clock([case.a for case in cases], LINE_A),
        _clock([case.b for case in cases], LINE_B),
    )


def _clock(spent: Sequence[Spent], line: Line) -> Clock:
    stopped = [(each, each.total) for each in spent if each.total is not None]
    whole = sum(each.human + each.machine for each, _ in stopped)
    human = sum(each.human for each, _ in stopped)
    return Clock(
        times=distribution(total for _, total in stopped),
        human_share=human / whole if whole else None,
        within_target=sum(1 for _, total in stopped if total <= line.target_hours * HOUR_MS),
        over_before=sum(1 for _, total in stopped if total >= line.before_hours * HOUR_MS),
    )


def _stages(cases: Sequence[CaseFacts]) -> tuple[Stage, ...]:
    """In the order of the life cycle."""
    by_state = defaultdict[CaseState, list[int]](list)
    for case in cases:
        for state, milliseconds in case.stages.items():
            by_state[state].append(milliseconds)
    whole = sum(map(sum, by_state.values()))
    return tuple(
        Stage(state, len(times), distribution(times), sum(times) / whole if whole else 0.0)
        for state in CaseState
        if (times := by_state.get(state))
    )


def _shares(names: Iterable[str]) -> tuple[Share, ...]:
    counted = Counter(str(name) for name in names)
    whole = counted.total()
    return tuple(Share(name, count, count / whole) for name, count in _most_first(counted))


def _causes(named: Sequence[CaseFacts]) -> tuple[CauseShare, ...]:
    counted = Counter(str(case.cause) for case in named)
    again = Counter(str(case.cause) for case in named if case.is_recurrence)
    return tuple(
        CauseShare(cause, count, count / len(named), again[cause]) for cause, count in _most_first(counted)
    )


def _most_first(counted: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))


def _bottlenecks(waits: Iterable[tuple[str, str, Wait]]) -> tuple[Bottleneck, ...]:
    """Whom people waited for longest in all, first."""
    found = defaultdict[tuple[str, str], list[int]](list)
    for kind, name, wait in waits:
        found[kind, name].append(wait.milliseconds)
    ordered = sorted(found.items(), key=lambda item: (-sum(item[1]), item[0]))
    return tuple(
        Bottleneck(kind, name, distribution(times)) for (kind, name), times in ordered[:MOST_BOTTLENECKS]
    )
