"""Plans over a whole year and more: thirteen periods a year, several modules, one step after the other."""

import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.erp.demo import DemoConnector, DemoOptions
from activities.proof import prove_ledger
from tests.long_ledger import CALENDAR, CURRENT, GRAPH, TARGET, create_long_ledger
from workflows.domain.ledger import CloseState, Module, Verb
from workflows.domain.period import Period
from workflows.domain.plan import Books, Plan, plan_reclose, plan_unclose, verify_movement
from workflows.domain.proof import require_equal, require_open

FENCE = 5
BOOKS = Books(GRAPH, CALENDAR)


@pytest.fixture(scope="module")
def long_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_long_ledger(tmp_path_factory.mktemp("long") / "y13.db")


@pytest.fixture
def place(long_ledger: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(long_ledger, tmp_path / "y13.db"))


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
