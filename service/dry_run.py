"""What a request would meet now: plan, findings, chain. Nothing is written and nobody is asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from activities.chain import ChainFinder
from activities.recording import Register
from service.ledger_book import LedgerBook
from service.wishes import Prospect, Wishes
from workflows.domain.approval import Group
from workflows.domain.chain import PinnedLevel
from workflows.domain.digest import Json, case_digest
from workflows.domain.errors import LedgerBusy, LedgerUnavailable, PeriodNotClosed
from workflows.domain.findings import (
    EvidenceRow,
    Finding,
    FindingCode,
    Risk,
    assess,
    blockers,
    in_order,
)
from workflows.domain.plan import Plan
from workflows.domain.policy import ApprovalPolicy
from workflows.domain.policy_facts import policy_facts
from workflows.domain.request import UncloseRequest
from workflows.examination import convene, scope_of
from workflows.steps import ChainFound


@dataclass(frozen=True)
class Forecast:
    plan: Plan
    crosses_year: bool
    findings: tuple[Finding, ...]
    risk: Risk
    digest: str
    """What consents would be bound to if it were asked for now."""
    policy_version: str
    chain: tuple[PinnedLevel, ...]
    """Empty if a level holds nobody who may sign; then a finding says so."""
    authorising: tuple[Group, Group]
    levels: tuple[tuple[str, tuple[str, ...] | None], ...]
    """Every level of the policy with the rules that ask it, or none if this request does not meet any."""

    @property
    def is_blocked(self) -> bool:
        return bool(blockers(self.findings))


class DryRun:
    def __init__(self, book: LedgerBook, register: Register, chains: ChainFinder, wishes: Wishes) -> None:
        self._book, self._register = book, register
        self._chains, self._wishes = chains, wishes

    async def forecast(self, request: UncloseRequest, policy: ApprovalPolicy | None = None) -> Forecast:
        """Plan and check as a case would, under the policy in force or the one given.

        Raises:
            UnknownLedger: it names what is not there.
            PeriodNotClosed, PeriodInFuture, BeforeStartPeriod, PeriodLocked: nothing can be opened there.
            LedgerBusy: another case holds it open.
            LedgerUnavailable: the ledger does not answer, or only to the worker at its site.
        """
        profile = self._book.profile(request.ledger)
        if profile.at_site:
            raise LedgerUnavailable(request.ledger, "only the worker at its site reaches it")
        held = await self._held(request.ledger)
        try:
            prospect = await self._wishes.prospect(request.ledger, request.target_period, request.modules)
        except PeriodNotClosed:
            if held:
                # "It is open already" would send people into the window of another case.
                raise LedgerBusy(request.ledger, held[0].rows[0].what) from None
            raise
        seen = (*held, *_crossing(prospect), *await self._checked(request, prospect))
        risk = assess(seen, len(prospect.plan.periods))
        facts = policy_facts(request, prospect.plan, prospect.crosses_year, seen, risk)
        found = await self._chain(request.ledger, facts, policy)
        panel, missing = convene(found, request, profile.executor)
        findings = in_order((*seen, *missing))
        digest = case_digest(
            prospect.plan, prospect.state, findings, panel.policy_version, profile.backup_policy
        )
        return Forecast(
            plan=prospect.plan,
            crosses_year=prospect.crosses_year,
            findings=findings,
            risk=risk,
            digest=digest,
            policy_version=panel.policy_version,
            chain=panel.chain,
            authorising=panel.authorising.groups,
            levels=_levels(found),
        )

    async def _chain(
        self, ledger: str, facts: Mapping[str, Json], policy: ApprovalPolicy | None
    ) -> ChainFound:
        if policy is None:
            return await self._chains.find(ledger, facts)
        return await self._chains.resolve(ledger, policy, facts)

    async def _checked(self, request: UncloseRequest, prospect: Prospect) -> tuple[Finding, ...]:
        executor = self._book.profile(request.ledger).executor
        looked_at = scope_of(request, prospect.plan, executor)
        return await self._book.connector(request.ledger).findings(looked_at)

    async def _held(self, ledger: str) -> tuple[Finding, ...]:
        lease = await self._register.lease(ledger)
        if lease.holder is None:
            return ()
        return (Finding(FindingCode.LEDGER_HELD, rows=(EvidenceRow(lease.holder, (("ledger", ledger),)),)),)


def _crossing(prospect: Prospect) -> tuple[Finding, ...]:
    if not prospect.crosses_year:
        return ()
    return (Finding(FindingCode.CROSSES_FISCAL_YEAR, period=prospect.plan.target),)


def _levels(found: ChainFound) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
    if found.policy is None:
        return ()
    return tuple((level.name, why) for level, why in zip(found.policy.levels, found.reasons, strict=True))
