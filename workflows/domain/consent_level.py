"""How far one level of consent has come: who has signed, who was added, whom it asks next (design §7)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from workflows.domain.approval import Group
from workflows.domain.case import Position
from workflows.domain.chain import PinnedDemand, PinnedLevel, PinnedWay, open_demands
from workflows.domain.policy import Mode


@dataclass(frozen=True)
class Voice:
    """One person's consent, on the seat of the holder: themselves, or whom they stand in for."""

    person: str
    holder: str


@dataclass(frozen=True)
class AddedSign:
    """Somebody whose consent an approver wants besides (加签)."""

    person: str
    by: str
    position: Position


@dataclass(frozen=True)
class LevelNow:
    """How far one level has come."""

    level: PinnedLevel
    voices: tuple[Voice, ...] = ()
    added: tuple[AddedSign, ...] = ()
    escalated: bool = False

    @property
    def holders(self) -> frozenset[str]:
        return frozenset(voice.holder for voice in self.voices)

    @property
    def pending_added(self) -> tuple[str, ...]:
        return tuple(sign.person for sign in self.added if sign.person not in self.holders)

    @property
    def is_signed(self) -> bool:
        return self.level.is_satisfied_by(self.holders) and not self.pending_added

    @property
    def asked(self) -> tuple[str, ...]:
        """Whose consent would bring this level forward now."""
        if self.level.is_satisfied_by(self.holders):
            return self.pending_added
        waiting = {sign.by for sign in self.added if self.waits_for(sign)}
        seats = [person for person in self._next_seats if person not in waiting]
        return (*self.pending_added, *seats)

    def waits_for(self, sign: AddedSign) -> bool:
        """Whether the one who added this person lets them sign first."""
        return sign.position == Position.BEFORE and sign.person not in self.holders

    @property
    def _next_seats(self) -> tuple[str, ...]:
        wanted = {person for demand in self.open_demands for person in demand.persons}
        seats = tuple(person for person in self.level.persons if person in wanted - self.holders)
        if self.level.mode != Mode.SEQUENCE:
            return seats
        queue = [person for demand in self.level.ways[0] for person in demand.persons]
        in_turn = tuple(person for person in queue if person in seats)[:1]
        others = [person for way in self.level.ways[1:] for demand in way for person in demand.persons]
        return tuple(dict.fromkeys((*in_turn, *(person for person in others if person in seats))))

    @property
    def open_demands(self) -> tuple[PinnedDemand, ...]:
        """Those that are not filled yet; whoever could fill only others is not needed any more."""
        return tuple(demand for way in self.level.ways for demand in open_demands(way, self.holders))

    def seated_by(self, holder: str, groups: Sequence[Group]) -> "LevelNow":
        """The same level with this person only where their groups of this moment entitle them to sit."""
        ways = tuple(
            reseated(way, holder, lambda demand: (holder,) if self.level.seats(groups, demand) else ())
            for way in self.level.ways
        )
        return replace(self, level=replace(self.level, ways=ways))

    def escalated_to(self, persons: tuple[str, ...]) -> "LevelNow":
        """The same level with one more way to satisfy it: the consent of these persons (上报)."""
        more = self.level.escalation
        assert more is not None, "it has somebody to escalate to"
        ways: tuple[PinnedWay, ...] = (*self.level.ways, (replace(more, persons=persons),))
        return replace(self, level=replace(self.level, ways=ways), escalated=True)

    def cleared(self) -> "LevelNow":
        """Asked anew, with a deadline of its own: all is gone but the transfers."""
        ways = self.level.ways[:-1] if self.escalated else self.level.ways
        return LevelNow(replace(self.level, ways=ways))


def reseated(way: PinnedWay, old: str, now: Callable[[PinnedDemand], tuple[str, ...]]) -> PinnedWay:
    """The same demands with others, or nobody, in place of one person, each named once."""
    return tuple(
        replace(
            demand,
            persons=tuple(
                dict.fromkeys(q for p in demand.persons for q in (now(demand) if p == old else (p,)))
            ),
        )
        for demand in way
    )
