"""`python -m bench`: measure, and print the ratios of design §16."""

import json
import os
import platform
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench import (
    act_row,
    archive_row,
    backup_row,
    case_row,
    ledger_row,
    post_row,
    reads_row,
    report_row,
    webhook_row,
)
from bench.harness import Figures, Line, Result
from bench.processes import BenchFailed, Machine
from bench.stage import Stage, stage

_WIDTH = 130
"""Of tables that go to a file."""


_MET = {True: "yes", False: "[red]no[/red]", None: ""}


class Row(StrEnum):
    CASE = "case"
    POST = "post"
    ACT = "act"
    READS = "reads"
    ARCHIVE = "archive"
    LEDGER = "ledger"
    BACKUP = "backup"
    WEBHOOK = "webhook"
    REPORT = "report"


_ROWS: Mapping[Row, Callable[[Stage, int], Result]] = {
    Row.CASE: case_row.measure,
    Row.POST: post_row.measure,
    Row.ACT: act_row.measure,
    Row.READS: reads_row.measure,
    Row.ARCHIVE: archive_row.measure,
    Row.LEDGER: ledger_row.measure,
    Row.BACKUP: backup_row.measure,
    Row.WEBHOOK: webhook_row.measure,
    Row.REPORT: report_row.measure,
}


def bench(
    rounds: Annotated[int, typer.Option(min=1, help="How often the subjects take turns.")] = 3,
    only: Annotated[Row | None, typer.Option(help="Measure this row alone.")] = None,
    lanes: Annotated[int, typer.Option(min=1, help="Ledgers, and so cases, beside each other.")] = 4,
    lines: Annotated[
        Path | None,
        typer.Option(exists=True, help="Invoice lines for the large ledger; else some are made up."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every figure there too.")] = None,
) -> None:
    """Measure ratios in one run, interleaved, with their spread."""
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    signal.signal(signal.SIGTERM, _leave)
    machine = Machine()
    try:
        with stage(lanes, lines) as on:
            results: dict[Row, Result] = {}
            for row in (row for row in _ROWS if only in (None, row)):
                with console.status(f"measuring {row}, {rounds} rounds"):
                    results[row] = _ROWS[row](on, rounds)
    except BenchFailed as failure:
        console.print(f"[red]{failure}[/red]", highlight=False)
        sys.exit(1)
    for result in results.values():
        for figures in result.figures:
            console.print(_figures(figures))
    console.print(_ratios([line for result in results.values() for line in result.lines], rounds))
    console.print(_ground(lanes, machine), highlight=False)
    if json_file:
        json_file.write_text(json.dumps(_plain(results), ensure_ascii=False, indent=1))


def _leave(number: int, frame: FrameType | None) -> None:
    """Leave by the front door, so that nothing stays behind."""
    sys.exit(128 + number)


def _ground(lanes: int, machine: Machine) -> str:
    """What the figures stand on; only the ratios mean something elsewhere."""
    python, sdk = platform.python_version(), version("temporalio")
    idle, stolen = machine.shares()
    used = f"{os.cpu_count()} cores, {idle:.0%} idle, {stolen:.0%} stolen by the host"
    return f"{used} · Python {python} · Temporal SDK {sdk} · {lanes} lanes"


def _ratios(lines: list[Line], rounds: int) -> Table:
    table = Table(title=f"Ratios: median \\[min..max] of {rounds} rounds", title_justify="left")
    for heading in ("what", "ratio", "budget", "met"):
        table.add_column(heading)
    for line in lines:
        table.add_row(line.what, line.ratio.text(2), str(line.budget or ""), _MET[line.is_met])
    return table


def _figures(figures: Figures) -> Table:
    table = Table(title=figures.title, title_justify="left")
    for n, heading in enumerate(figures.headings):
        table.add_column(heading, justify="right" if n else "left")
    for line in figures.lines:
        table.add_row(*line)
    return table


def _plain(results: Mapping[Row, Result]) -> Any:  # Any: JSON
    return {
        row: {
            "ratios": [asdict(line) | {"is_met": line.is_met} for line in result.lines],
            "figures": [asdict(figures) for figures in result.figures],
        }
        for row, result in results.items()
    }


if __name__ == "__main__":
    typer.run(bench)
