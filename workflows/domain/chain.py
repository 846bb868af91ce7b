"""The chain of consent as resolved for one case: these persons, and nobody else, may sign."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from workflows.domain.approval import Group, Parties, People
from workflows.domain.errors import ChainEmpty, NoApprover
from workflows.domain.policy import ApprovalPolicy, Demand, Level, Mode, OnDeadline, Way


@dataclass(frozen=True)
class PinnedDemand:
    """Consent of so many of these persons."""

    group: Group
    persons: tuple[str, ...]
    need: int


PinnedWay = tuple[PinnedDemand, ...]


@dataclass(frozen=True)
class PinnedLevel:
    """A level as resolved for one case."""

    n: int
    name: str
    mode: Mode
    ways: tuple[PinnedWay, ...]
    why: str
    """Which rules of the policy put the level into the chain."""
    deadline_hours: int = 8
    on_deadline: OnDeadline = OnDeadline.REMIND
    escalation: PinnedDemand | None = None
    """Whose consent is as good as the level's own after its deadline."""
    expires_hours: int = 24
    cc: tuple[str, ...] = ()
    open_to: tuple[Group, ...] = ()
    """Further groups whose members may be asked in place of any pinned person (转交)."""

    @property
    def persons(self) -> tuple[str, ...]:
        """Everyone who may sign, in the order of the policy."""
        return tuple(dict.fromkeys(p for way in self.ways for demand in way for p in demand.persons))

    @property
    def groups(self) -> tuple[Group, ...]:
        return tuple(dict.fromkeys(demand.group for way in self.ways for demand in way))

    def seats(self, groups: Iterable[Group], demand: PinnedDemand) -> bool:
        """Whether members of these groups may fill a seat of this demand."""
        return not {demand.group, *self.open_to}.isdisjoint(groups)

    def is_satisfied_by(self, holders: frozenset[str]) -> bool:
        """Whether the consent of these persons, each counted once, fills any one way."""
        return any(_fill(way, lambda person: person in holders) is not None for way in self.ways)


def pin_chain(
    policy: ApprovalPolicy,
    reasons: Sequence[tuple[str, ...] | None],
    people: People,
    parties: Parties,
    expedited: bool = False,
) -> tuple[PinnedLevel, ...]:
    """Resolve the chain for a case: who, and why.

    Args:
        policy: the policy in force.
        reasons: for each of its levels the rules that hold, or none if the level is not asked.
        people: who is in each group now.
        parties: who is barred from consenting.
        expedited: whether deadlines are shorter and more people are told (R12).

    Raises:
        ChainEmpty: no level applies; a chain that asks nobody is no consent.
        NoApprover: a level, or an authorising group, holds nobody who may sign, or nobody who is not needed
            for another level: distinct persons must be able to sign them all (design §5.5, §5.7).
    """
    asked = [(level, why) for level, why in zip(policy.levels, reasons, strict=True) if why is not None]
    if not asked:
        raise ChainEmpty(policy.version)
    chain: list[PinnedLevel] = []
    for n, (level, why) in enumerate(asked, start=1):
        pinned = _pin(n, level, why, people, parties)
        chain.append(_expedite(pinned, policy, people) if expedited else pinned)
    blocked = unsignable(chain)
    if blocked is not None:
        raise NoApprover(blocked.name, _text(blocked.groups))
    _require_two_authorisers(policy, people, parties)
    return tuple(chain)


def _pin(n: int, level: Level, why: tuple[str, ...], people: People, parties: Parties) -> PinnedLevel:
    ways = tuple(
        pinned for way in level.ways if (pinned := _pin_way(way, level.mode, people, parties)) is not None
    )
    if not ways:
        raise NoApprover(level.name, _text(level.groups))
    escalation = None
    if level.on_deadline == OnDeadline.ESCALATE and level.escalate_to is not None:
        escalation = PinnedDemand(level.escalate_to, parties.entitled(people, level.escalate_to), 1)
    return PinnedLevel(
        n=n,
        name=level.name,
        mode=level.mode,
        ways=ways,
        why=", ".join(why) or "always",
        deadline_hours=level.deadline_hours,
        on_deadline=level.on_deadline,
        escalation=escalation,
        expires_hours=level.expires_hours,
        cc=_members(people, level.cc),
        open_to=level.transfer_to,
    )


def _pin_way(way: Way, mode: Mode, people: People, parties: Parties) -> PinnedWay | None:
    """None if one of its groups holds too few persons who may sign, or it asks nobody."""
    pinned = tuple(_pin_demand(demand, mode, people, parties) for demand in way)
    return pinned if pinned and all(0 < demand.need <= len(demand.persons) for demand in pinned) else None


