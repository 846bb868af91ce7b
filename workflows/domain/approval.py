"""Who people are to a case: the groups that may be asked, and the parts that bar a person from consenting."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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


People = Mapping[Group, tuple[str, ...]]


@dataclass(frozen=True)
class Parties:
    """Everyone with a part in a case that bars them from consenting to it (design §5.5)."""

    applicant: str
    executor: str
    on_behalf_of: str | None = None
    """The person a service account asked for; no more entitled to consent than the account."""
    correctors: tuple[str, ...] = ()
    """They will change the documents, so they do not release themselves."""
    policy_author: str | None = None
    """Who put the policy in force: nobody consents under rules of their own making."""

    def bars(self, person: str) -> bool:
        return person in (
            self.applicant,
            self.executor,
            self.on_behalf_of,
            self.policy_author,
            *self.correctors,
        )

    def entitled(self, people: People, group: Group) -> tuple[str, ...]:
        """Who of a group has no other part here."""
        return tuple(sorted(person for person in people.get(group, ()) if not self.bars(person)))
