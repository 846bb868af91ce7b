"""`unclose plan`: what opening a period would take, as the ledger stands now. Changes nothing."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.table import Table

from service.commands.opening import DataDir, open_book, open_settings
from service.commands.printing import open_console, open_table
from service.ledger_book import LedgerBook
from service.texts import FINDINGS, WHYS, Language
from service.wishes import known_modules
from workflows.domain.digest import case_digest
from workflows.domain.findings import (
    Finding,
    FindingCode,
    FindingScope,
    Risk,
    Severity,
    assess,
    blockers,
    in_order,
)
from workflows.domain.period import Period
from workflows.domain.plan import Plan, crosses_fiscal_year, plan_unclose

Ledger = Annotated[str, typer.Option(help="Code of the ledger in ledgers.toml.")]
Target = Annotated[str, typer.Option("--period", help="Oldest period to be opened, such as 2025-03.")]
Modules = Annotated[
    list[str] | None, typer.Option("--module", help="A module that must be open; repeat it. All by default.")
]

_COLOURS = {Severity.BLOCKER: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


@dataclass(frozen=True)
class Outlook:
    """What was found."""

    plan: Plan
    findings: tuple[Finding, ...]
    risk: Risk
    digest: str


def plan(ledger: Ledger, period: Target, module: Modules = None, data_dir: DataDir = None) -> None:
    """Show the steps that open a period, why each, and what the checks notice. Changes nothing."""
    book = open_book(open_settings(data_dir))
    outlook = asyncio.run(_look(book, ledger, period, tuple(module or ())))
    console = open_console()
    console.print(_steps(f"{ledger} · open {period}", outlook.plan))
    for finding in outlook.findings:
        console.print(_finding(finding), soft_wrap=True)
    stop = f" · [red]{len(blockers(outlook.findings))} blockers[/]" if blockers(outlook.findings) else ""
    console.print(f"\nrisk [bold]{outlook.risk}[/]{stop} · digest {outlook.digest}", soft_wrap=True)


async def _look(book: LedgerBook, ledger: str, period: str, names: tuple[str, ...]) -> Outlook:
    profile = book.profile(ledger)
    target = profile.calendar.check(Period.parse(period))
    modules = known_modules(names, profile.graph.modules) or profile.graph.modules
    connector = book.connector(ledger)
    try:
        state = await connector.read_close_state()
        found = plan_unclose(state, await book.books(ledger), target, modules)
        opened = tuple((step.module, step.period) for step in found.steps)
        noticed = await connector.findings(FindingScope(target, modules, opened, (), profile.executor))
    finally:
        await book.aclose()
    if crosses_fiscal_year(state, found):
        noticed = (*noticed, Finding(FindingCode.CROSSES_FISCAL_YEAR, period=target))
    findings = in_order(noticed)
    digest = case_digest(
        found, state, findings, book.configuration(ledger).policy.version, profile.backup_policy
    )
    return Outlook(found, findings, assess(findings, len(found.periods)), digest)


def _steps(title: str, found: Plan) -> Table:
    table = open_table(title, "n", "verb", "module", "period", "how", "why")
    for step in found.steps:
        why = WHYS[step.why].in_(Language.EN)
        table.add_row(str(step.n), step.verb, step.module, str(step.period), step.mode, why)
    return table


def _finding(finding: Finding) -> str:
    """One line on what was noticed, one on what is to be done and by whom."""
    words = FINDINGS[finding.code]
    where = " ".join(str(part) for part in (finding.module, finding.period) if part)
    severity = f"[{_COLOURS[finding.severity]}]{finding.severity:<8}[/]"
    noticed = f"{severity} {where:<18} {words.title.in_(Language.EN)} ({finding.count})"
    return f"{noticed}\n{'':<28}→ {finding.rule.owner}: {words.remedy.in_(Language.EN)}"


COMMAND = plan
