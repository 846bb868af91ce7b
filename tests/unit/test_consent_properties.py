"""Whatever people do, in whatever order: nothing is approved or released without those who must agree.

The oracle knows the policy, the directory, and what went on record. It tries all ways by brute force and
shares no code with the rules it judges.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from service.policy_text import ways_of
from tests.builders import DIGEST, OTHER_DIGEST
from workflows.domain.approval import Group, Parties
from workflows.domain.authorisation import Confirmation, Release
from workflows.domain.case import APPLICANT, Act, Actor, EventKind, Position, Resume, TaskAction, Told
from workflows.domain.chain import pin_chain
from workflows.domain.consent_round import Outcome, Round, Standing
from workflows.domain.errors import NoApprover, Refused
from workflows.domain.policy import (
    ApprovalPolicy,
    Authorising,
    Level,
    Mode,
    OnDeadline,
    Way,
    one_of,
)

PERSONS = tuple("abcdefghijklmn")
GROUPS = (Group.WAREHOUSE, Group.FINANCE, Group.IT, Group.FINANCE_HEAD)
JOINT = (Group.ERP_ADMIN, Group.FINANCE_HEAD)
SEEDS = st.integers(0, 2**48)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)

ONE = "finance"
TWO = {"group": "finance", "count": 2}
EXPRESSIONS: tuple[object, ...] = (
    ONE,
    "warehouse",
    "it",
    {"all": ["finance", "it"]},
    {"any": ["finance", {"all": ["it", "warehouse"]}]},
    {"n_of": 2, "of": ["warehouse", "finance", "it"]},
)
COUNTED: tuple[object, ...] = (TWO, {"all": [TWO, "it"]}, {"any": [TWO, "warehouse"]})


@dataclass
class Directory:
    """Who is in which group, and who stands in for whom, at this moment."""

    members: dict[Group, set[str]]
    delegations: set[tuple[str, str]]
    """Principal and delegate; circles are possible."""

    def groups_of(self, person: str) -> tuple[Group, ...]:
        return tuple(group for group in self.members if person in self.members[group])

    def principals(self, delegate: str) -> list[str]:
        """Followed step by step for as many steps as there are people."""
        found: set[str] = {delegate}
        for _ in PERSONS:
            found |= {principal for principal, to in self.delegations if to in found}
        return sorted(found - {delegate})

    def standing(self, person: str, *named: str) -> Standing:
        principals = tuple(self.principals(person))
        return Standing(principals, {name: self.groups_of(name) for name in (*principals, *named)})


@dataclass
class OnRecord:
    """One consent as the record tells it."""

    actor: str
    holder: str
    digest: str | None
    was_added: bool


@dataclass
class LevelOnRecord:
    ways: list[list[tuple[set[str], int, set[Group]]]]
    """Each a list of demands: these persons, so many of them, all members of one of these groups."""
    consents: list[OnRecord] = field(default_factory=list)
    added: set[str] = field(default_factory=set)
    before: set[tuple[str, str]] = field(default_factory=set)
    """Who must have signed before whom, as an approver wanted it."""
    queue: list[str] | None = None
    """Who signs one after the other."""
    own_ways: int = field(init=False)
    """How many of the ways are the policy's; what comes after them is an escalation's."""

    def __post_init__(self) -> None:
        self.own_ways = len(self.ways)

    def clear(self) -> None:
        """Asked anew: its deadline starts again, and whoever the last one added is not asked yet."""
        del self.ways[self.own_ways :]
        self.consents.clear()
        self.added.clear()
        self.before.clear()

    def transfer(self, old: str, new: str, groups: set[Group]) -> None:
        for persons, _, may in (demand for way in self.ways for demand in way):
            if old in persons:
                persons.remove(old)
                if may & groups:
                    persons.add(new)
        self.queue = self.queue and [new if person == old else person for person in self.queue]

    def consent(self, one: OnRecord, groups: set[Group]) -> None:
        signed = {other.holder for other in self.consents}
        assert not [first for first, then in self.before if then == one.holder and first not in signed]
        if self.queue and not one.was_added:
            in_turn = next(person for person in self.queue if person not in signed)
            also = set().union(*(persons for way in self.ways[1:] for persons, _, _ in way))
            assert one.holder in {in_turn} | also
        for persons, _, may in (demand for way in self.ways for demand in way):
            if not may & groups:
                persons.discard(one.holder)
        self.consents.append(one)


class Oracle:
    """Keeps the record of one round and says whether it proves consent."""

    def __init__(self, levels: Sequence[Level], directory: Directory, parties: Parties) -> None:
        self.parties = parties
        self.levels = [
            LevelOnRecord([list(self._demands(way, level, directory)) for way in level.ways])
            for level in levels
        ]
        for level, mine in zip(levels, self.levels, strict=True):
            if level.mode == Mode.SEQUENCE:
                mine.queue = [person for persons, _, _ in mine.ways[0] for person in sorted(persons)]

    def _demands(
        self, way: Way, level: Level, directory: Directory
    ) -> Iterator[tuple[set[str], int, set[Group]]]:
        for demand in way:
            persons = {p for p in directory.members[demand.group] if not self._is_barred(p)}
            need = demand.count or (1 if level.mode == Mode.ANY else max(1, len(persons)))
            yield persons, need, {demand.group, *level.transfer_to}

    def _is_barred(self, person: str) -> bool:
        p = self.parties
        return person in {p.applicant, p.executor, p.on_behalf_of, p.policy_author} | set(p.correctors)

    def hear(self, act: Act, told: Told, directory: Directory) -> None:
        data, holder = told.data, told.holder or act.actor.person
        assert holder == act.actor.person or holder in directory.principals(act.actor.person)
        if told.kind == EventKind.DECISIONS_VOID:
            for number in data["levels"]:  # type: ignore[union-attr]
                self._level(number).clear()
        if told.kind == EventKind.TRANSFERRED:
            new = str(data["to"])
            self._level(data["level"]).transfer(str(data["from"]), new, set(directory.groups_of(new)))
        if told.kind == EventKind.SIGN_ADDED:
            self._level(data["level"]).added |= set(act.persons)
            if act.position == Position.BEFORE:
                self._level(data["level"]).before |= {(person, holder) for person in act.persons}
        if told.kind == EventKind.DECIDED and data["answer"] == "approve":
            level = self._level(data["level"])
            one = OnRecord(act.actor.person, holder, act.digest, holder in level.added)
            level.consent(one, set(directory.groups_of(holder)))

    def escalated(self, number: int, persons: Sequence[str], may: set[Group]) -> None:
        self._level(number).ways.append([(set(persons), 1, may)])

    def _level(self, number: object) -> LevelOnRecord:
        assert isinstance(number, int)
        return self.levels[number - 1]

    def is_enough(self) -> bool:
        return all(self._is_signed(level) for level in self.levels)

    def _is_signed(self, level: LevelOnRecord) -> bool:
        signs = {one.holder for one in level.consents if one.was_added}
        holders = [one.holder for one in level.consents if not one.was_added]
        return signs == level.added and any(_fills(holders, way) for way in level.ways)

    @property
    def everyone_who_signed(self) -> set[str]:
        return {name for level in self.levels for c in level.consents for name in (c.actor, c.holder)}

    def require_sound(self) -> None:
        """Every consent that counts is somebody's own, for this digest, and their only one."""
        consents = [one for level in self.levels for one in level.consents]
        for one in consents:
            assert one.digest == DIGEST
            assert not self._is_barred(one.actor)
            assert not self._is_barred(one.holder)
        seats = [{one.actor, one.holder} for one in consents]
        assert sum(map(len, seats)) == len(set().union(*seats))
        for level in self.levels:
            pinned = set().union(*(persons for way in level.ways for persons, _, _ in way))
            assert {one.holder for one in level.consents} <= pinned | level.added


