"""What the rules of a policy may ask about (design §7): request, plan, findings and risk, as plain values."""

from collections.abc import Iterable

from workflows.domain.digest import Json
from workflows.domain.findings import Finding, Risk, Severity
from workflows.domain.plan import Plan
from workflows.domain.request import UncloseRequest

EXAMPLE: dict[str, Json] = {
    "request": {
        "ledger": "demo",
        "target_period": "2025-03",
        "target_year": 2025,
        "modules": ["inventory"],
        "reason_code": "entry_error",
        "expedited": False,
        "window_hours": 24,
        "documents": 1,
        "intents": ["correct"],
        "has_vendor_ticket": False,
    },
    "plan": {"periods": 1, "steps": 1, "modules": ["inventory"], "crosses_fiscal_year": False},
    "findings": {"codes": [], "blockers": 0, "warnings": 0},
    "risk": "low",
}
"""One value of each; every rule is tried on it when a policy is loaded."""


def policy_facts(
    request: UncloseRequest, plan: Plan, crosses_year: bool, findings: Iterable[Finding], risk: Risk
) -> dict[str, Json]:
    """The facts of one case, in the shape of `EXAMPLE`."""
    seen = tuple(findings)
    return {
        "request": {
            "ledger": request.ledger,
            "target_period": str(request.target_period),
            "target_year": request.target_period.year,
            "modules": [str(module) for module in request.modules],
            "reason_code": str(request.reason_code),
            "expedited": request.expedited,
            "window_hours": request.window_hours,
            "documents": len(request.scope),
            "intents": sorted({str(item.intent) for item in request.scope}),
            "has_vendor_ticket": bool(request.vendor_ticket),
        },
        "plan": {
            "periods": len(plan.periods),
            "steps": len(plan.steps),
            "modules": sorted(str(module) for module in plan.opened_modules),
            "crosses_fiscal_year": crosses_year,
        },
        "findings": {
            "codes": sorted({str(finding.code) for finding in seen}),
            "blockers": sum(finding.severity == Severity.BLOCKER for finding in seen),
            "warnings": sum(finding.severity == Severity.WARNING for finding in seen),
        },
        "risk": str(risk),
    }
