"""The demo ledger guards its periods, at its desk, at its connector and in its database."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from activities.demo_erp import creation, dialect, stock
from activities.demo_erp.creation import EXECUTOR, GRAPH, Definition
from activities.demo_erp.desk import Desk
from activities.demo_erp.documents import NewDocument, NewLine
from activities.demo_erp.faults import Fault, Faults
from activities.demo_erp.kinds import Status
from activities.demo_erp.ledger import DemoLedger
from activities.demo_erp.rights import CORRECT
from activities.demo_erp.seed import create_demo
from activities.erp.connector import BalanceRow
from activities.erp.demo import DemoConnector, DemoOptions, DemoScratch
from activities.proof import prove_ledger
from workflows.domain.corrections import MAX_BROKEN, FieldChange, Invariant, require_sound
from workflows.domain.errors import (
    GateNotPassed,
    GuidedOnly,
    LedgerBusy,
    LedgerRefused,
    LedgerUnavailable,
    MissingRight,
    NotExclusive,
    NotNamed,
    PeriodClosed,
    PeriodLocked,
    PointerMismatch,
    SessionsRemain,
)
from workflows.domain.findings import Finding, FindingCode, FindingScope, Severity, blockers
from workflows.domain.ledger import CloseState, Module, StepMode, Verb
from workflows.domain.period import FiscalCalendar, Period
from workflows.domain.plan import Books, Plan, PlanStep, Why, plan_reclose, plan_unclose, verify_movement
from workflows.domain.proof import differing, require_equal
from workflows.domain.request import Intent, ScopeItem

FENCE = 3
MARCH, APRIL, MAY = Period(2025, 3), Period(2025, 4), Period(2025, 5)
RECEIPT = "IN-2025-03-0007"
BOOKS = Books(GRAPH)


# --------------------------------------------------------------------------- a ledger to work on


@pytest.fixture
def ledger(path: Path) -> Iterator[DemoLedger]:
    with DemoLedger(str(path)) as opened:
        yield opened


@pytest.fixture
def desk(ledger: DemoLedger) -> Desk:
    return Desk(ledger)


@pytest.fixture
def faults(ledger: DemoLedger) -> Faults:
    return Faults(ledger)


@pytest.fixture
async def connector(path: Path) -> AsyncIterator[DemoConnector]:
    made = DemoConnector(DemoOptions(str(path)))
    yield made
    await made.aclose()


def key_of(step: PlanStep) -> str:
    return f"UC-TEST/{step.verb}/{step.module}/{step.period}"


def a_step(verb: Verb, module: Module, period: Period) -> PlanStep:
    return PlanStep(1, verb, module, period, StepMode.AUTOMATIC, Why.REQUESTED)


async def plan_for(connector: DemoConnector, target: Period, *modules: Module) -> Plan:
    return plan_unclose(await connector.read_close_state(), BOOKS, target, modules or (Module.INVENTORY,))


async def hold(connector: DemoConnector) -> None:
    await connector.enter_exclusive(FENCE, "UC-TEST")


async def open_period(connector: DemoConnector, target: Period, *modules: Module) -> CloseState:
    """Hold the ledger and un-close down to a period; the state before."""
    before = await connector.read_close_state()
    plan = await plan_for(connector, target, *modules)
    await hold(connector)
    for step in plan.steps:
        await connector.unclose(step, FENCE, key_of(step))
    return before


async def close_again(connector: DemoConnector, goal: CloseState) -> None:
    await hold(connector)
    for step in plan_reclose(await connector.read_close_state(), goal, BOOKS).steps:
        await connector.close(step, FENCE, key_of(step))


async def findings(connector: DemoConnector, target: Period, *scope: ScopeItem) -> tuple[Finding, ...]:
    plan = await plan_for(connector, target)
    opened = tuple((step.module, step.period) for step in plan.steps)
    return await connector.findings(FindingScope(target, (Module.INVENTORY,), opened, scope, EXECUTOR))


async def rows_of(connector: DemoConnector, module: Module) -> dict[Period, list[BalanceRow]]:
    found: dict[Period, list[BalanceRow]] = {}
    async with connector.balances(module) as chunks:
        async for period, rows in chunks:
            found.setdefault(period, []).extend(rows)
    return found


@contextmanager
def the_database(path: Path) -> Iterator[sqlite3.Connection]:
    """The road past all code: somebody with a database client."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


# --------------------------------------------------------------------------- the database refuses

_MARCH = 2025 * 12 + 2
_CURRENT = 2025 * 12 + 5
_A_RULE = r"^[A-Z][A-Za-z]+: "
"""How the database says which rule it is that refuses."""

