"""The approval policy as data: who is asked, when, how, and which two groups release (design §7)."""

from dataclasses import dataclass
from enum import StrEnum

from workflows.domain.approval import Group


class Mode(StrEnum):
    """How many of a group must agree, and in what order."""

    ANY = "any"
    """或签: one of them is enough."""
    ALL = "all"
    """会签: every one of them, in any order."""
    SEQUENCE = "sequence"
    """依次: every one of them, one after the other."""


class OnDeadline(StrEnum):
    """What the end of a level's deadline leads to. Approval is not among the choices (design §5.7)."""

    REMIND = "remind"
    ESCALATE = "escalate"


@dataclass(frozen=True)
class Rule:
    """A reason for asking a level: a CEL expression over request, plan, findings and risk."""

    name: str
    expression: str


@dataclass(frozen=True)
class Demand:
    """Consent that one group must give."""

    group: Group
    count: int | None = None
    """How many persons; none means as many as the mode asks for."""


Way = tuple[Demand, ...]
"""Demands that are enough together."""

MAX_WAYS = 4096
"""Combinations of ways through all levels; a policy with more of them is refused as unreadable."""


@dataclass(frozen=True)
class Level:
    """One stage of consent. Any one of its ways is enough."""

    name: str
    ways: tuple[Way, ...]
    """`all` over groups is one way with several demands, `any` several ways with one each."""
    mode: Mode = Mode.ANY
    when: tuple[Rule, ...] = ()
    """The level is asked if any of these holds; without any rule it is always asked."""
    deadline_hours: int = 8
    """Working hours until people are reminded, or others are asked too."""
    on_deadline: OnDeadline = OnDeadline.REMIND
    escalate_to: Group | None = None
    """Whose consent is as good after the deadline; must be given with `escalate`."""
    expires_hours: int = 24
    """Working hours after which the case expires."""
    cc: tuple[Group, ...] = ()
    """Who is told, and not asked."""
    transfer_to: tuple[Group, ...] = ()
    """From which further groups a person may be asked instead (转交), besides its own."""

    @property
    def groups(self) -> tuple[Group, ...]:
        return tuple(dict.fromkeys(demand.group for way in self.ways for demand in way))


@dataclass(frozen=True)
class Authorising:
    """Joint control: one live person of each group, both within a short time (R55, design §5.5)."""

    groups: tuple[Group, Group] = (Group.ERP_ADMIN, Group.FINANCE_HEAD)
    within_minutes: int = 60
    """A first confirmation older than this must be given again."""

    def __post_init__(self) -> None:
        if len(set(self.groups)) != 2:
            raise ValueError("joint authorisation needs two different groups")


@dataclass(frozen=True)
class Expedited:
    """What an expedited case changes: time and notice, never who must agree (R12)."""

    deadline_percent: int = 50
    cc: tuple[Group, ...] = (Group.FINANCE_HEAD, Group.AUDITOR)


@dataclass(frozen=True)
class ApprovalPolicy:
    """Who is asked, in order, and who releases the execution."""

    version: str
    levels: tuple[Level, ...]
    authorising: Authorising = Authorising()
    expedited: Expedited = Expedited()
    author: str | None = None
    """Who put it in force; none for the one that is shipped or configured with the ledger."""

    @property
    def groups(self) -> tuple[Group, ...]:
        """Every group that this policy may have to ask, or tell."""
        named = [*self.authorising.groups, *self.expedited.cc]
        for level in self.levels:
            named += [*level.groups, *level.cc, *([level.escalate_to] if level.escalate_to else [])]
        return tuple(sorted(set(named)))


def one_of(group: Group) -> tuple[Way, ...]:
    """The plainest consent: of one group, as many as the mode asks for."""
    return ((Demand(group),),)


EXTRA_RULES = (
    Rule("crosses_fiscal_year", "plan.crosses_fiscal_year"),
    Rule("several_periods", "plan.periods > 1"),
    Rule("posted_vouchers", "'posted_vouchers' in findings.codes"),
    Rule("high_risk", "risk == 'high'"),
)
"""When the default chain asks the finance head as well (design §7, R71)."""

DEFAULT_POLICY = ApprovalPolicy(
    version="default-2",
    levels=(
        Level("warehouse", one_of(Group.WAREHOUSE)),
        Level("finance", one_of(Group.FINANCE)),
        Level("it", one_of(Group.IT)),
        Level("finance_head", one_of(Group.FINANCE_HEAD), when=EXTRA_RULES),
    ),
)
"""R48: warehouse, then finance, then IT; the finance head where more is at stake."""
