"""Named examples with every irrelevant field filled, so that a test shows only what matters to it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from workflows.domain.approval import Group, Parties, People
from workflows.domain.chain import PinnedLevel, pin_chain
from workflows.domain.findings import EvidenceRow, Finding, FindingCode
from workflows.domain.ledger import Capabilities, CloseState, Module, ModuleGraph, ModuleState, Verb
from workflows.domain.period import FiscalCalendar, Period
from workflows.domain.plan import Books, Plan, PlanStep, plan_unclose
from workflows.domain.policy import DEFAULT_POLICY, ApprovalPolicy, Level
from workflows.domain.proof import Leaf, LeafHash, Proof, tree
from workflows.domain.request import Intent, ReasonCode, ScopeItem, UncloseRequest

DIGEST = "d" * 64
"""The digest in force in examples about consent."""
OTHER_DIGEST = "0" * 64
"""A digest that is not in force."""

Rows = tuple[tuple[str, ...], ...]


def a_period(text: str = "2025-03") -> Period:
    return Period.parse(text)


def a_calendar(periods_per_year: int = 12, first_month: int = 1) -> FiscalCalendar:
    return FiscalCalendar(periods_per_year, first_month)


def the_demo_graph() -> ModuleGraph:
    """Stock closes first, then cost, and the general ledger after everything."""
    return ModuleGraph(
        modules=(Module.INVENTORY, Module.COST, Module.RECEIVABLE, Module.PAYABLE, Module.GL),
        closes_before=(
            (Module.INVENTORY, Module.COST),
            (Module.COST, Module.GL),
            (Module.RECEIVABLE, Module.GL),
            (Module.PAYABLE, Module.GL),
        ),
    )


def the_demo_books(
    calendar: FiscalCalendar | None = None, guided: tuple[tuple[Module, Verb], ...] = ()
) -> Books:
    return Books(the_demo_graph(), calendar or a_calendar(), Capabilities(guided=guided))


def a_module_state(
    module: Module = Module.INVENTORY,
    start: str = "2024-01",
    current: str = "2025-06",
    locked: Iterable[str] = (),
) -> ModuleState:
    return ModuleState(module, a_period(start), a_period(current), tuple(map(a_period, locked)))


def a_close_state(
    *,
    start: str = "2024-01",
    current: str = "2025-06",
    starts: Mapping[Module, str] | None = None,
    currents: Mapping[Module, str] | None = None,
    locked: Mapping[Module, Iterable[str]] | None = None,
    modules: tuple[Module, ...] = the_demo_graph().modules,
) -> CloseState:
    """The demo ledger's: 17 closed periods, `2024-01` to `2025-05`; any module may differ."""
    return CloseState(
        tuple(
            a_module_state(
                module,
                (starts or {}).get(module, start),
                (currents or {}).get(module, current),
                (locked or {}).get(module, ()),
            )
            for module in modules
        ),
        revision="r-1",
    )


def a_plan(target: str = "2025-03", modules: tuple[Module, ...] = (Module.INVENTORY,)) -> Plan:
    return plan_unclose(a_close_state(), the_demo_books(), a_period(target), modules)


def moves(steps: Iterable[PlanStep]) -> list[tuple[Module, Period]]:
    """Which pointers move in which order: a step without its number, mode and reason."""
    return [(step.module, step.period) for step in steps]


def a_scope_item(document: str = "IN-2025-03-0007", intent: Intent = Intent.CORRECT) -> ScopeItem:
    return ScopeItem(document, intent, "数量少录 20")


def a_request(**changes: Any) -> UncloseRequest:  # Any: the fields of the request, as `replace` takes them
    request = UncloseRequest(
        id="UC-2025-000001",
        ledger="demo",
        target_period=a_period(),
        modules=(Module.INVENTORY,),
        reason_code=ReasonCode.STOCKTAKE_OMISSION,
        reason="三月盘点遗漏 B 仓两个货位",
        applicant="clerk",
        accepted_at=datetime(2025, 6, 11, 9, 0, tzinfo=UTC),
        scope=(a_scope_item(),),
        correctors=("clerk",),
    )
    return replace(request, **changes)


def a_finding(code: FindingCode = FindingCode.NEGATIVE_STOCK, *documents: str, bound: bool = True) -> Finding:
    rows = tuple(EvidenceRow(document, (("quantity", "-20"),)) for document in documents or ("ITEM-1",))
    return Finding(code, len(rows), rows, Module.INVENTORY, a_period(), bound)


def the_people() -> People:
    """Two persons in every group that signs or releases, and an administrator who is in none of them."""
    return {
        Group.WAREHOUSE: ("clerk", "wang", "wu"),
        Group.FINANCE: ("fang", "feng"),
        Group.IT: ("ivo", "ida"),
        Group.ERP_ADMIN: ("emma", "erik"),
        Group.FINANCE_HEAD: ("hao", "hui"),
        Group.ADMIN: ("root",),
    }


def the_parties(applicant: str = "clerk", executor: str = "unclose") -> Parties:
    return Parties(applicant, executor)


def a_policy(*levels: Level) -> ApprovalPolicy:
    """The default policy with these levels and no other."""
    return replace(DEFAULT_POLICY, version="example-1", levels=levels)


def a_chain(
    policy: ApprovalPolicy = DEFAULT_POLICY,
    people: People | None = None,
    parties: Parties | None = None,
    holding: Iterable[str] = (),
    expedited: bool = False,
) -> tuple[PinnedLevel, ...]:
    """The chain if of all rules these hold, by name."""
    true = set(holding)
    reasons = [
        tuple(rule.name for rule in level.when if rule.name in true) or (None if level.when else ())
        for level in policy.levels
    ]
    return pin_chain(policy, reasons, people or the_people(), parties or the_parties(), expedited)


def a_leaf(module: Module = Module.INVENTORY, period: str = "2025-03", rows: Rows = (("A", "1"),)) -> Leaf:
    hashing = LeafHash(module, a_period(period))
    hashing.add(rows)
    return hashing.leaf()


def a_proof(balances: Mapping[tuple[Module, str], Rows] | None = None) -> Proof:
    """A proof over balances given per module and period; by default two modules in three periods."""
    if balances is None:
        balances = {
            (module, period): ((module.value, period, "10.00"), ("B", "2", "0.50"))
            for module in (Module.INVENTORY, Module.GL)
            for period in ("2025-03", "2025-04", "2025-05")
        }
    return tree(a_leaf(module, period, rows) for (module, period), rows in balances.items())
