"""Find the chain of a case: the policy in force, its rules judged, and the people of its groups."""

from collections.abc import Mapping
from typing import Protocol

from activities.policy_rules import RuleUnreadable, judge
from activities.recording import Directory
from workflows.domain.digest import Json
from workflows.domain.errors import PolicyUnreadable
from workflows.domain.policy import ApprovalPolicy
from workflows.steps import ChainFound


class Policies(Protocol):
    """The approval policy of each ledger."""

    async def in_force(self, ledger: str) -> ApprovalPolicy:
        """Raises UnknownLedger, PolicyUnreadable."""


class ChainFinder:
    """Asked by cases, and by people who only want to know what a case would meet."""

    def __init__(self, policies: Policies, directory: Directory) -> None:
        self.policies, self.directory = policies, directory

    async def find(self, ledger: str, facts: Mapping[str, Json]) -> ChainFound:
        """Never raises PolicyUnreadable: what cannot be read is an answer, and blocks (design §5.7)."""
        try:
            policy = await self.policies.in_force(ledger)
        except PolicyUnreadable as refusal:
            return ChainFound(None, refusal=refusal.facts)
        return await self.resolve(ledger, policy, facts)

    async def resolve(self, ledger: str, policy: ApprovalPolicy, facts: Mapping[str, Json]) -> ChainFound:
        """The same for a policy that need not be in force."""
        try:
            reasons = judge(policy, facts)
        except RuleUnreadable as failure:
            refusal = PolicyUnreadable(ledger, failure.where, failure.reason)
            return ChainFound(None, refusal=refusal.facts)
        return ChainFound(policy, reasons, await self.directory.people(policy.groups))