NOT_EVEN_BY_HAND = {
    "change a document": "UPDATE document SET note = 'x' WHERE number = 'IN-2025-03-0007'",
    "move a document into it": f"UPDATE document SET period = {_MARCH} WHERE period = {_CURRENT}",
    "move a document out of it": f"UPDATE document SET period = {_CURRENT} WHERE period = {_MARCH}",
    "delete a document": "DELETE FROM document WHERE number = 'TR-2025-03-0001'",
    "add a document": f"INSERT INTO document VALUES ('IN-X', 'purchase_receipt', 'inventory', {_MARCH},"
    " '2025-03-09', 'B', NULL, 'S01', 0, 'draft', 0, 1, 'clerk', '')",
    "change a line": "UPDATE document_line SET qty = 1 WHERE document = 'IN-2025-03-0007'",
    "delete a line": "DELETE FROM document_line WHERE document = 'IN-2025-03-0007'",
    "add a line": "INSERT INTO document_line VALUES ('IN-2025-03-0007', 9, 'M-1102', 1, 1, 1, '')",
    "change a sales invoice": "UPDATE document SET amount = 1 WHERE number = 'SI-2025-03-0001'",
    "delete a receipt": "DELETE FROM document WHERE number = 'RC-2025-03-0001'",
    "change a purchase invoice": "UPDATE document SET amount = 1 WHERE number = 'PI-2025-03-0001'",
    "delete a payment": "DELETE FROM document WHERE number = 'PY-2025-03-0001'",
    "change a count": "UPDATE count_line SET counted_qty = 1 WHERE sheet = 'PD-2025-03-B'",
    "delete a count": "DELETE FROM count_sheet WHERE number = 'PD-2025-03-B'",
    "change a voucher": "UPDATE voucher SET posted = 0 WHERE number = 'V-2025-03-IN'",
    "add a voucher": f"INSERT INTO voucher VALUES ('V-X', {_MARCH}, 'manual', 'manual', 0, '')",
    "change an entry": "UPDATE voucher_entry SET debit = 1 WHERE voucher = 'V-2025-03-IN'",
    "delete an entry": "DELETE FROM voucher_entry WHERE voucher = 'V-2025-03-IN'",
    "change a balance": "UPDATE inventory_balance SET close_qty = 1",
    "delete balances": f"DELETE FROM gl_balance WHERE period = {_MARCH}",
    "add a balance": f"INSERT INTO gl_balance VALUES ({_MARCH}, '9999', 0, 0, 0, 0)",
    "add a balance to the future": f"INSERT INTO gl_balance VALUES ({_CURRENT + 1}, '9999', 0, 0, 0, 0)",
    "move a pointer": "UPDATE module_state SET current = current - 1, moves = moves + 1 WHERE module = 'gl'",
    "add a module": "INSERT INTO module_state VALUES ('cash', 9, 0, 0, 0, 0)",
    "remove the order": "DELETE FROM module_edge",
    "withdraw a closing": f"DELETE FROM closing WHERE period = {_CURRENT - 1}",
    "claim a closing": f"INSERT INTO closing VALUES ('inventory', {_CURRENT})",
    "rewrite the journal": "UPDATE journal SET person = 'nobody'",
    "empty the journal": "DELETE FROM journal",
    "forget the fence": "DELETE FROM holding",
}


@pytest.mark.parametrize("deed", NOT_EVEN_BY_HAND)
def test_the_database_refuses_to(deed: str, path: Path) -> None:
    with the_database(path) as db, pytest.raises(sqlite3.IntegrityError, match=_A_RULE):
        db.execute(NOT_EVEN_BY_HAND[deed])


_GL_BACK = f"SET current = current - 1, moves = moves + 1, fence = {FENCE} WHERE module = 'gl'"

NOT_EVEN_WHILE_HELD = {
    "jump two periods": f"SET current = current - 2, moves = moves + 1, fence = {FENCE} WHERE module = 'gl'",
    "move without counting": f"SET current = current - 1, fence = {FENCE} WHERE module = 'gl'",
    "move under a lower fence": _GL_BACK.replace(f"fence = {FENCE}", "fence = 1"),
    "move under a higher fence": _GL_BACK.replace(f"fence = {FENCE}", "fence = 99"),
    "leave the balances behind": _GL_BACK,
    "close without balances": _GL_BACK.replace("- 1", "+ 1"),
    "open stock before the ledger": _GL_BACK.replace("gl", "inventory"),
    "close the ledger before stock": _GL_BACK.replace("- 1", "+ 1"),
    "change the start": "SET start = start - 1",
}


@pytest.mark.parametrize("deed", NOT_EVEN_WHILE_HELD)
async def test_even_while_held_the_database_refuses_to(
    deed: str, path: Path, connector: DemoConnector
) -> None:
    await hold(connector)
    with the_database(path) as db, pytest.raises(sqlite3.IntegrityError, match=_A_RULE):
        db.execute(f"UPDATE module_state {NOT_EVEN_WHILE_HELD[deed]}")


async def test_the_database_keeps_a_locked_period_closed(path: Path, connector: DemoConnector) -> None:
    await hold(connector)
    with the_database(path) as db:
        db.execute(f"INSERT INTO module_lock VALUES ('gl', {_CURRENT - 1}, 'finance')")
        db.execute("DELETE FROM closing WHERE module = 'gl' AND period = (SELECT max(period) FROM closing)")
        db.execute(f"DELETE FROM gl_balance WHERE period = {_CURRENT - 1}")
        with pytest.raises(sqlite3.IntegrityError, match="PeriodLocked"):
            db.execute(f"UPDATE module_state {_GL_BACK}")


async def test_the_database_lets_nobody_into_a_held_ledger(path: Path, connector: DemoConnector) -> None:
    await hold(connector)
    with the_database(path) as db, pytest.raises(sqlite3.IntegrityError, match="LedgerBusy"):
        db.execute("INSERT INTO session VALUES ('s', 'li', '2025-06-01T00:00:00+00:00', '')")


async def test_the_database_never_lowers_the_fence(path: Path, connector: DemoConnector) -> None:
    await hold(connector)
    with the_database(path) as db, pytest.raises(sqlite3.IntegrityError, match="StaleFence"):
        db.execute("UPDATE holding SET fence_seen = 1, held_fence = 1")


def test_the_database_leaves_the_open_period_alone(path: Path) -> None:
    with the_database(path) as db:
        assert db.execute("UPDATE document SET note = 'x' WHERE number = 'IN-2025-06-0001'").rowcount == 1
        assert db.execute("DELETE FROM document_line WHERE document = 'TR-2025-06-0001'").rowcount > 0


# --------------------------------------------------------------------------- the rules in words


async def test_a_locked_period_is_not_opened(connector: DemoConnector) -> None:
    await open_period(connector, Period(2024, 7), Module.GL)
    with pytest.raises(PeriodLocked):
        await connector.unclose(a_step(Verb.UNCLOSE, Module.GL, Period(2024, 6)), FENCE, "k")


async def test_without_the_right_nothing_moves(path: Path, connector: DemoConnector) -> None:
    with the_database(path) as db:
        db.execute("DELETE FROM entitlement WHERE person = 'unclose'")
    await hold(connector)
    with pytest.raises(MissingRight):
        await connector.unclose(a_step(Verb.UNCLOSE, Module.GL, MAY), FENCE, "k")
    assert FindingCode.MISSING_RIGHT in {f.code for f in await findings(connector, MARCH)}


async def test_a_key_stands_for_one_act_only(connector: DemoConnector) -> None:
    await hold(connector)
    await connector.unclose(a_step(Verb.UNCLOSE, Module.GL, MAY), FENCE, "k")
    with pytest.raises(LedgerRefused, match="key k"):
        await connector.unclose(a_step(Verb.UNCLOSE, Module.GL, APRIL), FENCE, "k")


