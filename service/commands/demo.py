"""`unclose demo`: a fresh tree, one whole case on it, and what came of it."""

import asyncio
import signal
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

import httpx
import typer
from rich.console import Console

from service.demo.checks import Claim, check_ledger
from service.demo.forms import FakeJiandaoyun, FormPlay
from service.demo.people import Answered, Json, Person
from service.demo.screen import Screen
from service.demo.script import LEDGER, Cast, NotCompleted, Played, cast
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


Jiandaoyun = Annotated[
    bool, typer.Option("--jiandaoyun", help="Begin with a form in a fake Jiandaoyun; needs the source.")
]


def demo(
    stop_after: Exit = False, port: Port = None, data_dir: DataDir = None, jiandaoyun: Jiandaoyun = False
) -> None:
    """Start everything embedded, play one whole case, say what came of it, and go on serving."""
    signal.signal(signal.SIGTERM, _interrupt)
    screen, folder = Screen(Console()), _folder(data_dir)
    with ExitStack() as everything:
        fake = everything.enter_context(FakeJiandaoyun(folder)) if jiandaoyun else None
        stage = everything.enter_context(Stage(folder, _free(port)))
        url = _play(stage, screen, fake)
        if not stop_after:
            screen.say(f"\nserving on {url} until Ctrl-C")
            with suppress(KeyboardInterrupt):
                stage.wait()


def _play(stage: Stage, screen: Screen, fake: FakeJiandaoyun | None) -> str:
    try:
        with screen.live():
            screen.doing("starting API, worker, Temporal and the demo ledger")
            url = stage.wait_until_ready()
            screen.say(f"{url} is ready; state is kept in {stage.data_dir}\n")
            played, claims = asyncio.run(_whole_case(url, stage.data_dir, screen, fake))
    except (NotCompleted, Answered, TimeoutError) as error:
        raise CommandFailed(f"the case did not go as it should: {error}", stage.log_tail()) from error
    _tell(played, claims, stage.data_dir, url, screen)
    if not all(claim.holds for claim in claims):
        raise CommandFailed("the ledger is not as it should be", stage.log_tail())
    return url


async def _whole_case(
    url: str, folder: Path, screen: Screen, fake: FakeJiandaoyun | None
) -> tuple[Played, tuple[Claim, ...]]:
    book = LedgerBook.load(folder / "ledgers.toml")
    try:
        async with cast(url, screen) as people:
            before = await people.pointers()
            played, claims = await (_from_form(people, before, fake) if fake else _asked(people, before))
        return played, (*await check_ledger(book.connector(LEDGER), before), *claims)
    finally:
        await book.aclose()


async def _asked(people: Cast, before: Mapping[str, str]) -> tuple[Played, tuple[Claim, ...]]:
    return await people.play(before), ()


async def _from_form(
    people: Cast, before: Mapping[str, str], fake: FakeJiandaoyun
) -> tuple[Played, tuple[Claim, ...]]:
    async with httpx.AsyncClient(base_url=fake.url) as http:
        form = FormPlay(fake, http, people.screen)

        async def ask(clerk: Person) -> Json:
            accepted = await form.ask(clerk)
            watching.append(asyncio.create_task(form.watch()))
            return accepted

        watching: list[asyncio.Task[None]] = []
        try:
            played = await people.play(before, ask)
            return played, await form.claims(people.clerk, played.case["id"])
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)


def _tell(played: Played, claims: tuple[Claim, ...], folder: Path, url: str, screen: Screen) -> None:
    screen.say("")
    for line in played.clocks:
        screen.say(line)
    for claim in claims:
        screen.say(f"[{'green' if claim.holds else 'red'}]{'✓' if claim.holds else '✗'}[/] {claim.says}")
    for report in played.reports:
        screen.say(f"report    {folder / report}")
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
