"""`unclose ledger`: what is closed, building a ledger from invoice lines, and the cases there were."""

import asyncio
from typing import Annotated

import typer

from service.commands.load import load
from service.commands.opening import DataDir, open_book, open_settings
from service.commands.printing import open_console, open_table
from service.database import open_database
from service.failures import CommandFailed
from service.queries import CaseFilter, CaseHead, Page, Reader, Slice
from workflows.domain.errors import StorageUnavailable
from workflows.domain.ledger import CloseState

COMMAND = typer.Typer(no_args_is_help=True)
COMMAND.command()(load)

Ledger = Annotated[str, typer.Option(help="Code of the ledger in ledgers.toml.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="How many cases, newest first.")]


@COMMAND.command()
def status(ledger: Ledger, data_dir: DataDir = None) -> None:
    """Show start, current and locked periods of every module."""
    book = open_book(open_settings(data_dir))
    profile = book.profile(ledger)

    async def read() -> CloseState:
        try:
            return await book.connector(ledger).read_close_state()
        finally:
            await book.aclose()

    table = open_table(f"{profile.code} · {profile.name}", "module", "start", "current", "locked")
    for module in asyncio.run(read()).modules:
        locked = ", ".join(str(period) for period in module.locked) or "–"
        table.add_row(module.module, str(module.start), str(module.current), locked)
    open_console().print(table)


@COMMAND.command()
def history(ledger: Ledger, data_dir: DataDir = None, limit: Limit = 50) -> None:
    """List the un-close cases of a ledger."""
    settings = open_settings(data_dir)
    open_book(settings).profile(ledger)

    async def read() -> Page[CaseHead]:
        database = open_database(settings.database_url)
        try:
            return await Reader(database).cases(CaseFilter(ledger=ledger), Slice(limit))
        except StorageUnavailable as error:
            raise CommandFailed(str(error), "run `unclose migrate` once, and again after upgrades") from error
        finally:
            await database.aclose()

    page = asyncio.run(read())
    table = open_table(f"cases on {ledger}", *_COLUMNS)
    for case in page.items:
        table.add_row(*_row(case))
    open_console().print(table if page.items else f"no case on {ledger} yet")


_COLUMNS = ("case", "state", "period", "applicant", "reason", "clock A", "clock B", "changed")


def _row(case: CaseHead) -> tuple[str, ...]:
    request = case.request
    return (
        request.id,
        case.state,
        str(request.target_period),
        request.applicant,
        request.reason_code,
        _seconds(case.clock_a_ms),
        _seconds(case.clock_b_ms),
        case.updated_at.isoformat(timespec="seconds"),
    )


def _seconds(milliseconds: int | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds / 1000:.1f} s"