async def test_who_will_not_leave_is_named_and_stops_the_move(
    connector: DemoConnector, faults: Faults
) -> None:
    faults.set(Fault.SESSION_WILL_NOT_LEAVE, "wang")
    with pytest.raises(SessionsRemain, match="wang"):
        await hold(connector)
    with pytest.raises(SessionsRemain, match="wang"):
        await connector.unclose(a_step(Verb.UNCLOSE, Module.GL, MAY), FENCE, "k")
    faults.clear()
    await hold(connector)
    assert await connector.sessions() == ()


async def test_two_workers_with_one_key_move_the_pointer_once(path: Path, connector: DemoConnector) -> None:
    await hold(connector)
    other, step = DemoConnector(DemoOptions(str(path))), a_step(Verb.UNCLOSE, Module.GL, MAY)
    await asyncio.gather(*(c.unclose(step, FENCE, "k") for c in (connector, other) * 4))
    await other.aclose()
    assert (await connector.read_close_state()).of(Module.GL).current == MAY
    assert len(await connector.journal("k")) == 1


def test_a_year_of_thirteen_periods_closes_as_well(tmp_path: Path) -> None:
    calendar = FiscalCalendar(13, 4)
    definition = Definition("y13", "十三期", Period(2024, 12), calendar=calendar)
    (tmp_path / "y13.db").touch()
    with DemoLedger(str(tmp_path / "y13.db")) as ledger:
        creation.create(ledger, definition)
        creation.close_periods(ledger, GRAPH, calendar.span(Period(2024, 12), Period(2025, 1)))
        pointers = {module: str(period) for module, period in _pointers(ledger).items()}
    assert set(pointers.values()) == {"2025-02"}


def _pointers(ledger: DemoLedger) -> dict[Module, Period]:
    connector = DemoConnector(DemoOptions(ledger.place))
    try:
        return asyncio.run(connector.read_close_state()).pointers()
    finally:
        asyncio.run(connector.aclose())


# --------------------------------------------------------------------------- the desk


def test_a_closed_period_is_closed_at_the_desk(desk: Desk) -> None:
    line = NewLine("M-1102", Decimal(5), Decimal("1.00"))
    late = NewDocument("purchase_receipt", date(2025, 3, 9), (line,), warehouse="B", partner="S01")
    with desk.seat("finance"):
        for act in (
            lambda: desk.change_quantity("finance", RECEIPT, 1, Decimal(100)),
            lambda: desk.unaudit("finance", RECEIPT),
            lambda: desk.delete("finance", RECEIPT),
            lambda: desk.add("finance", late),
            lambda: desk.count("finance", "PD-2025-03-B", "B-05", Decimal(1)),
        ):
            with pytest.raises(PeriodClosed):
                act()


def test_an_audited_document_is_unaudited_before_it_is_changed(desk: Desk) -> None:
    with desk.seat("warehouse"):
        with pytest.raises(LedgerRefused, match="un-audit"):
            desk.change_quantity("warehouse", "IN-2025-06-0001", 1, Decimal(7))
        desk.unaudit("warehouse", "IN-2025-06-0001")
        desk.change_quantity("warehouse", "IN-2025-06-0001", 1, Decimal(7))
        desk.audit("warehouse", "IN-2025-06-0001")
    document = desk.read("IN-2025-06-0001")
    assert (document.line(1).qty, document.status) == (Decimal(7), Status.AUDITED)
    assert document.amount == sum(line.amount for line in document.lines)


def test_who_is_not_logged_in_or_has_no_right_writes_nothing(desk: Desk) -> None:
    with pytest.raises(LedgerRefused, match="not logged in"):
        desk.unaudit("warehouse", "IN-2025-06-0001")
    with desk.seat("clerk"), pytest.raises(MissingRight):
        desk.unaudit("clerk", "IN-2025-06-0001")


async def test_a_held_ledger_is_closed_to_everybody(desk: Desk, connector: DemoConnector) -> None:
    desk.login("clerk")
    await hold(connector)
    with pytest.raises(LedgerBusy, match="UC-TEST"):
        desk.login("clerk")
    with pytest.raises(LedgerBusy):
        desk.change_quantity("clerk", "IN-2025-06-0001", 1, Decimal(7))


async def test_a_restricted_ledger_is_open_to_the_named_only(desk: Desk, connector: DemoConnector) -> None:
    await hold(connector)
    await connector.restrict_to(("clerk",), FENCE)
    desk.login("clerk")
    with pytest.raises(NotNamed):
        desk.login("warehouse")


async def test_a_right_ends_with_its_time(path: Path, connector: DemoConnector) -> None:
    now = datetime.now(UTC)
    await connector.grant(("clerk",), CORRECT, now + timedelta(hours=1), FENCE)
    with DemoLedger(str(path)) as today, Desk(today).seat("clerk") as desk:
        desk.correct_quantity("clerk", "IN-2025-06-0001", 1, Decimal(7))
    later = DemoLedger(str(path), clock=lambda: now + timedelta(hours=2))
    with later, Desk(later).seat("clerk") as desk, pytest.raises(MissingRight):
        desk.unaudit("clerk", "IN-2025-06-0001")


async def test_the_change_log_tells_who_did_what(desk: Desk, connector: DemoConnector) -> None:
    line = NewLine("M-1102", Decimal(5), Decimal("21.83"))
    new = NewDocument("purchase_receipt", date(2025, 6, 9), (line,), warehouse="B", partner="S01")
    mark = await connector.mark()
    with desk.seat("warehouse"):
        desk.correct_quantity("warehouse", "IN-2025-06-0001", 1, Decimal(7))
        number = desk.add_audited("warehouse", new)
        desk.delete_audited("warehouse", "TR-2025-06-0001")
    told = [(c.document, c.action) for c in await connector.changes_since(mark)]
    assert told[1] == ("IN-2025-06-0001", "changed")
    assert (number, "added") in told
    assert told[-1] == ("TR-2025-06-0001", "deleted")
    assert {(c.person, c.period) for c in await connector.changes_since(mark)} == {
        ("warehouse", Period(2025, 6))
    }


