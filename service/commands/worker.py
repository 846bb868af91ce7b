"""`unclose worker`: serve task queues until told to stop."""

import os
import sys
from typing import Annotated

import typer

from service import event_loop
from service.commands.opening import open_book, open_hooks, open_own_settings
from service.ledger_book import LedgerBook
from service.logs import set_up_logs
from service.settings import Settings
from service.temporal_client import connect_patiently
from service.worker import Queues, work
from workflows.steps import WORKFLOW_QUEUE

Queue = Annotated[
    str | None, typer.Option(help=f"Queue of the workflows; {WORKFLOW_QUEUE!r} unless --ledgers is given.")
]
Ledgers = Annotated[
    str | None, typer.Option(metavar="A,B", help="Serve these ledgers' own queues, beside their ERP.")
]


def worker(queue: Queue = None, ledgers: Ledgers = None) -> None:
    """Run workflows and activities."""
    settings = open_own_settings()
    open_hooks(settings, to_verify=False)  # what is wrong with them is said at once
    set_up_logs(settings.log_format)
    codes = tuple(code.strip() for code in (ledgers or "").split(",") if code.strip())
    queues = Queues(queue or (None if codes else WORKFLOW_QUEUE), codes)
    event_loop.run(_serve(settings, open_book(settings), queues))
    sys.stderr.flush()
    os._exit(0)  # the interpreter may abort when it ends right after a worker


async def _serve(settings: Settings, book: LedgerBook, queues: Queues) -> None:
    for code in queues.ledgers:
        book.profile(code)  # an unknown one is said at once, not when Temporal is there
    await work(await connect_patiently(settings), settings, book, queues)


COMMAND = worker