def _fills(holders: Sequence[str], way: Sequence[tuple[set[str], int, set[Group]]]) -> bool:
    seats = [persons for persons, need, _ in way for _ in range(need)]
    return any(
        all(person in persons for person, persons in zip(chosen, seats, strict=True))
        for chosen in permutations(holders, len(seats))
    )


# --------------------------------------------------------------------------- worlds


def a_level(dice: Random, n: int) -> Level:
    mode = dice.choice((Mode.ANY, Mode.ANY, Mode.ALL, Mode.SEQUENCE))
    choices = {Mode.ANY: EXPRESSIONS + COUNTED, Mode.ALL: EXPRESSIONS, Mode.SEQUENCE: EXPRESSIONS[:4]}
    escalates = dice.random() < 0.5
    return Level(
        name=f"level-{n}",
        ways=ways_of(dice.choice(choices[mode])),
        mode=mode,
        on_deadline=OnDeadline.ESCALATE if escalates else OnDeadline.REMIND,
        escalate_to=dice.choice(GROUPS) if escalates else None,
        cc=tuple(dice.sample(GROUPS, dice.randrange(3))),
        transfer_to=tuple(dice.sample(GROUPS, dice.randrange(3))),
    )


def a_directory(dice: Random) -> Directory:
    members = {group: set(dice.sample(PERSONS, dice.randint(2, 6))) for group in (*GROUPS, *JOINT)}
    pairs = [(dice.choice(PERSONS), dice.choice(PERSONS)) for _ in range(dice.randrange(8))]
    return Directory(members, set(pairs))