async def test_the_change_log_tells_fields_before_and_after(desk: Desk, connector: DemoConnector) -> None:
    mark, was = await connector.mark(), desk.read("IN-2025-06-0001")
    with desk.seat("warehouse"):
        desk.correct_quantity("warehouse", "IN-2025-06-0001", 1, Decimal(7))
    fields = [field for change in await connector.changes_since(mark) for field in change.fields]
    amount = desk.read("IN-2025-06-0001").amount
    assert fields == [
        FieldChange("", "status", "audited", "draft"),
        FieldChange("1", "qty", str(was.line(1).qty), "7.00"),
        FieldChange("1", "amount", str(was.line(1).amount), str(desk.read("IN-2025-06-0001").line(1).amount)),
        FieldChange("", "amount", str(was.amount), str(amount)),
        FieldChange("", "status", "draft", "audited"),
    ]


def test_what_others_refer_to_is_not_deleted(desk: Desk) -> None:
    with desk.seat("warehouse"):
        desk.unaudit("warehouse", "RC-2025-06-0001")
        desk.delete("warehouse", "RC-2025-06-0001")
        invoice = next(d.number for d in desk.documents(Period(2025, 6), "sales_invoice"))
        desk.unaudit("warehouse", invoice)
        desk.delete("warehouse", invoice)
    with pytest.raises(LedgerRefused, match="no document"):
        desk.read(invoice)


# --------------------------------------------------------------------------- corrections


async def test_a_correction_is_carried_forward_to_today(desk: Desk, connector: DemoConnector) -> None:
    proof, stock_before = await prove_ledger(connector), await rows_of(connector, Module.INVENTORY)
    before = await open_period(connector, MARCH)
    await connector.restrict_to(("clerk",), FENCE)
    await connector.grant(("clerk",), CORRECT, datetime.now(UTC) + timedelta(hours=1), FENCE)
    with desk.seat("clerk"):
        desk.correct_quantity("clerk", RECEIPT, 1, Decimal(100), "少录 20")
    await close_again(connector, before)

    after, stock_after = await prove_ledger(connector), await rows_of(connector, Module.INVENTORY)
    for period in (MARCH, APRIL, MAY):
        assert _closing_qty(stock_after[period]) - _closing_qty(stock_before[period]) == Decimal(20)
    assert (await connector.invariants()).broken_openings == ()
    touched = {f"{m} {p}" for m in (Module.INVENTORY, Module.COST, Module.GL) for p in (MARCH, APRIL, MAY)}
    assert set(differing(proof, after)) == touched


def _closing_qty(rows: list[BalanceRow]) -> Decimal:
    return next(Decimal(row[8]) for row in rows if row[:2] == ("B", "M-1102"))


async def test_every_opening_is_the_closing_before(connector: DemoConnector) -> None:
    for module, opening, closing_ in (
        (Module.INVENTORY, 3, 9),
        (Module.RECEIVABLE, 1, 4),
        (Module.PAYABLE, 1, 4),
        (Module.GL, 1, 4),
    ):
        previous: dict[BalanceRow, str] = {}
        for rows in (await rows_of(connector, module)).values():
            keys = 2 if module == Module.INVENTORY else 1
            for row in rows:
                assert row[opening] == previous.get(row[:keys], "0.00")
            previous = {row[:keys]: row[closing_] for row in rows}


async def test_a_missed_count_is_finished_inside_the_window(desk: Desk, connector: DemoConnector) -> None:
    before = await open_period(connector, MARCH)
    await connector.restrict_to(("warehouse",), FENCE)
    with desk.seat("warehouse"):
        desk.count("warehouse", "PD-2025-03-B", "B-05", Decimal(400))
        desk.count("warehouse", "PD-2025-03-B", "B-09", Decimal(216))
        bill = desk.adjust("warehouse", "PD-2025-03-B", "B-05")
        with pytest.raises(LedgerRefused, match="no open difference"):
            desk.adjust("warehouse", "PD-2025-03-B", "B-05")
    with pytest.raises(GateNotPassed, match=bill):
        await close_again(connector, before)
    await connector.restrict_to(("warehouse",), FENCE)
    with desk.seat("warehouse"):
        desk.audit("warehouse", bill)
    await close_again(connector, before)
    assert FindingCode.COUNT_INCOMPLETE not in {f.code for f in await findings(connector, MARCH)}


async def test_a_period_with_a_lopsided_voucher_is_not_closed(path: Path, connector: DemoConnector) -> None:
    before = await open_period(connector, MAY, Module.GL)
    with the_database(path) as db:
        db.execute("UPDATE voucher_entry SET debit = debit + 1 WHERE voucher = 'V-2025-05-0001' AND n = 1")
    with pytest.raises(GateNotPassed, match="V-2025-05-0001"):
        await close_again(connector, before)
    assert (await connector.invariants()).trial_balance == Decimal("0.01")


# --------------------------------------------------------------------------- findings


async def test_nothing_stands_in_the_way_of_the_last_three_periods(connector: DemoConnector) -> None:
    for target in (MARCH, APRIL, MAY):
        found = await findings(connector, target)
        assert blockers(found) == ()
        assert FindingCode.POSTED_VOUCHERS in {f.code for f in found}


async def test_march_shows_its_missed_count_and_the_blast_radius(connector: DemoConnector) -> None:
    found = {f.code: f for f in await findings(connector, MARCH, ScopeItem(RECEIPT, Intent.CORRECT))}
    assert found[FindingCode.COUNT_INCOMPLETE].count == 2
    assert found[FindingCode.COUNT_INCOMPLETE].severity == Severity.WARNING
    total = dict(found[FindingCode.BLAST_RADIUS].rows[0].facts)
    assert total["periods"] == "3"
    assert int(total["documents"]) > 100
    assert not found[FindingCode.FOREIGN_SESSIONS].bound


