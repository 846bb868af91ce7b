"""`unclose demo`: a fresh tree, one whole case on it, and what came of it."""

import asyncio
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from service.demo.checks import Claim, check_ledger
from service.demo.people import Answered
from service.demo.screen import Screen
from service.demo.script import LEDGER, NotCompleted, Played, cast
from service.demo.stage import Stage
from service.dev_tree import HOST
from service.failures import CommandFailed
from service.ledger_book import LedgerBook
from service.listener import PortTaken, listen

PREFERRED_PORT = 8000

Exit = Annotated[bool, typer.Option("--exit", help="Stop after the case instead of serving on.")]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help=f"Port of the API; {PREFERRED_PORT}, or a free one."),
]
DataDir = Annotated[
    Path | None, typer.Option(file_okay=False, help="Folder for all state; a new one under `var` by default.")
]


def demo(stop_after: Exit = False, port: Port = None, data_dir: DataDir = None) -> None:
    """Start everything embedded, play one whole case, say what came of it, and go on serving."""
    signal.signal(signal.SIGTERM, _interrupt)
    screen = Screen(Console())
    with Stage(_folder(data_dir), _free(port)) as stage:
        url = _play(stage, screen)
        if not stop_after:
            screen.say(f"\nserving on {url} until Ctrl-C")
            with suppress(KeyboardInterrupt):
                stage.wait()


def _play(stage: Stage, screen: Screen) -> str:
    try:
        with screen.live():
            screen.doing("starting API, worker, Temporal and the demo ledger")
            url = stage.wait_until_ready()
            screen.say(f"{url} is ready; state is kept in {stage.data_dir}\n")
            played, claims = asyncio.run(_whole_case(url, stage.data_dir, screen))
    except (NotCompleted, Answered, TimeoutError) as error:
        raise CommandFailed(f"the case did not go as it should: {error}", stage.log_tail()) from error
    _tell(played, claims, stage.data_dir, url, screen)
    if not all(claim.holds for claim in claims):
        raise CommandFailed("the ledger is not as it should be", stage.log_tail())
    return url


async def _whole_case(url: str, folder: Path, screen: Screen) -> tuple[Played, tuple[Claim, ...]]:
    book = LedgerBook.load(folder / "ledgers.toml")
    try:
        async with cast(url, screen) as people:
            before = await people.pointers()
            played = await people.play(before)
        return played, await check_ledger(book.connector(LEDGER), before)
    finally:
        await book.aclose()


def _tell(played: Played, claims: tuple[Claim, ...], folder: Path, url: str, screen: Screen) -> None:
    screen.say("")
    for line in played.clocks:
        screen.say(line)
    for claim in claims:
        screen.say(f"[{'green' if claim.holds else 'red'}]{'✓' if claim.holds else '✗'}[/] {claim.says}")
    screen.say(f"evidence  {folder / played.sealed_in}")
    screen.say(f"case      {url}{played.case['links']['self']}")
    screen.say(f"address   {url}")


def _folder(given: Path | None) -> Path:
    if given is not None:
        return given.expanduser().resolve()
    home = Path("var").resolve()
    home.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="demo-", dir=home))


def _free(port: int | None) -> int:
    if port is not None:
        return port
    try:
        listen(HOST, PREFERRED_PORT).close()
    except PortTaken:
        return 0
    return PREFERRED_PORT


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


COMMAND = demo
