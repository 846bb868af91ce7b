"""What a request would meet now: plan, findings, chain. Nothing is written and nobody is asked."""

from dataclasses import dataclass

from activities.recording import Directory, Register
from service.ledger_book import LedgerBook
from service.wishes import Prospect, Wishes, known_modules
from workflows.domain.approval import Parties, PinnedLevel, pin_chain
from workflows.domain.digest import case_digest
from workflows.domain.errors import LedgerBusy, LedgerUnavailable, NoApprover, PeriodNotClosed
from workflows.domain.findings import (
    EvidenceRow,
    Finding,
    FindingCode,
    FindingScope,
    Risk,
    assess,
    blockers,
    in_order,
)
from workflows.domain.period import Period
from workflows.domain.plan import Plan
from workflows.domain.request import ScopeItem


@dataclass(frozen=True)
class Scope:
    """What would be asked for."""

    ledger: str
    target_period: str
    modules: tuple[str, ...]
    documents: tuple[ScopeItem, ...] = ()
    applicant: str = ""


@dataclass(frozen=True)
class Forecast:
    plan: Plan
    crosses_year: bool
    findings: tuple[Finding, ...]
    risk: Risk
    digest: str
    """What consents would be bound to if it were asked for now."""
    chain: tuple[PinnedLevel, ...]
    """Empty if a level holds nobody who may sign; then a finding says so."""

    @property
    def is_blocked(self) -> bool:
        return bool(blockers(self.findings))


class DryRun:
    def __init__(self, book: LedgerBook, register: Register, directory: Directory, wishes: Wishes) -> None:
        self._book, self._register = book, register
        self._directory, self._wishes = directory, wishes

    async def forecast(self, scope: Scope) -> Forecast:
        """Plan and check as a case would.

        Raises:
            UnknownLedger, UnknownModule, MalformedPeriod, PeriodOutsideCalendar: it names what is not there.
            PeriodNotClosed, PeriodInFuture, BeforeStartPeriod, PeriodLocked: nothing can be opened there.
            LedgerUnavailable: the ledger does not answer, or only to the worker at its site.
        """
        profile = self._book.profile(scope.ledger)
        target = profile.calendar.check(Period.parse(scope.target_period))
        modules = known_modules(scope.modules, profile.graph.modules)
        if profile.at_site:
            raise LedgerUnavailable(scope.ledger, "only the worker at its site reaches it")
        held = await self._held(scope.ledger)
        try:
            prospect = await self._wishes.prospect(scope.ledger, target, modules)
        except PeriodNotClosed:
            if held:
                # "It is open already" would send people into the window of another case.
                raise LedgerBusy(scope.ledger, held[0].rows[0].what) from None
            raise
        chain, unsigned = await self._chain(scope, prospect.crosses_year)
        noticed = (*held, *unsigned, *_crossing(prospect))
        findings = in_order((*noticed, *await self._checked(scope, prospect)))
        risk = assess(findings, len(prospect.plan.periods))
        digest = case_digest(
            prospect.plan, prospect.state, findings, profile.policy.version, profile.backup_policy
        )
        return Forecast(prospect.plan, prospect.crosses_year, findings, risk, digest, chain)

    async def _checked(self, scope: Scope, prospect: Prospect) -> tuple[Finding, ...]:
        opened = tuple((step.module, step.period) for step in prospect.plan.steps)
        looked_at = FindingScope(
            prospect.plan.target,
            prospect.plan.modules,
            opened,
            scope.documents,
            self._book.profile(scope.ledger).executor,
        )
        return await self._book.connector(scope.ledger).findings(looked_at)

    async def _held(self, ledger: str) -> tuple[Finding, ...]:
        lease = await self._register.lease(ledger)
        if lease.holder is None:
            return ()
        return (Finding(FindingCode.LEDGER_HELD, rows=(EvidenceRow(lease.holder, (("ledger", ledger),)),)),)

    async def _chain(
        self, scope: Scope, crosses_year: bool
    ) -> tuple[tuple[PinnedLevel, ...], tuple[Finding, ...]]:
        profile = self._book.profile(scope.ledger)
        policy = profile.policy
        groups = {level.group for level in policy.levels} | {policy.cross_year_level.group}
        people = await self._directory.people(tuple(sorted(groups | set(policy.authorising_groups))))
        parties = Parties(scope.applicant, profile.executor)
        try:
            return pin_chain(policy, people, parties, crosses_year), ()
        except NoApprover as refusal:
            row = EvidenceRow(type(refusal).__name__, (*refusal.facts.items(), ("says", str(refusal))))
            return (), (Finding(FindingCode.NO_APPROVER, rows=(row,)),)


def _crossing(prospect: Prospect) -> tuple[Finding, ...]:
    if not prospect.crosses_year:
        return ()
    return (Finding(FindingCode.CROSSES_FISCAL_YEAR, period=prospect.plan.target),)