TRAPS = {
    "2025-02": {FindingCode.GAIN_LOSS_UNAUDITED},
    "2025-01": {FindingCode.GAIN_LOSS_UNAUDITED, FindingCode.AUDIT_IN_FLIGHT, FindingCode.DOCUMENT_FROZEN},
    "2024-12": {
        FindingCode.GAIN_LOSS_UNAUDITED,
        FindingCode.AUDIT_IN_FLIGHT,
        FindingCode.DOCUMENT_FROZEN,
        FindingCode.COUNT_NOT_ADJUSTED,
    },
}


@pytest.mark.parametrize("target", TRAPS)
async def test_older_periods_hold_traps(target: str, connector: DemoConnector) -> None:
    found = await findings(connector, Period.parse(target))
    assert {finding.code for finding in blockers(found)} == TRAPS[target]


@pytest.mark.parametrize(
    ("document", "intent", "code"),
    [
        ("SI-2025-03-0001", Intent.CORRECT, FindingCode.REVERSAL_ROUTE),
        ("PI-2025-03-0001", Intent.DELETE, FindingCode.REVERSAL_ROUTE),
        ("V-2025-03-0001", Intent.CORRECT, FindingCode.REVERSAL_ROUTE),
        ("RC-2025-03-0003", Intent.DELETE, FindingCode.REFERENCED_DOWNSTREAM),
        ("IN-2025-04-0001", Intent.CORRECT, FindingCode.DOCUMENT_UNKNOWN),
        ("IN-2099-01-0001", Intent.AUDIT, FindingCode.DOCUMENT_UNKNOWN),
    ],
)
async def test_what_the_request_names_is_looked_at(
    document: str, intent: Intent, code: FindingCode, connector: DemoConnector
) -> None:
    found = blockers(await findings(connector, MARCH, ScopeItem(document, intent)))
    assert code in {finding.code for finding in found}


@pytest.mark.parametrize("document", [RECEIPT, "PD-2025-03-B"])
async def test_what_can_be_corrected_raises_no_blocker(document: str, connector: DemoConnector) -> None:
    assert blockers(await findings(connector, MARCH, ScopeItem(document, Intent.CORRECT))) == ()


async def test_a_document_to_be_added_need_not_be_there(connector: DemoConnector) -> None:
    assert blockers(await findings(connector, MARCH, ScopeItem("IN-2025-03-0999", Intent.ADD))) == ()


async def test_a_period_opened_before_is_told(connector: DemoConnector) -> None:
    await close_again(connector, await open_period(connector, MAY))
    told = [f for f in await findings(connector, APRIL) if f.code == FindingCode.PERIOD_REOPENED_BEFORE]
    assert {(f.module, f.period, f.count) for f in told} == {
        (module, MAY, 1) for module in (Module.INVENTORY, Module.COST, Module.GL)
    }


async def test_vouchers_stay_posted_where_the_plan_leaves_the_ledger_closed(
    connector: DemoConnector,
) -> None:
    scope = FindingScope(MAY, (Module.COST,), ((Module.COST, MAY),), (), EXECUTOR)
    found = await connector.findings(scope)
    assert FindingCode.POSTED_VOUCHERS_GL_CLOSED in {f.code for f in blockers(found)}


async def test_stock_below_zero_shows_while_open_and_when_closed(
    desk: Desk, connector: DemoConnector
) -> None:
    before = await open_period(connector, MAY)
    await connector.restrict_to(("warehouse",), FENCE)
    line = NewLine("M-1102", Decimal(50_000))
    with desk.seat("warehouse"):
        desk.add_audited(
            "warehouse", NewDocument("sales_issue", date(2025, 5, 27), (line,), "B", partner="C01")
        )
    scope = FindingScope(MAY, (Module.INVENTORY,), ((Module.INVENTORY, MAY),), (), EXECUTOR)
    open_now = [f for f in await connector.findings(scope) if f.code == FindingCode.NEGATIVE_STOCK]
    await close_again(connector, before)
    closed = [f for f in await connector.findings(scope) if f.code == FindingCode.NEGATIVE_STOCK]
    assert [row.what for f in open_now for row in f.rows] == ["B M-1102"]
    assert [row.what for f in closed for row in f.rows] == ["B M-1102"]


async def test_tampered_books_are_found_out(path: Path, connector: DemoConnector, ledger: DemoLedger) -> None:
    with ledger.writing() as db, dialect.without_rules(db, "gl_balance"):
        db.exec_driver_sql(
            f"UPDATE gl_balance SET close_amount = close_amount + 100"
            f" WHERE account = '1405' AND period = {_CURRENT - 1}"
        )
    codes = {finding.code for finding in blockers(await findings(connector, MAY))}
    assert codes == {FindingCode.STOCK_LEDGER_DIFFERENCE, FindingCode.TRIAL_BALANCE_OPEN}
    invariants = await connector.invariants()
    assert invariants.stock_account - invariants.stock_value == Decimal("1.00")
    assert invariants.trial_balance == Decimal("1.00")
    named = {(b.invariant, b.period, b.what): b.seen - b.expected for b in invariants.broken}
    assert named == {
        (Invariant.STOCK_IS_LEDGER, MAY, "1405"): Decimal("1.00"),
        (Invariant.TRIAL_BALANCE_IS_ZERO, MAY, ""): Decimal("1.00"),
    }


async def test_an_opening_that_follows_from_nothing_is_told(
    connector: DemoConnector, ledger: DemoLedger
) -> None:
    with ledger.writing() as db, dialect.without_rules(db, "receivable_balance"):
        db.exec_driver_sql(f"DELETE FROM receivable_balance WHERE period = {_MARCH} AND partner = 'C01'")
    invariants = await connector.invariants()
    assert invariants.broken_openings == ("receivable 2025-03", "receivable 2025-04")
    assert {(b.period, b.what, b.measure) for b in invariants.broken} == {
        (MARCH, "C01", "open_amount"),
        (APRIL, "C01", "open_amount"),
    }
    with pytest.raises(GateNotPassed, match="open_amount of receivable 2025-04 C01"):
        require_sound(invariants)


