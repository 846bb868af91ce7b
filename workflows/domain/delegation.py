"""Who stands in for whom, and until when (R53, design §7): an absent approver must not stall a case."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from workflows.domain.errors import (
    DelegationCycle,
    DelegationEndsTooSoon,
    DelegationOverlaps,
    DelegationToSelf,
)


@dataclass(frozen=True)
class Delegation:
    """`delegate` may act for `principal` from `starts` until just before `ends`."""

    id: str
    principal: str
    delegate: str
    starts: datetime
    ends: datetime
    ledger: str | None = None
    """Only on this ledger; on every one if none."""
    reason: str = ""

    def holds(self, at: datetime, ledger: str | None) -> bool:
        """Whether it is in force then, on that ledger. Asked for no ledger: whether it is on every one."""
        return self.starts <= at < self.ends and self.ledger in (None, ledger)


def principals_of(
    delegate: str, delegations: Iterable[Delegation], at: datetime, ledger: str | None
) -> tuple[str, ...]:
    """Everyone this person may act for at that instant, nearest first, by name among the equally near.

    Delegations are followed: if A has B act and B has C act, C may act for B and for A. Nobody stands in
    for themselves, whatever circle the delegations make.
    """
    known = tuple(d for d in delegations if d.holds(at, ledger))
    return _reached(delegate, lambda person: (d.principal for d in known if d.delegate == person))


def stand_ins_of(
    principal: str, delegations: Iterable[Delegation], at: datetime, ledger: str | None
) -> tuple[str, ...]:
    """Everyone who may act for this person at that instant; the mirror of `principals_of`."""
    known = tuple(d for d in delegations if d.holds(at, ledger))
    return _reached(principal, lambda person: (d.delegate for d in known if d.principal == person))


def _reached(start: str, next_to: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
    found: list[str] = []
    edge = [start]
    while edge:
        beyond = {person for near in edge for person in next_to(near)}
        edge = sorted(beyond - {start, *found})
        found.extend(edge)
    return tuple(found)


def require_sound(new: Delegation, existing: Iterable[Delegation]) -> None:
    """Whether a delegation may be added to those in force or to come.

    Raises:
        DelegationToSelf: nobody stands in for themselves.
        DelegationEndsTooSoon: it ends before it has begun, or at that moment.
        DelegationOverlaps: the principal has a delegation already that meets this one in time and ledger,
            were it to the same person: revoking one of two would look as if it had ended both.
        DelegationCycle: at some instant, on some ledger, it would make somebody stand in for themselves.
    """
    if new.delegate == new.principal:
        raise DelegationToSelf(new.principal)
    if new.ends <= new.starts:
        raise DelegationEndsTooSoon(new.starts.isoformat(), new.ends.isoformat())
    known = tuple(d for d in existing if d.id != new.id)
    other = next((d for d in known if d.principal == new.principal and _Reach.of(new).meets(d)), None)
    if other is not None:
        raise DelegationOverlaps(new.principal, other.delegate, other.id)
    circle = next(_circles(new, known), None)
    if circle is not None:
        raise DelegationCycle(circle)


@dataclass(frozen=True)
class _Reach:
    """When and where a line of delegations holds as a whole."""

    starts: datetime
    ends: datetime
    ledger: str | None

    @staticmethod
    def of(one: Delegation) -> "_Reach":
        return _Reach(one.starts, one.ends, one.ledger)

    def meets(self, other: Delegation) -> bool:
        in_time = self.starts < other.ends and other.starts < self.ends
        return in_time and (None in (self.ledger, other.ledger) or self.ledger == other.ledger)

    def within(self, other: Delegation) -> "_Reach":
        ledger = other.ledger if self.ledger is None else self.ledger
        return _Reach(max(self.starts, other.starts), min(self.ends, other.ends), ledger)


def _circles(new: Delegation, known: tuple[Delegation, ...]) -> Iterator[tuple[str, ...]]:
    """Every line that leads from the new delegate back to the principal while all of it holds."""
    lines: list[tuple[tuple[str, ...], _Reach]] = [((new.principal, new.delegate), _Reach.of(new))]
    while lines:
        line, reach = lines.pop()
        for further in known:
            if further.principal != line[-1] or not reach.meets(further):
                continue
            if further.delegate == new.principal:
                yield (*line, new.principal)
            elif further.delegate not in line:
                lines.append(((*line, further.delegate), reach.within(further)))
