"""`unclose ledger load`: a ledger built from invoice lines, its periods closed by its own rules."""

import asyncio
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import func, select

from activities.demo_erp import tables
from activities.demo_erp.ledger import DemoLedger
from activities.demo_erp.retail import NAME, load_retail
from activities.demo_erp.retail_lines import InvoiceLinesUnreadable
from activities.erp.demo import DemoConnector, DemoOptions
from service.commands.opening import DataDir, open_settings
from service.commands.printing import open_console
from service.failures import MISUSED, CommandFailed
from service.ledger_book import add_demo_ledger, ledgers_path, require_plain

Source = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE", help="Invoice lines, .csv or .csv.gz.")
]
Code = Annotated[
    str, typer.Option("--ledger", help="Code of the new ledger: small letters, digits, - and _.")
]
Replace = Annotated[bool, typer.Option("--replace", help="Put it in the place of one that is there.")]


@dataclass(frozen=True)
class Loaded:
    """What stands in the new ledger."""

    lines: int
    documents: int
    periods: int
    closed: int


def load(file: Source, ledger: Code = "retail", data_dir: DataDir = None, replace: Replace = False) -> None:
    """Build a ledger from invoice lines, close its periods, and add it to the configured ledgers."""
    settings = open_settings(data_dir)
    try:
        require_plain(ledger)
    except ValueError as error:
        raise CommandFailed(str(error), "give another --ledger", code=MISUSED) from error
    place = settings.data_dir / f"{ledger}.sqlite"
    if place.exists() and not replace:
        raise CommandFailed(f"there is a ledger at {place} already", "give another --ledger, or --replace")
    began = time.monotonic()
    try:
        _build(file, place)
    except InvoiceLinesUnreadable as error:
        raise CommandFailed(str(error), code=MISUSED) from error
    add_demo_ledger(ledgers_path(settings.ledgers, settings.data_dir, settings.dev), ledger, NAME)
    _tell(_look_at(place), time.monotonic() - began, place)


def _build(file: Path, place: Path) -> None:
    """Build beside the place and move there whole, so that a failure leaves what was there."""
    draft = place.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with _progress() as report:
        load_retail(file, draft, report)
    for left in ("-wal", "-shm"):
        place.with_name(place.name + left).unlink(missing_ok=True)
    draft.replace(place)


class _Report:
    """Passes on how far the loading has come."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks = {stage: bars.add_task(stage, total=None) for stage in ("reading", "closing")}

    def __call__(self, stage: str, done: int, total: int) -> None:
        self._bars.update(self._tasks[stage], completed=done, total=total)


@contextmanager
def _progress() -> Iterator[_Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=open_console()) as bars:
        yield _Report(bars)


def _look_at(place: Path) -> Loaded:
    with DemoLedger(str(place), read_only=True) as ledger, ledger.reading() as db:
        lines = db.scalar(select(func.count()).select_from(tables.document_line)) or 0
        documents = db.scalar(select(func.count()).select_from(tables.document)) or 0
        book = ledger.book
    connector = DemoConnector(DemoOptions(str(place), read_only=True))
    states = asyncio.run(connector.read_close_state()).modules
    asyncio.run(connector.aclose())
    closed = {book.index(state.current) - book.index(state.start) for state in states}
    return Loaded(lines, documents, max(closed) + 1, min(closed))


def _tell(loaded: Loaded, seconds: float, place: Path) -> None:
    typer.echo(
        f"{loaded.lines:,} lines in {loaded.documents:,} documents over {loaded.periods} periods, "
        f"{loaded.closed} of them closed\n{seconds:.0f} s, peak memory {_peak_mib():.0f} MiB, {place}"
    )


def _peak_mib() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
