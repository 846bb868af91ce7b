"""Examine a ledger for a request: close state, plan, findings, risk, who must agree, and what binds them."""

from dataclasses import dataclass

from workflows.domain.approval import Parties
from workflows.domain.chain import PinnedLevel, pin_chain
from workflows.domain.digest import Json, case_digest, to_json
from workflows.domain.errors import ChainEmpty, NoApprover, Refused
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
from workflows.domain.ledger import CloseState
from workflows.domain.plan import Books, Plan, crosses_fiscal_year, plan_unclose
from workflows.domain.policy import Authorising
from workflows.domain.policy_facts import policy_facts
from workflows.domain.request import UncloseRequest, require_cross_year_consent
from workflows.errands import Errands
from workflows.steps import CaseSteps, ChainFound, ChainOrder, CheckOrder, LedgerProfile, LedgerSteps, Order


@dataclass(frozen=True)
class Panel:
    """Who must agree: the chain, the two groups that release, and who is barred from both."""

    policy_version: str
    chain: tuple[PinnedLevel, ...]
    authorising: Authorising
    parties: Parties


@dataclass(frozen=True)
class Examination:
    """What is true of the ledger and the request at one moment."""

    state: CloseState
    books: Books
    plan: Plan
    crosses_year: bool
    findings: tuple[Finding, ...]
    risk: Risk
    panel: Panel
    backup_policy: str
    digest: str

    @property
    def is_blocked(self) -> bool:
        return bool(blockers(self.findings))

    def parts(self) -> dict[str, object]:
        """The parts of the case that this makes known."""
        return {
            "digest": self.digest,
            "risk": self.risk,
            "plan": self.plan,
            "findings": self.findings,
            "close_state": self.state,
            "chain": self.panel.chain,
            "policy_version": self.panel.policy_version,
            "backup_policy": self.backup_policy,
        }


async def examine(
    errands: Errands, request: UncloseRequest, profile: LedgerProfile, noticed: tuple[Finding, ...] = ()
) -> Examination:
    """Read, plan, check, resolve the chain.

    `noticed` are findings that stand already, such as another case on the ledger.
    """
    reading = await errands.touch(LedgerSteps.read, Order(**errands.address))
    books = Books(profile.graph, profile.calendar, reading.capabilities)
    plan, refusal = _plan(request, reading.state, books)
    checked = await errands.touch(
        LedgerSteps.check, CheckOrder(**errands.address, scope=scope_of(request, plan, profile.executor))
    )
    crosses = crosses_fiscal_year(reading.state, plan)
    crossing = (Finding(FindingCode.CROSSES_FISCAL_YEAR, period=plan.target),) if crosses else ()
    seen = (*noticed, *refusal, *crossing, *checked.findings)
    risk = assess(seen, len(plan.periods))
    facts = policy_facts(request, plan, crosses, seen, risk)
    found = await errands.record(CaseSteps.find_chain, ChainOrder(**errands.address, facts=facts))
    panel, missing = convene(found, request, profile.executor)
    findings = in_order((*seen, *missing))
    return Examination(
        state=reading.state,
        books=books,
        plan=plan,
        crosses_year=crosses,
        findings=findings,
        risk=risk,
        panel=panel,
        backup_policy=profile.backup_policy,
        digest=case_digest(plan, reading.state, findings, panel.policy_version, profile.backup_policy),
    )


def convene(found: ChainFound, request: UncloseRequest, executor: str) -> tuple[Panel, tuple[Finding, ...]]:
    """Who must agree, and a blocker if nobody can: an unreadable rule, an empty level (design §5.7)."""
    policy = found.policy
    parties = Parties(
        request.applicant,
        executor,
        request.on_behalf_of,
        tuple(person for person in request.correctors if person != request.applicant),
        policy.author if policy else None,
    )
    if policy is None:
        facts = tuple((found.refusal or {}).items())
        row = EvidenceRow("PolicyUnreadable", facts)
        unreadable = Finding(FindingCode.POLICY_UNREADABLE, rows=(row,))
        return Panel("unreadable", (), Authorising(), parties), (unreadable,)
    try:
        chain = pin_chain(policy, found.reasons, found.people, parties, request.expedited)
    except (NoApprover, ChainEmpty) as refusal:
        nobody = Finding(FindingCode.NO_APPROVER, rows=(_as_row(refusal),))
        return Panel(policy.version, (), policy.authorising, parties), (nobody,)
    return Panel(policy.version, chain, policy.authorising, parties), ()


def difference(before: Examination, after: Examination) -> dict[str, Json]:
    """What has drifted, for the people whose consent is void by it (design §5.6)."""
    return {
        "digest": {"before": before.digest, "after": after.digest},
        "revision": {"before": before.state.revision, "after": after.state.revision},
        "policy": {"before": before.panel.policy_version, "after": after.panel.policy_version},
        "backup_policy": {"before": before.backup_policy, "after": after.backup_policy},
        "plan": _gone_and_come(before.plan.steps, after.plan.steps),
        "findings": _gone_and_come(_bound(before), _bound(after)),
    }


def scope_of(request: UncloseRequest, plan: Plan, executor: str) -> FindingScope:
    opened = tuple((step.module, step.period) for step in plan.steps)
    return FindingScope(request.target_period, plan.modules, opened, request.scope, executor)


def _plan(request: UncloseRequest, state: CloseState, books: Books) -> tuple[Plan, tuple[Finding, ...]]:
    try:
        plan = plan_unclose(state, books, request.target_period, request.modules)
        if crosses_fiscal_year(state, plan):
            newest = max(state.of(module).current for module in plan.opened_modules)
            require_cross_year_consent(request, newest.year, request.asked_at.date())
    except Refused as refusal:
        empty = Plan(request.target_period, request.modules, ())
        return empty, (Finding(FindingCode.PLAN_REFUSED, rows=(_as_row(refusal),)),)
    return plan, ()


def _as_row(refusal: Refused) -> EvidenceRow:
    return EvidenceRow(type(refusal).__name__, (*refusal.facts.items(), ("says", str(refusal))))


def _bound(examination: Examination) -> tuple[Finding, ...]:
    return tuple(finding for finding in examination.findings if finding.bound)


def _gone_and_come(before: tuple[object, ...], after: tuple[object, ...]) -> dict[str, Json]:
    return {
        "gone": [to_json(item) for item in before if item not in after],
        "come": [to_json(item) for item in after if item not in before],
    }