async def test_a_broken_opening_names_warehouse_and_item(
    connector: DemoConnector, ledger: DemoLedger
) -> None:
    with ledger.writing() as db, dialect.without_rules(db, "inventory_balance"):
        db.exec_driver_sql(
            f"UPDATE inventory_balance SET open_qty = open_qty + 100"
            f" WHERE warehouse = 'B' AND item = 'M-1102' AND period = {_MARCH}"
        )
    (broken,) = (await connector.invariants()).broken
    assert (broken.module, broken.period, broken.what) == (Module.INVENTORY, MARCH, "B M-1102")
    assert (broken.measure, broken.seen - broken.expected) == ("open_qty", Decimal(1))


async def test_more_broken_places_than_are_told_are_counted(
    connector: DemoConnector, ledger: DemoLedger
) -> None:
    with ledger.writing() as db, dialect.without_rules(db, "inventory_balance"):
        db.exec_driver_sql(f"UPDATE inventory_balance SET open_qty = open_qty + 1 WHERE period = {_MARCH}")
        rows = db.exec_driver_sql(f"SELECT count(*) FROM inventory_balance WHERE period = {_MARCH}").scalar()
    invariants = await connector.invariants()
    assert len(invariants.broken) == MAX_BROKEN
    assert len(invariants.broken) + invariants.more == rows


# --------------------------------------------------------------------------- faults


@pytest.mark.parametrize("fault", [Fault.WRONG_CLICK, Fault.POINTER_MOVED_BEHIND])
async def test_a_wrong_movement_shows_on_reading_back(
    fault: Fault, connector: DemoConnector, faults: Faults
) -> None:
    faults.set(fault, 2)
    plan, before = await plan_for(connector, MARCH), await connector.read_close_state()
    await hold(connector)
    await connector.unclose(plan.steps[0], FENCE, "1")
    between = await connector.read_close_state()
    verify_movement(before, between, plan.steps[0], BOOKS.calendar)
    await connector.unclose(plan.steps[1], FENCE, "2")
    with pytest.raises(PointerMismatch):
        verify_movement(between, await connector.read_close_state(), plan.steps[1], BOOKS.calendar)
    assert faults.active() == {}


async def test_an_act_is_refused_as_often_as_was_set(connector: DemoConnector, faults: Faults) -> None:
    faults.set(Fault.REFUSE_ACT, "2x2")
    plan = await plan_for(connector, MARCH)
    await hold(connector)
    await connector.unclose(plan.steps[0], FENCE, "1")
    for _ in range(2):
        with pytest.raises(LedgerRefused):
            await connector.unclose(plan.steps[1], FENCE, "2")
    await connector.unclose(plan.steps[1], FENCE, "2")


async def test_a_close_fails_while_its_fault_is_set(connector: DemoConnector, faults: Faults) -> None:
    before = await open_period(connector, MAY)
    faults.set(Fault.FAIL_CLOSE, Module.COST)
    with pytest.raises(GateNotPassed, match="cost"):
        await close_again(connector, before)
    faults.clear(Fault.FAIL_CLOSE)
    await close_again(connector, before)


async def test_a_fault_locks_and_unlocks_a_period(connector: DemoConnector, faults: Faults) -> None:
    faults.set(Fault.LOCKED_PERIOD, "2025-05")
    assert MAY in (await connector.read_close_state()).of(Module.GL).locked
    with pytest.raises(PeriodLocked):
        await plan_for(connector, MARCH)
    faults.clear()
    assert MAY not in (await connector.read_close_state()).of(Module.GL).locked


async def test_a_slow_ledger_is_slow(connector: DemoConnector, faults: Faults) -> None:
    faults.set(Fault.SLOW, 200)
    await hold(connector)
    began = asyncio.get_running_loop().time()
    await connector.unclose(a_step(Verb.UNCLOSE, Module.GL, MAY), FENCE, "1")
    assert asyncio.get_running_loop().time() - began >= 0.2


async def test_a_stuck_session_is_a_blocker(connector: DemoConnector, faults: Faults) -> None:
    faults.set(Fault.SESSION_WILL_NOT_LEAVE)
    found = blockers(await findings(connector, MARCH))
    assert [(f.code, f.bound) for f in found] == [(FindingCode.SESSION_STUCK, False)]


async def test_a_pointer_moved_between_two_steps_shows_at_the_next(
    connector: DemoConnector, faults: Faults
) -> None:
    faults.set(Fault.POINTER_MOVED_BETWEEN, 2)
    plan, before = await plan_for(connector, MARCH), await connector.read_close_state()
    await hold(connector)
    await connector.unclose(plan.steps[0], FENCE, "1")
    between = await connector.read_close_state()
    verify_movement(before, between, plan.steps[0], BOOKS.calendar)
    await connector.unclose(plan.steps[1], FENCE, "2")
    after = await connector.read_close_state()
    assert after.of(Module.INVENTORY).current == MAY
    with pytest.raises(PointerMismatch, match="inventory at 2025-05"):
        verify_movement(between, after, plan.steps[1], BOOKS.calendar)


async def test_an_act_whose_answer_was_lost_has_been_done_once(
    connector: DemoConnector, faults: Faults
) -> None:
    step = a_step(Verb.UNCLOSE, Module.GL, MAY)
    faults.set(Fault.ANSWER_LOST)
    await hold(connector)
    with pytest.raises(LedgerUnavailable, match="answer"):
        await connector.unclose(step, FENCE, "k")
    await connector.unclose(step, FENCE, "k")
    assert (await connector.read_close_state()).of(Module.GL).current == MAY
    assert len(await connector.journal("k")) == 1


@pytest.mark.parametrize("value", ["gl 2025-05", "gl", "1"])
async def test_data_that_cannot_be_opened_show_only_in_the_act(
    value: str, connector: DemoConnector, faults: Faults
) -> None:
    faults.set(Fault.UNCLOSE_FAILS_ON_DATA, value)
    assert blockers(await findings(connector, MARCH)) == ()
    await hold(connector)
    with pytest.raises(LedgerRefused, match="batch"):
        await connector.unclose(a_step(Verb.UNCLOSE, Module.GL, MAY), FENCE, "k")


async def test_data_that_cannot_be_opened_here_can_be_there(connector: DemoConnector, faults: Faults) -> None:
    faults.set(Fault.UNCLOSE_FAILS_ON_DATA, "gl 2025-04")
    await hold(connector)
    await connector.unclose(a_step(Verb.UNCLOSE, Module.GL, MAY), FENCE, "k")
    assert (await connector.read_close_state()).of(Module.GL).current == MAY


