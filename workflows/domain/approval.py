"""Who must agree, and when it is enough. Silence is never consent (design §5.5 to §5.7, §7)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from workflows.domain.errors import (
    AlreadyDecided,
    NoApprover,
    NotAnApprover,
    NotAuthoriser,
    SecondGroupNeeded,
    SelfApproval,
    StaleDigest,
    TaskClosed,
)


class Group(StrEnum):
    """The groups people belong to (design §10)."""

    APPLICANT = "applicant"
    WAREHOUSE = "warehouse"
    FINANCE = "finance"
    IT = "it"
    ERP_ADMIN = "erp_admin"
    FINANCE_HEAD = "finance_head"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True)
class Level:
    """One stage of consent: any one entitled person of the group signs."""

    name: str
    group: Group
    why: str = "default"
    """Which rule of the policy put the level into the chain."""


@dataclass(frozen=True)
class ApprovalPolicy:
    """Who is asked, in order, and which two groups release the execution."""

    version: str
    levels: tuple[Level, ...]
    authorising_groups: tuple[Group, Group] = (Group.ERP_ADMIN, Group.FINANCE_HEAD)
    """R55: the ERP administrator and the finance head, jointly."""
    cross_year_level: Level = Level("finance_head", Group.FINANCE_HEAD, "crosses_fiscal_year")
    """R71: the extra level when a fiscal year is crossed."""

    def __post_init__(self) -> None:
        if not self.levels or len(set(self.authorising_groups)) != 2:
            raise ValueError("a policy has at least one level, and two different authorising groups")


DEFAULT_POLICY = ApprovalPolicy(
    version="default-1",
    levels=(Level("warehouse", Group.WAREHOUSE), Level("finance", Group.FINANCE), Level("it", Group.IT)),
)
"""R48: warehouse, then finance, then IT."""


@dataclass(frozen=True)
class PinnedLevel:
    """A level as resolved for one case: these persons, and no others, may sign it."""

    n: int
    name: str
    group: Group
    persons: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Parties:
    """Everyone with a part in a case that bars them from another part."""

    applicant: str
    executor: str
    on_behalf_of: str | None = None
    """The person a service account asked for; no more entitled to consent than the account."""

    def bars(self, person: str) -> bool:
        return person in (self.applicant, self.executor, self.on_behalf_of)


People = Mapping[Group, tuple[str, ...]]


def pin_chain(
    policy: ApprovalPolicy, people: People, parties: Parties, crosses_year: bool
) -> tuple[PinnedLevel, ...]:
    """Resolve the chain for a case: who, and why.

    Raises:
        NoApprover: a level, or an authorising group, holds nobody who may sign, or nobody who is not needed
            for another level: distinct persons must be able to sign them all (design §5.5, §5.7).
    """
    levels = policy.levels + ((policy.cross_year_level,) if crosses_year else ())
    chain: list[PinnedLevel] = []
    for n, level in enumerate(levels, start=1):
        persons = _entitled(people, level.group, parties)
        if not persons:
            raise NoApprover(level.name, level.group)
        chain.append(PinnedLevel(n, level.name, level.group, persons, level.why))
    _require_distinct_persons([(level.name, level.group, level.persons) for level in chain])
    _require_distinct_persons(
        [("authorisation", group, _entitled(people, group, parties)) for group in policy.authorising_groups]
    )
    return tuple(chain)


def _require_distinct_persons(seats: list[tuple[str, Group, tuple[str, ...]]]) -> None:
    """Raises NoApprover for a seat that no choice of distinct persons can fill with the others filled."""
    seated: dict[str, int] = {}

    def fill(seat: int, tried: set[str]) -> bool:
        for person in seats[seat][2]:
            if person not in tried:
                tried.add(person)
                if person not in seated or fill(seated[person], tried):
                    seated[person] = seat
                    return True
        return False

    for seat, (name, group, _) in enumerate(seats):
        if not fill(seat, set()):
            raise NoApprover(name, group)


def _entitled(people: People, group: Group, parties: Parties) -> tuple[str, ...]:
    return tuple(sorted(person for person in people.get(group, ()) if not parties.bars(person)))


class Answer(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True)
class Decision:
    """One person's act on one level, given for one digest."""

    level: int
    person: str
    answer: Answer
    digest: str
    comment: str = ""


class Outcome(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Resolution:
    outcome: Outcome
    level: PinnedLevel | None
    """The level that is asked now; none once all are done, or one has said no, or nobody is asked at all."""


def resolve(chain: tuple[PinnedLevel, ...], decisions: Iterable[Decision], digest: str) -> Resolution:
    """How far the chain has come. One reject ends it; a chain that asks nobody is never approved.

    Decisions for another digest, by a person not pinned on that level, or by one person on a second level
    count for nothing.
    """
    may = {level.n: level.persons for level in chain}
    valid = [d for d in decisions if d.digest == digest and d.person in may.get(d.level, ())]
    if any(decision.answer == Answer.REJECT for decision in valid):
        return Resolution(Outcome.REJECTED, None)
    signed: dict[str, int] = {}
    for decision in valid:
        signed.setdefault(decision.person, decision.level)
    for level in chain:
        if level.n not in signed.values():
            return Resolution(Outcome.PENDING, level)
    return Resolution(Outcome.APPROVED if chain else Outcome.PENDING, None)


def check_decision(
    decision: Decision,
    level: PinnedLevel,
    earlier: Iterable[Decision],
    parties: Parties,
    digest: str,
    task: str,
) -> None:
    """Whether this person may decide on this level now.

    Raises:
        SelfApproval, NotAnApprover: the wrong person.
        AlreadyDecided: the same person again, here or on another level of the same digest (distinct persons).
        StaleDigest: the decision was given for something else than what would be executed.
    """
    if decision.person == parties.applicant:
        raise SelfApproval(decision.person)
    if decision.person not in level.persons:
        raise NotAnApprover(decision.person, level.name, level.persons)
    if any(d.person == decision.person and d.digest == digest for d in earlier):
        raise AlreadyDecided(decision.person, task)
    if decision.digest != digest:
        raise StaleDigest(decision.digest, digest)


@dataclass(frozen=True)
class Confirmation:
    """One person's release of the execution, live, for one digest."""

    person: str
    group: Group
    digest: str


def confirm(
    person: str,
    person_groups: Iterable[Group],
    given: tuple[Confirmation, ...],
    authorising: tuple[Group, Group],
    parties: Parties,
    digest_given: str,
    digest: str,
    task: str,
) -> Confirmation:
    """Turn a person's release into the confirmation of one group (joint control, R55, design §5.5).

    Raises:
        NotAuthoriser: in none of the two groups, or with another part in the case.
        AlreadyDecided: the same person a second time.
        SecondGroupNeeded: another person of a group that has confirmed already.
        TaskClosed: both groups have confirmed already.
        StaleDigest: not the digest in force.
    """
    given = tuple(confirmation for confirmation in given if confirmation.digest == digest)
    mine = tuple(group for group in authorising if group in set(person_groups))
    if not mine or parties.bars(person):
        raise NotAuthoriser(person, tuple(authorising))
    if any(confirmation.person == person for confirmation in given):
        raise AlreadyDecided(person, task)
    done = {confirmation.group for confirmation in given}
    missing = tuple(group for group in authorising if group not in done)
    if not missing:
        raise TaskClosed(task, "authorising")
    open_groups = tuple(group for group in mine if group in missing)
    if not open_groups:
        raise SecondGroupNeeded(mine[0], missing[0])
    if digest_given != digest:
        raise StaleDigest(digest_given, digest)
    return Confirmation(person, open_groups[0], digest)
