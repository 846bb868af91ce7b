"""The development identities: people everybody knows, with tokens everybody knows. In dev only."""

from dataclasses import dataclass

from workflows.domain.approval import Group

TOKEN_PREFIX = "demo-"  # noqa: S105  # known to everybody, and accepted in dev only


@dataclass(frozen=True)
class Person:
    name: str
    groups: tuple[Group, ...]


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


def known_people(dev: bool) -> tuple[Person, ...]:
    """Outside dev nobody is known beforehand."""
    return PEOPLE if dev else ()