async def test_a_copy_has_the_faults_of_the_data_and_not_those_of_the_machine(
    tmp_path: Path, connector: DemoConnector, faults: Faults
) -> None:
    faults.set(Fault.UNCLOSE_FAILS_ON_DATA, "cost")
    faults.set(Fault.CRASH_AFTER_ACT, 3)
    source = connector.backup_source()
    scratch = source.scratch(tmp_path, "copy")
    with source.reading(tmp_path) as whole, scratch.receiving() as sink:
        shutil.copyfileobj(whole, sink)
    scratch.free()
    with DemoLedger(scratch.place) as copy:
        assert Faults(copy).active() == {"unclose_fails_on_data": "cost"}
    assert Faults.active(faults).keys() == {"unclose_fails_on_data", "crash_after_act"}


@pytest.mark.parametrize(
    ("fault", "value"),
    [
        (Fault.WRONG_CLICK, "second"),
        (Fault.REFUSE_ACT, "0"),
        (Fault.SLOW, "-1"),
        (Fault.FAIL_CLOSE, "ledger"),
        (Fault.LOCKED_PERIOD, "March"),
        (Fault.UNCLOSE_FAILS_ON_DATA, "gl March"),
    ],
)
def test_a_fault_that_cannot_be_read_is_not_set(fault: Fault, value: str, faults: Faults) -> None:
    with pytest.raises(LedgerRefused, match="cannot be read"):
        faults.set(fault, value)
    assert faults.active() == {}


CRASHING = """
import asyncio, sys
from activities.erp.demo import DemoConnector, DemoOptions, DemoScratch
from workflows.domain.ledger import Module, StepMode, Verb
from workflows.domain.period import Period
from workflows.domain.plan import PlanStep, Why

async def main():
    connector = DemoConnector(DemoOptions(sys.argv[1]))
    await connector.enter_exclusive(3, "UC-TEST")
    step = PlanStep(1, Verb.UNCLOSE, Module.GL, Period(2025, 5), StepMode.AUTOMATIC, Why.REQUESTED)
    await connector.unclose(step, 3, "k")

asyncio.run(main())
"""


async def test_an_act_survives_the_crash_right_after_it(
    path: Path, connector: DemoConnector, faults: Faults
) -> None:
    faults.set(Fault.CRASH_AFTER_ACT)
    root = Path(__file__).parents[2]
    child = [sys.executable, "-c", CRASHING, str(path)]
    died = await asyncio.to_thread(subprocess.run, child, cwd=root, check=False)
    assert died.returncode == 137
    step = a_step(Verb.UNCLOSE, Module.GL, MAY)
    await connector.unclose(step, FENCE, "k")
    assert (await connector.read_close_state()).of(Module.GL).current == MAY
    assert len(await connector.journal("k")) == 1
    assert faults.active() == {}


# --------------------------------------------------------------------------- guided steps


async def test_a_person_moves_the_pointer_while_unclose_holds_the_ledger(path: Path, desk: Desk) -> None:
    guided = ((Module.GL, Verb.UNCLOSE),)
    connector = DemoConnector(DemoOptions(str(path), guided))
    assert (await connector.capabilities()).mode(Module.GL, Verb.UNCLOSE) == StepMode.GUIDED
    with pytest.raises(NotExclusive):
        desk.move("erp-admin", Verb.UNCLOSE, Module.GL, MAY)
    await hold(connector)
    with pytest.raises(MissingRight):
        desk.move("clerk", Verb.UNCLOSE, Module.GL, MAY)
    desk.move("erp-admin", Verb.UNCLOSE, Module.GL, MAY)
    assert (await connector.read_close_state()).of(Module.GL).current == MAY
    assert [entry.person for entry in await connector.journal("by hand/")] == ["erp-admin"]
    desk.move("erp-admin", Verb.RECLOSE, Module.GL, MAY)
    await connector.aclose()


async def test_a_guided_movement_is_left_to_a_person(path: Path) -> None:
    connector = DemoConnector(DemoOptions(str(path), ((Module.GL, Verb.UNCLOSE),)))
    await hold(connector)
    with pytest.raises(GuidedOnly):
        await connector.unclose(a_step(Verb.UNCLOSE, Module.GL, MAY), FENCE, "k")
    assert await connector.journal("k") == ()
    await connector.aclose()


@pytest.mark.parametrize("fault", [Fault.WRONG_CLICK, Fault.WRONG_PERIOD, Fault.TWO_PERIODS])
async def test_a_slip_of_the_hand_moves_something_else(
    fault: Fault, desk: Desk, connector: DemoConnector, faults: Faults
) -> None:
    before, step = await connector.read_close_state(), a_step(Verb.UNCLOSE, Module.GL, MAY)
    await hold(connector)
    faults.set(fault)
    desk.move("erp-admin", Verb.UNCLOSE, Module.GL, MAY)
    with pytest.raises(PointerMismatch):
        verify_movement(before, await connector.read_close_state(), step, BOOKS.calendar)


async def test_a_click_without_effect_moves_nothing_and_can_be_repeated(
    desk: Desk, connector: DemoConnector, faults: Faults
) -> None:
    before = await connector.read_close_state()
    await hold(connector)
    faults.set(Fault.NOTHING_MOVES)
    desk.move("erp-admin", Verb.UNCLOSE, Module.GL, MAY)
    assert await connector.read_close_state() == before
    desk.move("erp-admin", Verb.UNCLOSE, Module.GL, MAY)
    assert (await connector.read_close_state()).of(Module.GL).current == MAY


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["gl"], ((Module.GL, Verb.UNCLOSE), (Module.GL, Verb.RECLOSE))),
        (["gl:unclose"], ((Module.GL, Verb.UNCLOSE),)),
        ([["cost", "reclose"]], ((Module.COST, Verb.RECLOSE),)),
    ],
)
def test_guided_movements_are_written_by_module_or_by_verb(
    written: object, meant: tuple[tuple[Module, Verb], ...]
) -> None:
    options = TypeAdapter(DemoOptions).validate_python({"path": "demo.db", "guided": written})
    assert options.guided == meant


