"""Joint control: two live persons of two groups release exactly one digest, close together (R55)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from workflows.domain.approval import Group, Parties
from workflows.domain.case import Act
from workflows.domain.consent_round import Standing
from workflows.domain.errors import (
    AlreadyDecided,
    NotAuthoriser,
    NotStandingIn,
    SecondGroupNeeded,
    StaleDigest,
    TaskClosed,
)
from workflows.domain.policy import Authorising


@dataclass(frozen=True)
class Confirmation:
    """One person's release of the execution, live, for one digest."""

    person: str
    holder: str
    """The member of the group: the person, or whom they stand in for."""
    group: Group
    at: datetime


@dataclass(frozen=True)
class Release:
    """What is needed to release a digest, and what has been given so far."""

    rule: Authorising
    parties: Parties
    digest: str
    given: tuple[Confirmation, ...] = ()

    @property
    def missing(self) -> tuple[Group, ...]:
        done = {confirmation.group for confirmation in self.given}
        return tuple(group for group in self.rule.groups if group not in done)

    @property
    def is_complete(self) -> bool:
        return not self.missing

    @property
    def lapses_at(self) -> datetime | None:
        """When the confirmation given first must be given again; none while nobody has confirmed."""
        if not self.given or self.is_complete:
            return None
        return min(c.at for c in self.given) + timedelta(minutes=self.rule.within_minutes)

    def without_lapsed(self, now: datetime) -> "Release":
        """What still counts at this moment."""
        if self.lapses_at is None or now < self.lapses_at:
            return self
        return Release(self.rule, self.parties, self.digest)

    def confirm(self, act: Act, standing: Standing, now: datetime) -> tuple["Release", Confirmation]:
        """The release after one person's confirmation.

        Raises:
            TaskClosed: both groups have confirmed already.
            NotAuthoriser: in none of the two groups, also not for somebody else, or with another part here.
            NotStandingIn: for somebody who has not delegated to them.
            AlreadyDecided: the same person a second time, themselves or through a stand-in.
            SecondGroupNeeded: another person of the group that has confirmed already.
            StaleDigest: not the digest in force.
        """
        live = self.without_lapsed(now)
        if live.is_complete:
            raise TaskClosed(act.task, "authorising")
        person = act.actor.person
        if act.acting_for not in (None, person, *standing.principals):
            raise NotStandingIn(person, str(act.acting_for))
        seats = [seat for seat in live._seats(act, standing) if not self.parties.bars(seat[0])]
        if not seats or self.parties.bars(person):
            raise NotAuthoriser(person, tuple(self.rule.groups))
        used = {name for c in live.given for name in (c.person, c.holder)}
        if person in used:
            raise AlreadyDecided(person, act.task)
        free = [seat for seat in seats if seat[1] in live.missing]
        if not free:
            raise SecondGroupNeeded(seats[0][1], live.missing[0])
        free = [seat for seat in free if seat[0] not in used]
        if not free:
            raise AlreadyDecided(person, act.task)
        if act.digest != self.digest:
            raise StaleDigest(act.digest or "none", self.digest)
        confirmation = Confirmation(person, free[0][0], free[0][1], now)
        return Release(self.rule, self.parties, self.digest, (*live.given, confirmation)), confirmation

    def _seats(self, act: Act, standing: Standing) -> list[tuple[str, Group]]:
        """Holder and group of every seat the actor may fill; own seats first."""
        person = act.actor.person
        holders = [(person, act.actor.groups)] if act.acting_for in (None, person) else []
        for principal in standing.principals:
            if act.acting_for in (None, principal) and principal != person:
                holders.append((principal, standing.groups.get(principal) or ()))
        return [
            (holder, group) for holder, groups in holders for group in self.rule.groups if group in groups
        ]
