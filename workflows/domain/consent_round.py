"""One round of consent: who is asked now, what each act does, and when it is enough (design §7).

Every function is pure: an act turns one `Round` into the next one or is refused. A round knows nothing of
time. Deadlines are the workflow's, and all that they may do here is to ask more people (`escalate`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from workflows.domain.approval import Group, Parties
from workflows.domain.case import APPLICANT, Act, EventKind, Position, Resume, TaskAction, Told
from workflows.domain.chain import Ahead, PinnedDemand, PinnedLevel, unsignable
from workflows.domain.consent_level import AddedSign, LevelNow, Voice, reseated
from workflows.domain.digest import Json
from workflows.domain.errors import (
    ActIncomplete,
    ActionNotPossible,
    AlreadyDecided,
    NotAnApprover,
    NotStandingIn,
    NotYourTurn,
    PersonNotEligible,
    SeatNeededLater,
    SelfApproval,
    StaleDigest,
    TaskClosed,
    UnknownLevel,
    UnknownPerson,
)
from workflows.domain.policy import Mode


class Outcome(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    RETURNED = "returned"
    """To the applicant; a return to an earlier level leaves the round pending."""


@dataclass(frozen=True)
class Standing:
    """What the directory says at the moment of an act about the people in it."""

    principals: tuple[str, ...] = ()
    """Everyone the actor may stand in for now (委托)."""
    groups: Mapping[str, tuple[Group, ...] | None] = field(default_factory=dict)
    """Groups of the principals and of everyone the act names; none for somebody unknown."""


@dataclass(frozen=True)
class Returned:
    """The applicant is to put something right, and where the round goes on after it."""

    level: int
    resume: Resume


@dataclass(frozen=True)
class Round:
    """Consent to one digest, level by level."""

    levels: tuple[LevelNow, ...]
    parties: Parties
    digest: str
    at: int = 0
    """Index of the level that is asked."""
    asking: int = 1
    """Rises whenever other people are asked than before: an act counts for the asking it was meant for."""
    outcome: Outcome = Outcome.PENDING
    returned: Returned | None = None

    @staticmethod
    def of(chain: tuple[PinnedLevel, ...], parties: Parties, digest: str) -> "Round":
        """A round that nobody has signed. Raises ValueError for a chain that asks nobody."""
        if not chain:
            raise ValueError("a chain asks somebody")
        return Round(tuple(LevelNow(level) for level in chain), parties, digest)

    @property
    def now(self) -> LevelNow:
        return self.levels[self.at]

    @property
    def asked(self) -> tuple[str, ...]:
        """Who may sign now. Whoever has signed already, on whatever seat, may not."""
        if self.outcome != Outcome.PENDING:
            return ()
        used = self._used()
        return tuple(person for person in self.now.asked if person not in used)

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """Groups where any of theirs will do, else persons."""
        asked = self.asked
        named: dict[str, None] = {}
        for person in asked:
            named[self._as_group(person, asked) or person] = None
        return tuple(named)

    def _as_group(self, person: str, asked: tuple[str, ...]) -> Group | None:
        if self.now.level.mode != Mode.ANY:
            return None
        for demand in self.now.open_demands:
            if person in demand.persons and set(demand.persons) <= {*asked, *self._used()}:
                return demand.group
        return None

    def _seats_of(self, holder: str) -> tuple[PinnedDemand, ...]:
        return tuple(demand for way in self.now.level.ways for demand in way if holder in demand.persons)

    @property
    def signed(self) -> tuple[str, ...]:
        """Everyone who has consented in this round, in the order of the levels."""
        return tuple(dict.fromkeys(voice.person for level in self.levels for voice in level.voices))

    # ------------------------------------------------------------------ acts

    def take(self, act: Act, standing: Standing, state: str) -> tuple["Round", tuple[Told, ...]]:
        """The round after an act, and what goes on record.

        Raises:
            TaskClosed: the round is over.
            SelfApproval, NotAnApprover, NotStandingIn, AlreadyDecided, NotYourTurn, SeatNeededLater: the
                wrong person.
            StaleDigest: meant for something else than what would be executed.
            ActIncomplete, ActionNotPossible, UnknownLevel, UnknownPerson, PersonNotEligible: the act
                cannot be done so.
        """
        if self.outcome != Outcome.PENDING:
            raise TaskClosed(act.task, state)
        if act.action == TaskAction.COMMENT:
            return self, (self._comment(act, standing),)
        holder = self._seat(act, standing)
        self._require_digest(act)
        return _MOVES[act.action](self, act, holder, standing)

    def escalate(self) -> tuple["Round", tuple[str, ...]]:
        """Ask those of the escalation as well; their consent is as good. Nobody new if there is nobody."""
        now, more = self.now, self.now.level.escalation
        # Whoever has signed, or is asked to sign besides, would fill a seat by the deadline alone.
        taken = self._used() | {sign.person for sign in now.added}
        fresh = tuple(p for p in more.persons if p not in taken) if more else ()
        if now.escalated or more is None or not fresh:
            return self, ()
        return self._with_now(now.escalated_to(fresh)), fresh

    def undone_by_resuming(self) -> tuple[Told, ...]:
        """What a direct answer makes void: whatever the level that returned the case had consented to."""
        assert self.returned is not None, "it was returned"
        at = self.returned.level
        return (self._undone([at]),) if self.levels[at].voices else ()

    def resumed_directly(self, digest: str) -> "Round":
        """The applicant has answered, nothing has drifted: back to the level that returned it.

        Raises:
            StaleDigest: something has; then consent that was given before counts for nothing.
        """
        assert self.returned is not None, "it was returned"
        assert self.returned.resume == Resume.DIRECT, "else everyone is asked anew"
        if digest != self.digest:
            raise StaleDigest(self.digest, digest)
        again = replace(
            self,
            at=self.returned.level,
            outcome=Outcome.PENDING,
            returned=None,
            asking=self.asking + 1,
        )
        return again._with_now(again.now.cleared())

    # ------------------------------------------------------------------ who

    def _seat(self, act: Act, standing: Standing) -> str:
        """Whose seat the actor fills: their own, or that of a person they stand in for now."""
        person, level = act.actor.person, self.now.level
        if person == self.parties.applicant:
            raise SelfApproval(person)
        mine = (person,) if act.acting_for in (None, person) else ()
        others = tuple(p for p in standing.principals if act.acting_for in (None, p) and p != person)
        if act.acting_for not in (None, person, *others):
            raise NotStandingIn(person, str(act.acting_for))
        held: list[str] = [holder for holder in (*mine, *others) if holder in self.asked]
        if person in self._used() or (held and held[0] in self._used()):
            raise AlreadyDecided(person, act.task)
        if self.parties.bars(person) or (held and self.parties.bars(held[0])):
            raise NotAnApprover(person, level.name, self.asked)
        if not held:
            first = self._before(person)
            if first:
                raise NotYourTurn(person, act.task, first)
            raise NotAnApprover(person, level.name, self.asked)
        self._require_membership(act, held[0], standing)
        return held[0]

    def _before(self, person: str) -> tuple[str, ...]:
        """Who must sign before it is this person's turn; nobody if they are not asked at all."""
        level, added = self.now.level, self.now.added
        if person not in level.persons:
            return ()
        wanted = tuple(sign.person for sign in added if sign.by == person and self.now.waits_for(sign))
        is_later = level.mode == Mode.SEQUENCE or level.is_satisfied_by(self.now.holders)
        return wanted or (self.asked if is_later else ())

    def _require_membership(self, act: Act, holder: str, standing: Standing) -> None:
        """Pinned is not enough: who has left the group since has no say. Raises NotAnApprover."""
        if holder in self.now.pending_added:
            return
        groups, level = _groups_of(act, holder, standing), self.now.level
        if not any(level.seats(groups, demand) for demand in self._seats_of(holder)):
            others = tuple(person for person in self.asked if person != holder)
            raise NotAnApprover(act.actor.person, level.name, others)

    def _used(self) -> frozenset[str]:
        return frozenset(name for level in self.levels for v in level.voices for name in (v.person, v.holder))

    def _require_digest(self, act: Act) -> None:
        consents = act.action in _BINDING or act.position == Position.AFTER
        if act.digest is None and consents:
            raise StaleDigest("none", self.digest)
        if act.digest is not None and act.digest != self.digest:
            raise StaleDigest(act.digest, self.digest)

    def _require_newcomer(self, person: str, act: Act, standing: Standing) -> tuple[Group, ...]:
        """Somebody who is known, has no other part, and has signed nothing; their groups."""
        groups, field = standing.groups.get(person), _field_of(act)
        if groups is None:
            raise UnknownPerson(person, field)
        if self.parties.bars(person):
            raise PersonNotEligible(person, "has another part in this case", field)
        if person in self._used():
            raise PersonNotEligible(person, "has signed this case already", field)
        if person == act.actor.person or person in self.now.pending_added:
            raise PersonNotEligible(person, "is asked already", field)
        return groups

    # ------------------------------------------------------------------ what

    def _approve(self, act: Act, holder: str, standing: Standing) -> "Taken":
        voice = Voice(act.actor.person, holder)
        # Of two groups that somebody was pinned for, they may have left one: its seat is not theirs then.
        now = self.now.seated_by(holder, _groups_of(act, holder, standing))
        after = self._with_now(replace(now, voices=(*now.voices, voice)))
        needed = after._first_unsignable()
        if needed is not None:
            raise SeatNeededLater(act.actor.person, needed.name)
        told = self._decided(act, holder, "approve")
        return after._gone_on(asks_others=self._asks_others_after(holder)), (told,)

    def _asks_others_after(self, holder: str) -> bool:
        """Whether a consent changes who is asked, beyond this person having signed."""
        return self.now.level.mode == Mode.SEQUENCE or holder in self.now.pending_added

    def _reject(self, act: Act, holder: str, standing: Standing) -> "Taken":
        return replace(self, outcome=Outcome.REJECTED), (self._decided(act, holder, "reject"),)

    def _return(self, act: Act, holder: str, standing: Standing) -> "Taken":
        if act.to is None:
            raise ActIncomplete(act.action, "to")
        resume = act.resume or Resume.REPLAY
        said = self._decided(act, holder, "return", to=act.to, resume=resume)
        if act.to == APPLICANT:
            return replace(self, outcome=Outcome.RETURNED, returned=Returned(self.at, resume)), (said,)
        return self._back_to(self._earlier(act.to), resume, said)

    def _back_to(self, target: int, resume: Resume, said: Told) -> "Taken":
        # What an earlier direct return has skipped lies behind this level, and is asked again as well.
        undone = range(target, len(self.levels)) if resume == Resume.REPLAY else (target, self.at)
        levels = tuple(now.cleared() if n in undone else now for n, now in enumerate(self.levels))
        void = self._undone([n for n in undone if n <= self.at or self.levels[n].voices])
        after = replace(self, levels=levels, at=target, asking=self.asking + 1)
        return after, (said, void)

    def _undone(self, levels: Sequence[int]) -> Told:
        data: dict[str, Json] = {
            "because": "returned",
            "levels": [self.levels[n].level.n for n in levels],
            "signed": [voice.person for n in levels for voice in self.levels[n].voices],
        }
        return Told(EventKind.DECISIONS_VOID, data)

    def _earlier(self, name: str) -> int:
        earlier = {now.level.name: n for n, now in enumerate(self.levels[: self.at])}
        if name not in earlier:
            raise UnknownLevel(name, (APPLICANT, *earlier))
        return earlier[name]

    def _transfer(self, act: Act, holder: str, standing: Standing) -> "Taken":
        self._require_own_seat(act, holder)
        if act.to is None:
            raise ActIncomplete(act.action, "to")
        groups = self._require_newcomer(act.to, act, standing)
        level = self.now.level
        seats = self._seats_of(holder)
        if not any(level.seats(groups, demand) for demand in seats):
            may = dict.fromkeys((*(demand.group for demand in seats), *level.open_to))
            raise PersonNotEligible(act.to, f"belongs to none of {', '.join(may)}", "to")
        if act.to == holder or (act.to in level.persons and level.mode != Mode.ANY):
            raise PersonNotEligible(act.to, "is asked already", "to")
        to = act.to
        # Only where they belong: consent of each of two groups is not to become consent of one of them.
        ways = tuple(
            reseated(way, holder, lambda demand: (to,) if level.seats(groups, demand) else ())
            for way in level.ways
        )
        after = self._with_now(replace(self.now, level=replace(level, ways=ways)))
        needed = after._first_unsignable()
        if needed is not None:
            raise PersonNotEligible(act.to, f"is needed for level {needed.name}", "to")
        data = {**self._where(act), "from": holder, "to": act.to}
        told = Told(EventKind.TRANSFERRED, data, _stood_in(act, holder))
        return replace(after, asking=self.asking + 1), (told,)

    def _add_sign(self, act: Act, holder: str, standing: Standing) -> "Taken":
        self._require_own_seat(act, holder)
        if act.position is None or not act.persons:
            raise ActIncomplete(act.action, "position" if act.persons else "persons")
        for person in act.persons:
            self._require_newcomer(person, act, standing)
            if person in self.now.level.persons:
                raise PersonNotEligible(person, "is asked already", "persons")
        signs = tuple(AddedSign(p, holder, act.position) for p in dict.fromkeys(act.persons))
        after = replace(self._with_now(replace(self.now, added=(*self.now.added, *signs))))
        needed = after._first_unsignable()
        if needed is not None:
            raise PersonNotEligible(act.persons[0], f"is needed for level {needed.name}", "persons")
        after = replace(after, asking=self.asking + 1)
        data = {**self._where(act), "persons": [*act.persons], "position": act.position}
        told = Told(EventKind.SIGN_ADDED, data, _stood_in(act, holder))
        if act.position != Position.AFTER:
            return after, (told,)
        # 后加签 finishes the task of the one who adds: it is their consent, with one more after it.
        signed, consent = after._approve(act, holder, standing)
        return signed, (told, *consent)

    def _require_own_seat(self, act: Act, holder: str) -> None:
        """Who was added signs or refuses; they do not hand on and add nobody (加签 does not nest)."""
        if holder in self.now.pending_added:
            raise ActionNotPossible(act.action, act.task, tuple(_FOR_ADDED))

    def _comment(self, act: Act, standing: Standing) -> Told:
        everyone = {person for now in self.levels for person in now.level.persons}
        everyone |= {sign.person for now in self.levels for sign in now.added}
        everyone |= {self.parties.applicant, *self.parties.correctors}
        if not {act.actor.person, *standing.principals} & everyone:
            raise NotAnApprover(act.actor.person, self.now.level.name, self.asked)
        if not act.comment.strip():
            raise ActIncomplete(act.action, "comment")
        return Told(EventKind.COMMENTED, self._where(act))

    # ------------------------------------------------------------------ going on

    def _with_now(self, now: LevelNow) -> "Round":
        levels = tuple(now if n == self.at else level for n, level in enumerate(self.levels))
        return replace(self, levels=levels)

    def _gone_on(self, asks_others: bool) -> "Round":
        if not self.now.is_signed:
            satisfied = self.now.level.is_satisfied_by(self.now.holders)
            return replace(self, asking=self.asking + 1) if asks_others or satisfied else self
        # After a direct return the levels in between are signed still: straight back (直达).
        to = next((n for n, level in enumerate(self.levels) if not level.is_signed), None)
        if to is None:
            return replace(self, outcome=Outcome.APPROVED)
        return replace(self, at=to, asking=self.asking + 1)

    def _first_unsignable(self) -> PinnedLevel | None:
        """The first level that distinct persons could not sign any more."""
        if not self._used().isdisjoint(self.now.pending_added):
            return self.now.level
        added = frozenset(sign.person for level in self.levels for sign in level.added)
        rest = [now.level for now in self.levels[self.at + 1 :] if not now.is_signed]
        return unsignable(rest, self._used() | added, Ahead(self.now.level, self.now.holders))

    # ------------------------------------------------------------------ records

    def _where(self, act: Act) -> dict[str, Json]:
        level = self.now.level
        return {
            "task": act.task,
            "level": level.n,
            "name": level.name,
            "digest": self.digest,
            "comment": act.comment,
            "from_where": act.actor.origin,
        }

    def _decided(self, act: Act, holder: str, answer: str, **more: Json) -> Told:
        groups = [demand.group for demand in self._seats_of(holder)]
        data = {**self._where(act), "group": groups[0] if groups else "added", "answer": answer, **more}
        return Told(EventKind.DECIDED, data, _stood_in(act, holder))


