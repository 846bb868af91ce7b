"""Who is asking: bearer tokens to people, and people to groups."""

from dataclasses import dataclass
from typing import Protocol

from typing_extensions import override

from activities.recording import Directory
from workflows.domain.approval import Group
from workflows.domain.case import Actor


class Identities(Directory, Protocol):
    """Everyone Unclose knows. Further sources of identity implement the same two questions."""

    async def identify(self, token: str) -> Actor | None:
        """Whose token this is; none if it is nobody's."""


@dataclass(frozen=True)
class Person:
    name: str
    groups: tuple[Group, ...]


_TOKEN_PREFIX = "demo-"  # noqa: S105  # known to everybody, and accepted in dev only

PEOPLE = (
    Person("clerk", (Group.APPLICANT,)),
    Person("warehouse", (Group.WAREHOUSE,)),
    Person("finance", (Group.FINANCE,)),
    Person("it", (Group.IT,)),
    Person("erp-admin", (Group.ERP_ADMIN,)),
    Person("finance-head", (Group.FINANCE_HEAD,)),
    Person("auditor", (Group.AUDITOR,)),
    Person("operator", (Group.OPERATOR,)),
    Person("admin", (Group.ADMIN,)),
)
"""The development identities of design §11. Any of them may apply (R42)."""


class People(Identities):
    """A fixed list of people; the token of each is `demo-` and the name."""

    def __init__(self, people: tuple[Person, ...] = PEOPLE) -> None:
        self._people = people
        self._by_token = {_TOKEN_PREFIX + p.name: Actor(p.name, p.groups) for p in people}

    @override
    async def identify(self, token: str) -> Actor | None:
        return self._by_token.get(token)

    @override
    async def people(self, groups: tuple[Group, ...]) -> dict[Group, tuple[str, ...]]:
        return {group: tuple(p.name for p in self._people if group in p.groups) for group in groups}

    @override
    async def principals_of(self, delegate: str, ledger: str) -> tuple[str, ...]:
        return ()

    @override
    async def groups_of(self, person: str) -> tuple[Group, ...] | None:
        return next((p.groups for p in self._people if p.name == person), None)


def open_identities(dev: bool) -> Identities:
    """Outside dev nobody is known, so every token is refused and every level is without approvers."""
    return People() if dev else People(())
