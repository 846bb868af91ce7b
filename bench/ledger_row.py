"""A large ledger: plan with findings against the bare SQL of it, proof against a plain scan of the same rows.

The ledger is loaded from invoice lines: a file of yours, or lines made here. What SQL is needed is what the
product sends; the bare side sends the same statements through the driver alone, and only fetches.
"""

import asyncio
import csv
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, event

from activities.demo_erp.creation import GRAPH
from activities.demo_erp.retail import load_retail
from activities.demo_erp.retail_lines import COLUMNS
from activities.erp.demo import DemoConnector, DemoOptions
from activities.proof import prove_ledger
from bench.harness import Budget, Figures, Line, Result, Spread, take_turns
from bench.processes import BenchFailed
from bench.stage import Stage
from workflows.domain.findings import FindingScope
from workflows.domain.ledger import Module
from workflows.domain.plan import Books, plan_unclose

MADE_LINES = 100_000
_FIRST = datetime(2010, 12, 1, 8, tzinfo=UTC)
_BETWEEN = timedelta(days=374) / MADE_LINES
_ITEMS, _LINES_OF_AN_INVOICE = 4_000, 20
_PERIODS_BACK = 9
_TWICE = Budget(2.0, is_floor=False)
_MEMORY_MIB = 200
_CHUNK = 500

Statement = tuple[str, tuple[Any, ...]]  # Any: what a driver takes
Work = Callable[[DemoConnector], Awaitable[None]]


def measure(stage: Stage, rounds: int) -> Result:
    """Raises BenchFailed."""
    source = stage.lines or _make_lines(stage.folder / "lines.csv")
    place = load_retail(source, stage.folder / "large.sqlite")
    return asyncio.run(_measure(place, rounds))


async def _measure(place: Path, rounds: int) -> Result:
    looking, proving = await _statements(place, look), await _statements(place, prove)
    found = await take_turns(
        {
            "plan and findings": _ours(place, look),
            "their SQL alone": _bare(place, looking),
            "proof": _ours(place, prove),
            "plain scan of its rows": _bare(place, proving),
        },
        rounds,
    )
    looks = Spread.ratio(found["plan and findings"], found["their SQL alone"])
    proofs = Spread.ratio(found["proof"], found["plain scan of its rows"])
    figures = [(name, Spread.of(seconds).text(2)) for name, seconds in found.items()]
    figures.append((f"memory of a process that proves it, in MiB (< {_MEMORY_MIB})", f"{_peak(place):.0f}"))
    return Result(
        (
            Line("large ledger: plan and findings ÷ their SQL alone, seconds", looks, _TWICE),
            Line("large ledger: proof ÷ plain ordered scan of its rows, seconds", proofs, _TWICE),
        ),
        (Figures(f"large ledger of {_count(place):,} document lines", ("what", "seconds"), tuple(figures)),),
    )


# --------------------------------------------------------------------------- ours


async def look(connector: DemoConnector) -> None:
    """What `unclose plan` does."""
    state, calendar = await connector.read_close_state(), connector.ledger.book.calendar
    target = state.of(Module.INVENTORY).current
    for _ in range(_PERIODS_BACK):
        target = calendar.previous(target)
    plan = plan_unclose(state, Books(GRAPH, calendar), target, GRAPH.modules)
    opened = tuple((step.module, step.period) for step in plan.steps)
    await connector.findings(FindingScope(target, GRAPH.modules, opened, (), "unclose"))


async def prove(connector: DemoConnector) -> None:
    await prove_ledger(connector)


def _ours(place: Path, work: Work) -> Callable[[], Coroutine[Any, Any, float]]:
    async def once() -> float:
        connector = DemoConnector(DemoOptions(str(place), read_only=True))
        began = time.perf_counter()
        await work(connector)
        took = time.perf_counter() - began
        await connector.aclose()
        return took

    return once


def _peak(place: Path) -> float:
    """Mebibytes that a process had at most, which did nothing but the proof."""
    command = [sys.executable, "-m", "bench.ledger_row", str(place)]
    proving = subprocess.run(command, capture_output=True, text=True, check=False)
    if proving.returncode != 0:
        raise BenchFailed(f"the proof failed: {proving.stderr.strip()}")
    return float(proving.stdout) / 1024


# --------------------------------------------------------------------------- the bare side


async def _statements(place: Path, work: Work) -> list[Statement]:
    """What the product asks the database meanwhile."""
    connector = DemoConnector(DemoOptions(str(place), read_only=True))
    asked: list[Statement] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await work(connector)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        await connector.aclose()
    return asked


def _bare(place: Path, statements: Sequence[Statement]) -> Callable[[], Awaitable[float]]:
    def once() -> float:
        began = time.perf_counter()
        with closing(sqlite3.connect(place)) as db:
            for statement, parameters in statements:
                cursor = db.execute(statement, parameters)
                while cursor.fetchmany(_CHUNK):
                    pass
        return time.perf_counter() - began

    return lambda: asyncio.to_thread(once)


def _count(place: Path) -> int:
    with closing(sqlite3.connect(place)) as db:
        return int(db.execute("SELECT count(*) FROM document_line").fetchone()[0])


def _make_lines(path: Path) -> Path:
    """A year of invoices of a wholesaler that does not exist; the same ones each time."""
    random = Random(1)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for n in range(MADE_LINES):
            invoice, item = n // _LINES_OF_AN_INVOICE, random.randrange(_ITEMS)
            at = _FIRST + n * _BETWEEN
            price, customer = f"{1 + item % 900 / 100:.2f}", 12_000 + invoice % 2_000
            writer.writerow(
                (
                    100_000 + invoice,
                    f"I{item:04d}",
                    f"ITEM {item}",
                    random.randrange(1, 30),
                    f"{at:%F %T}",
                    price,
                    customer,
                )
            )
    return path


if __name__ == "__main__":
    asyncio.run(_ours(Path(sys.argv[1]), prove)())
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