Taken = tuple[Round, tuple[Told, ...]]


def _stood_in(act: Act, holder: str) -> str | None:
    return None if holder == act.actor.person else holder


def _field_of(act: Act) -> str:
    return "to" if act.action == TaskAction.TRANSFER else "persons"


def _groups_of(act: Act, holder: str, standing: Standing) -> Sequence[Group]:
    """The groups of this moment of whose seat it is."""
    return act.actor.groups if holder == act.actor.person else standing.groups.get(holder) or ()


_BINDING = (TaskAction.APPROVE, TaskAction.REJECT)
"""Acts that consent or refuse; they must name the digest they are meant for (design §5.6)."""

_FOR_ADDED = (TaskAction.APPROVE, TaskAction.REJECT, TaskAction.RETURN, TaskAction.COMMENT)

_MOVES: Mapping[TaskAction, Callable[[Round, Act, str, Standing], Taken]] = {
    TaskAction.APPROVE: Round._approve,
    TaskAction.REJECT: Round._reject,
    TaskAction.RETURN: Round._return,
    TaskAction.TRANSFER: Round._transfer,
    TaskAction.ADD_SIGN: Round._add_sign,
}

POSSIBLE = (*_MOVES, TaskAction.COMMENT)
"""Every action that an approval task knows."""