@pytest.mark.parametrize("written", [["ledger"], ["gl:open"], "gl"])
def test_an_unknown_guided_movement_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(DemoOptions).validate_python({"path": "demo.db", "guided": written})


# --------------------------------------------------------------------------- making and copying


def test_a_ledger_that_is_there_is_left_as_it_is(path: Path) -> None:
    content = path.read_bytes()
    create_demo(path)
    assert path.read_bytes() == content


def test_half_a_ledger_is_never_seen(tmp_path: Path) -> None:
    place = tmp_path / "new" / "demo.db"

    def build() -> None:
        with creation.building(place) as unfinished:
            unfinished.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        build()
    assert list(place.parent.iterdir()) == []


def test_the_first_of_two_builders_stays(tmp_path: Path) -> None:
    place = tmp_path / "demo.db"

    def build() -> None:
        with creation.building(place) as unfinished:
            unfinished.write_text("second")
            place.write_text("first")

    with pytest.raises(FileExistsError):
        build()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("demo.db", "first")]


async def test_every_demo_ledger_is_the_same(
    tmp_path: Path, connector: DemoConnector, demo_template: Path
) -> None:
    twin = DemoConnector(DemoOptions(str(create_demo(tmp_path / "twin.db"))))
    require_equal(await prove_ledger(connector), await prove_ledger(twin))
    await twin.aclose()


def test_the_demo_ledger_is_what_the_design_says(desk: Desk) -> None:
    numbers = [d.number for n in range(18) for d in desk.documents(BOOKS.calendar.at(2024 * 12 + n))]
    assert 1900 <= len(numbers) <= 2300
    receipt = desk.read(RECEIPT)
    assert (receipt.warehouse, receipt.line(1).qty, receipt.status) == ("B", Decimal(80), Status.AUDITED)
    assert "少录 20" in receipt.note


async def test_a_copy_is_of_one_moment_while_people_work(
    path: Path, tmp_path: Path, desk: Desk, connector: DemoConnector
) -> None:
    desk.login("warehouse")

    def work() -> None:
        for qty in range(1, 40):
            desk.correct_quantity("warehouse", "IN-2025-06-0001", 1, Decimal(qty))

    def copy() -> DemoScratch:
        source = connector.backup_source()
        scratch = source.scratch(tmp_path, "copy")
        with source.reading(tmp_path) as whole, scratch.receiving() as sink:
            shutil.copyfileobj(whole, sink)
        return scratch

    working = asyncio.create_task(asyncio.to_thread(work))
    for _ in range(3):
        restored = (await asyncio.to_thread(copy)).connector()
        require_equal(await prove_ledger(connector), await prove_ledger(restored))
        await restored.aclose()
    await working


@pytest.mark.parametrize("content", [b"", b"no database at all" * 1000])
async def test_what_is_no_ledger_does_not_answer(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "other.db").write_bytes(content)
    connector = DemoConnector(DemoOptions(str(tmp_path / "other.db")))
    with pytest.raises(LedgerUnavailable):
        await connector.read_close_state()
    await connector.aclose()


async def test_a_ledger_locked_by_another_program_does_not_answer(
    path: Path, connector: DemoConnector
) -> None:
    with the_database(path) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="locked"):
            await hold(connector)


# --------------------------------------------------------------------------- moving average


def test_issues_go_out_at_the_average_of_what_came_in() -> None:
    held = stock.Holding()
    held.receive(10_00, 100_00)
    held.receive(10_00, 200_00)
    assert (held.unit_cost, held.issue(5_00), held.amount) == (15_000_000, 75_00, 225_00)


def test_the_last_unit_takes_the_last_cent() -> None:
    held = stock.Holding()
    held.receive(3_00, 10_00)
    gone = held.issue(1_00) + held.issue(1_00) + held.issue(1_00)
    assert (gone, held.qty, held.amount) == (10_00, 0, 0)


def test_what_comes_back_to_an_empty_shelf_is_worth_what_it_last_cost() -> None:
    held = stock.Holding()
    held.receive(2_00, 30_00)
    held.issue(2_00)
    assert held.worth(1_00) == 15_00


def test_a_transfer_moves_value_and_loses_none() -> None:
    shelves = stock.Stock({})
    shelves.move("purchase_receipt", "A", None, "x", 7_00, 100_00)
    shelves.move("transfer", "A", "B", "x", 3_00, 0)
    amounts = {key[0]: held.amount for key, held in shelves.holdings.items()}
    assert amounts == {"A": 57_14, "B": 42_86}


async def test_nobody_has_to_click_in_a_copy(path: Path, tmp_path: Path) -> None:
    guided = DemoConnector(DemoOptions(str(path), ((Module.GL, Verb.UNCLOSE),)))
    copy = guided.backup_source().scratch(tmp_path, "copy").connector(read_only=False)
    assert (await guided.capabilities()).guided
    assert (await copy.capabilities()).guided == ()
    await copy.aclose()
    await guided.aclose()


async def test_what_nobody_comes_back_for_can_be_closed_once_the_lease_has_run_out(
    path: Path, desk: Desk, connector: DemoConnector
) -> None:
    await hold(connector)
    await connector.unclose(a_step(Verb.UNCLOSE, Module.GL, MAY), FENCE, "k")
    await connector.restrict_to(("clerk",), FENCE)
    with pytest.raises(NotExclusive):
        desk.move("erp-admin", Verb.RECLOSE, Module.GL, MAY)
    with DemoLedger(str(path), clock=lambda: datetime.now(UTC) + timedelta(days=1)) as later:
        tomorrow = Desk(later)
        with pytest.raises(MissingRight):
            tomorrow.move("clerk", Verb.RECLOSE, Module.GL, MAY)
        with pytest.raises(NotExclusive):
            tomorrow.move("erp-admin", Verb.UNCLOSE, Module.COST, MAY)
        tomorrow.move("erp-admin", Verb.RECLOSE, Module.GL, MAY)
    assert (await connector.read_close_state()).of(Module.GL).current == Period(2025, 6)