def some_parties(dice: Random) -> Parties:
    some = dice.sample(PERSONS, 3)
    return Parties(
        applicant=some[0],
        executor="unclose",
        correctors=tuple(some[1 : dice.randint(1, 2)]),
        policy_author=some[2] if dice.random() < 0.2 else None,
    )


class Game:
    """People at odds with the rules, for as long as it takes."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.directory, self.parties = a_directory(self.dice), some_parties(self.dice)
        levels = tuple(a_level(self.dice, n) for n in range(self.dice.choice((1, 2, 3, 4, 5, 5))))
        policy = ApprovalPolicy("random", (*levels, Level("never", one_of(Group.AUDITOR))))
        people = {group: tuple(persons) for group, persons in self.directory.members.items()}
        reasons = [(), *[() if self.dice.random() < 0.8 else None for _ in levels[1:]], None]
        self.chain = pin_chain(policy, reasons, people, self.parties)
        self.policy_levels = [
            level for level, why in zip(policy.levels, reasons, strict=True) if why is not None
        ]
        self._start()

    def _start(self) -> None:
        self.round = Round.of(self.chain, self.parties, DIGEST)
        self.people_at_start = {g: set(m) for g, m in self.directory.members.items()}
        self.oracle = Oracle(self.policy_levels, self.directory, self.parties)

    def act(self) -> Act:
        dice = self.dice
        action = dice.choices(tuple(_WEIGHTS), tuple(_WEIGHTS.values()))[0]
        asked = self.round.asked
        person = dice.choice(asked) if asked and dice.random() < 0.6 else dice.choice(PERSONS)
        principals = self.directory.principals(person) if dice.random() < 0.3 else ()
        earlier = [now.level.name for now in self.round.levels[: self.round.at]]
        destinations = PERSONS if action == TaskAction.TRANSFER else (APPLICANT, "level-9", *earlier * 4)
        return Act(
            task="task",
            actor=Actor(person, self.directory.groups_of(person)),
            action=action,
            digest=dice.choices((DIGEST, OTHER_DIGEST, None), (90, 5, 5))[0],
            comment=dice.choice(("", "why")),
            to=dice.choice((*destinations, None)),
            resume=dice.choice((None, *Resume, Resume.DIRECT)),
            persons=tuple(dice.choices(PERSONS, k=dice.choice((0, 1, 1, 2)))),
            position=dice.choice((*Position, *Position, None)),
            acting_for=dice.choice((None, *PERSONS, *principals * 9)) if principals else None,
        )

    def try_act(self, act: Act) -> bool:
        before, fingerprint = self.round, hash(self.round)
        named = (*((act.to,) if act.to in PERSONS else ()), *act.persons)
        standing = self.directory.standing(act.actor.person, *named)
        try:
            self.round, told = self.round.take(act, standing, "approving")
        except Refused:
            return False
        finally:
            assert hash(before) == fingerprint
        if act.action != TaskAction.COMMENT:
            assert act.digest in (None, DIGEST)
            assert act.actor.person != self.parties.applicant
        for one in told:
            self.oracle.hear(act, one, self.directory)
        return True

    def pass_deadline(self) -> None:
        before = self.round
        self.round, fresh = self.round.escalate()
        if fresh:
            level = before.now.level
            assert level.escalation is not None
            self.oracle.escalated(level.n, fresh, {level.escalation.group, *level.open_to})
        assert (self.round.outcome, self.round.at) == (before.outcome, before.at)
        assert [now.voices for now in self.round.levels] == [now.voices for now in before.levels]
        assert set(before.asked) <= set(self.round.asked)

    def shuffle_people(self) -> None:
        """Somebody leaves a group, or joins one."""
        group, person = self.dice.choice(GROUPS), self.dice.choice(PERSONS)
        self.directory.members[group] ^= {person}

    def answer_return(self) -> None:
        returned = self.round.returned
        assert returned is not None
        if returned.resume == Resume.DIRECT:
            level = self.round.levels[returned.level].level.n
            self.round = self.round.resumed_directly(DIGEST)
            self.oracle.levels[level - 1].clear()
        else:
            self.directory.members = self.people_at_start
            self._start()

    def check(self) -> None:
        pending = self.round.outcome == Outcome.PENDING
        if pending or self.round.outcome == Outcome.APPROVED:
            self.oracle.require_sound()
            assert self.oracle.is_enough() is not pending
        assert bool(self.round.asked) is pending
        assert self.oracle.everyone_who_signed.isdisjoint(self.round.asked)
        assert bool(self.round.waiting_for) is pending

    def willing(self) -> Iterator[str]:
        """Everyone whose plain consent would be taken now."""
        for person in self.round.asked:
            act = Act("task", Actor(person, self.directory.groups_of(person)), TaskAction.APPROVE, DIGEST)
            try:
                self.round.take(act, self.directory.standing(person), "approving")
            except Refused:
                continue
            yield person

    def consent(self, person: str) -> None:
        act = Act("task", Actor(person, self.directory.groups_of(person)), TaskAction.APPROVE, DIGEST)
        assert self.try_act(act)


_WEIGHTS = {
    TaskAction.APPROVE: 30,
    TaskAction.RETURN: 15,
    TaskAction.TRANSFER: 10,
    TaskAction.ADD_SIGN: 10,
    TaskAction.COMMENT: 2,
    TaskAction.REJECT: 0.5,
}


def a_game(seed: int) -> Game:
    """The first one that could begin: where nobody could sign, a case stops before anybody is asked."""
    while True:
        try:
            return Game(seed)
        except NoApprover:
            seed += 1


def play(game: Game, turns: int, people_leave: bool) -> None:
    for _ in range(turns):
        if game.round.outcome in (Outcome.APPROVED, Outcome.REJECTED):
            return
        if game.round.outcome == Outcome.RETURNED:
            game.answer_return()
        luck = game.dice.random()
        if luck < 0.08:
            game.pass_deadline()
        elif luck < 0.10 and people_leave:
            game.shuffle_people()
        else:
            game.try_act(game.act())
        game.check()


@given(SEEDS)
@settings(max_examples=100)
def test_whatever_people_do_a_case_is_approved_if_and_only_if_the_record_proves_consent(seed: int) -> None:
    play(a_game(seed), turns=60, people_leave=True)


@given(SEEDS)
@settings(max_examples=40)
def test_as_long_as_people_stay_in_their_groups_consent_can_always_be_completed(seed: int) -> None:
    game = a_game(seed)
    play(game, turns=game.dice.randrange(40), people_leave=False)
    if game.round.outcome == Outcome.RETURNED:
        game.answer_return()
    while game.round.outcome == Outcome.PENDING:
        willing = list(game.willing())
        assert willing, "somebody who is asked can sign"
        game.consent(game.dice.choice(willing))
        game.check()
    assert game.round.outcome in (Outcome.APPROVED, Outcome.REJECTED)


@given(SEEDS)
@settings(max_examples=30)
def test_deadlines_alone_never_approve_and_never_count_as_consent(seed: int) -> None:
    game = a_game(seed)
    for now in range(len(game.round.levels)):
        game.round = replace(game.round, at=now)
        for _ in range(3):
            game.round, _fresh = game.round.escalate()
            assert (game.round.outcome, game.round.signed) == (Outcome.PENDING, ())
            assert not any(level.is_signed for level in game.round.levels)
            assert game.round.asked


# --------------------------------------------------------------------------- joint authorisation


def confirms(release: Release, dice: Random, directory: Directory, now: datetime) -> Confirmation | None:
    person = dice.choice(PERSONS)
    act = Act(
        task="task",
        actor=Actor(person, directory.groups_of(person)),
        action=TaskAction.AUTHORISE,
        digest=dice.choices((DIGEST, OTHER_DIGEST, None), (90, 5, 5))[0],
        acting_for=dice.choice((None, None, None, *PERSONS)),
    )
    try:
        after, confirmation = release.confirm(act, directory.standing(person), now)
    except Refused:
        return None
    assert act.digest == DIGEST
    assert after.given[-1] == confirmation
    holder = confirmation.holder
    assert holder == person or holder in directory.principals(person)
    assert holder in directory.members[confirmation.group]
    return confirmation


@given(SEEDS)
@settings(max_examples=80)
def test_nothing_is_released_but_by_two_entitled_persons_of_two_groups_close_together(seed: int) -> None:
    dice = Random(seed)
    directory, parties = a_directory(dice), some_parties(dice)
    release = Release(Authorising(JOINT, within_minutes=60), parties, DIGEST)
    now = START
    for _ in range(30):
        now += timedelta(minutes=dice.choice((0, 1, 5, 20, 59, 60, 61)))
        before = release
        confirmation = confirms(release, Random(dice.random()), directory, now)
        if confirmation is None:
            assert release == before
            continue
        kept = tuple(c for c in release.given if now - c.at < timedelta(minutes=60))
        release = replace(release, given=(*kept, confirmation))
        assert release.is_complete is (len(release.given) == 2)
        if release.is_complete:
            one, other = release.given
            names = [{c.person, c.holder} for c in (one, other)]
            assert names[0].isdisjoint(names[1])
            assert {one.group, other.group} == set(JOINT)
            assert other.at - one.at < timedelta(minutes=60)
            barred = {parties.applicant, parties.policy_author, *parties.correctors, "unclose"}
            assert barred.isdisjoint(names[0] | names[1])
            return