def _pin_demand(demand: Demand, mode: Mode, people: People, parties: Parties) -> PinnedDemand:
    persons = parties.entitled(people, demand.group)
    everyone = 1 if mode == Mode.ANY else len(persons)
    return PinnedDemand(demand.group, persons, everyone if demand.count is None else demand.count)


def _expedite(level: PinnedLevel, policy: ApprovalPolicy, people: People) -> PinnedLevel:
    percent = policy.expedited.deadline_percent
    told = (*level.cc, *_members(people, policy.expedited.cc))
    return replace(
        level,
        deadline_hours=max(1, level.deadline_hours * percent // 100),
        expires_hours=min(level.expires_hours, max(2, level.expires_hours * percent // 100)),
        cc=tuple(dict.fromkeys(told)),
    )


def _members(people: People, groups: Iterable[Group]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(person for group in groups for person in people.get(group, ())))


def _text(groups: Iterable[Group]) -> str:
    return ", ".join(groups)


def _require_two_authorisers(policy: ApprovalPolicy, people: People, parties: Parties) -> None:
    demands = tuple(
        PinnedDemand(group, parties.entitled(people, group), 1) for group in policy.authorising.groups
    )
    for n in range(1, len(demands) + 1):
        if _fill(demands[:n], lambda person: True) is None:
            raise NoApprover("authorisation", demands[n - 1].group)


# --------------------------------------------------------------------------- distinct persons


@dataclass(frozen=True)
class Ahead:
    """A level that must still be signed, and who has signed it so far."""

    level: PinnedLevel
    holders: frozenset[str] = frozenset()


def unsignable(
    chain: Iterable[PinnedLevel], used: frozenset[str] = frozenset(), first: Ahead | None = None
) -> PinnedLevel | None:
    """The first level that distinct persons cannot sign any more with those before it signed too.

    Args:
        chain: the levels not yet asked.
        used: everyone who has signed anything, or for whom somebody did; they sign no other level.
        first: the level asked now.
    """
    ahead = ([first] if first else []) + [Ahead(level) for level in chain]
    for n in range(1, len(ahead) + 1):
        if not _can_be_signed(ahead[:n], used):
            return ahead[n - 1].level
    return None


def _can_be_signed(ahead: Sequence[Ahead], used: frozenset[str]) -> bool:
    def choose(n: int, chosen: list[tuple[PinnedWay, frozenset[str]]]) -> bool:
        if _seat(chosen, used) is None:
            return False
        if n == len(ahead):
            return True
        return any(choose(n + 1, [*chosen, (way, ahead[n].holders)]) for way in ahead[n].level.ways)

    return choose(0, [])


def _seat(chosen: Sequence[tuple[PinnedWay, frozenset[str]]], used: frozenset[str]) -> dict[str, int] | None:
    seats = [
        [p for p in demand.persons if p in holders or p not in used]
        for way, holders in chosen
        for demand in way
        for _ in range(demand.need)
    ]
    return match(seats)


def _fill(way: PinnedWay, may: Callable[[str], bool]) -> dict[str, int] | None:
    return match(
        [[person for person in demand.persons if may(person)] for demand in way for _ in range(demand.need)]
    )


def open_demands(way: PinnedWay, holders: frozenset[str]) -> tuple[PinnedDemand, ...]:
    """The demands that one more of their persons would bring forward, with these having signed.

    A filled demand counts as well if one of those who fill it could fill another that is not.
    """
    seats = [demand for demand in way for _ in range(demand.need)]
    seated = seat_most([[person for person in seat.persons if person in holders] for seat in seats])
    found = {seat for n, seat in enumerate(seats) if n not in seated.values()}
    while True:
        movable = {p for p in seated if any(p in demand.persons for demand in found)}
        more = {seats[seated[person]] for person in movable} - found
        if not more:
            return tuple(demand for demand in way if demand in found)
        found |= more


def match(seats: Sequence[Sequence[str]]) -> dict[str, int] | None:
    """Distinct persons for all seats, or none if there is no such choice."""
    seated = seat_most(seats)
    return seated if len(seated) == len(seats) else None


def seat_most(seats: Sequence[Sequence[str]]) -> dict[str, int]:
    """Distinct persons for as many seats as can be (augmenting paths)."""
    seated: dict[str, int] = {}

    def fill(seat: int, tried: set[str]) -> bool:
        for person in seats[seat]:
            if person not in tried:
                tried.add(person)
                if person not in seated or fill(seated[person], tried):
                    seated[person] = seat
                    return True
        return False

    for seat in range(len(seats)):
        fill(seat, set())
    return seated
