"""Whole cases over many periods: four modules and twelve periods back are 48 steps each way."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.erp.demo import DemoConnector, DemoOptions
from activities.proof import prove_ledger
from tests.conftest import SAID
from tests.demo_stage import DemoLedgers
from tests.long_ledger import CALENDAR, CURRENT, GRAPH, create_long_ledger
from tests.scene import SHANGHAI, Scene, on_stage
from workflows.domain.case import EventKind
from workflows.domain.period import Period
from workflows.domain.request import CaseState

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1200)]

EVERY_SIZE = os.environ.get("UNCLOSE_EVERY_EVENT") == "1"
"""`make chaos` plays all sizes; a usual run the small ones, for time's sake."""
SIZES = (1, 3, 6, 12) if EVERY_SIZE else (1, 3)

PER_STEP = 2.5
"""History events that one step may cost, which is done on the copy and on the ledger."""
SLACK = 0.5
"""How far the cost of a step may differ between sizes: workflow tasks fall together now so, now so."""


@dataclass(frozen=True)
class Played:
    """What one case has left."""

    periods: int
    history: int
    """Events in the history of its workflow."""
    on_record: int
    """Events in the register."""
    seconds: float
    """From the last consent to the end."""

    @property
    def steps(self) -> int:
        return 2 * self.periods * len(GRAPH.modules)

    def __str__(self) -> str:
        per_step = 1000 * self.seconds / self.steps
        return (
            f"| {self.periods} | {self.steps} | {self.history} | {self.on_record} "
            f"| {self.seconds:.1f} s | {per_step:.0f} ms |"
        )


def periods_back(count: int) -> Period:
    target = CURRENT
    for _ in range(count):
        target = CALENDAR.previous(target)
    return target


async def play(environment: WorkflowEnvironment, folder: Path, ledger: Path, periods: int) -> Played:
    connector = DemoConnector(DemoOptions(str(shutil.copy(ledger, folder / f"of-{periods}.db"))))
    ledgers = DemoLedgers(connector, graph=GRAPH, calendar=CALENDAR)
    before, pointers = await prove_ledger(connector), (await connector.read_close_state()).pointers()
    async with on_stage(Scene(environment, folder, ledgers=ledgers)) as scene:
        case = await scene.request(
            target_period=periods_back(periods),
            modules=GRAPH.modules,
            scope=(),
            vendor_ticket="KD-4711",
            acknowledgement=f"{datetime.now(SHANGHAI).date().isoformat()} 已知悉跨年风险",
        )
        await case.consent()
        began = time.perf_counter()
        await case.has_changed(lambda: case.register_state in (CaseState.CORRECTING, CaseState.ATTENTION))
        await case.finish()
        assert (await case.end()).state == CaseState.COMPLETED
        took = time.perf_counter() - began
        assert (await connector.read_close_state()).pointers() == pointers
        assert (await prove_ledger(connector)).root == before.root
        done = [event["key"] for event in scene.register.told(case.wish.id, EventKind.STEP_DONE)]
        keys = [entry.key for entry in await connector.journal(f"{case.wish.id}/")]
        assert sorted(keys) == sorted(str(key) for key in done)
        assert len(set(keys)) == len(keys) == 2 * periods * len(GRAPH.modules)
        history = await case.handle.fetch_history()
        played = Played(periods, len(history.events), len(scene.register.events[case.wish.id]), took)
    await connector.aclose()
    return played


async def test_history_grows_with_the_steps_and_with_nothing_else(
    shared_temporal: WorkflowEnvironment, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    ledger = create_long_ledger(tmp_path / "y13.db")
    played = [await play(shared_temporal, tmp_path, ledger, n) for n in SIZES]
    head = (
        "| periods | steps | history events | events on record | time | a step |\n|---|---|---|---|---|---|"
    )
    record_property(SAID, "\n".join((head, *map(str, played))))
    first, second = played[0], played[1]
    steps = second.steps - first.steps
    per_step = (second.history - first.history) / steps
    assert per_step <= PER_STEP
    for one in played[2:]:
        more = one.steps - second.steps
        assert abs((one.history - second.history) / more - per_step) <= SLACK
        assert (one.on_record - second.on_record) * steps == (second.on_record - first.on_record) * more
