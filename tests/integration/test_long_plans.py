"""Plans over a whole year and more: thirteen periods a year, several modules, one step after the other."""

import time
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import insert

from activities.demo_erp import creation, tables
from activities.demo_erp.creation import Definition
from activities.demo_erp.desk import Desk
from activities.demo_erp.documents import NewDocument, NewLine
from activities.demo_erp.ledger import DemoLedger
from activities.erp.demo import DemoConnector, DemoOptions
from activities.proof import prove_ledger
from workflows.domain.ledger import CloseState, Module, ModuleGraph, Verb
from workflows.domain.period import FiscalCalendar, Period
from workflows.domain.plan import Books, Plan, plan_reclose, plan_unclose, verify_movement
from workflows.domain.proof import require_equal, require_open

FENCE = 5
CALENDAR = FiscalCalendar(13, 1)
GRAPH = ModuleGraph(
    (Module.INVENTORY, Module.COST, Module.RECEIVABLE, Module.GL),
    ((Module.INVENTORY, Module.COST), (Module.COST, Module.GL), (Module.RECEIVABLE, Module.GL)),
)
BOOKS = Books(GRAPH, CALENDAR)
FIRST, TARGET, CURRENT = Period(2024, 1), Period(2024, 3), Period(2025, 2)
"""From 2024-03 to 2025-01 there are twelve periods, the thirteenth of 2024 among them."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A ledger of thirteen periods a year, with a purchase and a sale in each that has days of its own."""
    (tmp_path / "y13.db").touch()
    with DemoLedger(str(tmp_path / "y13.db")) as ledger:
        creation.create(ledger, Definition("y13", "十三期账套", FIRST, GRAPH, CALENDAR))
        with ledger.writing() as db:
            db.execute(insert(tables.item), [{"code": "M-1", "name": "螺栓", "unit": "个"}])
            db.execute(insert(tables.warehouse), [{"code": "A", "name": "总仓"}])
            db.execute(insert(tables.partner), [{"code": "P", "name": "客户"}])
        desk = Desk(ledger)
        with desk.seat("warehouse"):
            for new in documents():
                desk.add_audited("warehouse", new)
        creation.close_periods(ledger, GRAPH, CALENDAR.span(FIRST, CALENDAR.previous(CURRENT)))
    return tmp_path / "y13.db"


def documents() -> Iterator[NewDocument]:
    for period in CALENDAR.span(FIRST, CURRENT):
        if period.number == 13:
            continue
        day: date = CALENDAR.first_day(period)
        bought, sold = NewLine("M-1", Decimal(10), Decimal("2.50")), NewLine("M-1", Decimal(4), Decimal(4))
        yield NewDocument("purchase_receipt", day, (bought,), "A", partner="P")
        yield NewDocument("sales_issue", day + timedelta(days=1), (sold,), "A", partner="P")
        yield NewDocument("sales_invoice", day + timedelta(days=1), (sold,), partner="P")


@pytest.fixture
async def connector(place: Path) -> AsyncIterator[DemoConnector]:
    made = DemoConnector(DemoOptions(str(place)))
    yield made
    await made.aclose()


async def perform(connector: DemoConnector, plan: Plan, state: CloseState) -> tuple[CloseState, list[float]]:
    """Do every step, read back after each; the state it led to, and the seconds each took."""
    took: list[float] = []
    for step in plan.steps:
        began = time.perf_counter()
        act = connector.unclose if step.verb == Verb.UNCLOSE else connector.close
        await act(step, FENCE, f"UC-1/{step.verb}/{step.module}/{step.period}")
        after = await connector.read_close_state()
        verify_movement(state, after, step, CALENDAR)
        took.append(time.perf_counter() - began)
        state = after
    return state, took


async def test_four_modules_are_opened_twelve_periods_back_and_closed_again(
    connector: DemoConnector,
) -> None:
    before, proof = await connector.read_close_state(), await prove_ledger(connector)
    assert set(before.pointers().values()) == {CURRENT}
    plan = plan_unclose(before, BOOKS, TARGET, GRAPH.modules)
    assert len(plan.steps) == 48
    assert Period(2024, 13) in plan.periods
    await connector.enter_exclusive(FENCE, "UC-1")

    opened, opening = await perform(connector, plan, before)
    assert set(opened.pointers().values()) == {TARGET}
    require_open(await prove_ledger(connector), plan.touched)

    mirror = plan_reclose(opened, before, BOOKS)
    undone = [(step.module, step.period) for step in reversed(plan.steps)]
    assert [(step.module, step.period) for step in mirror.steps] == undone
    closed, closing = await perform(connector, mirror, opened)
    assert closed.pointers() == before.pointers()
    require_equal(proof, await prove_ledger(connector))
    assert len(await connector.journal("UC-1/")) == 96
    for name, took in (("un-close", opening), ("close", closing)):
        halves = [1000 * sum(part) / 24 for part in (took[:24], took[24:])]
        print(f"{name}: {halves[0]:.1f} ms a step in the first half, {halves[1]:.1f} ms in the second")


async def test_no_module_of_a_long_plan_is_opened_out_of_turn(connector: DemoConnector) -> None:
    before = await connector.read_close_state()
    steps = plan_unclose(before, BOOKS, TARGET, (Module.INVENTORY,)).steps
    assert len(steps) == 36
    for period in CALENDAR.span(TARGET, CALENDAR.previous(CURRENT)):
        order = [step.module for step in steps if step.period == period]
        assert order == [Module.GL, Module.COST, Module.INVENTORY]
    assert [step.period for step in steps] == sorted((step.period for step in steps), reverse=True)
