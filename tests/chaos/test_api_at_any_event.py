"""Whole cases over HTTP, the API killed right after one event of each: they end as if nothing had been."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from service.database import open_database
from tests.chaos.account import account_of, difference
from tests.chaos.lane import make_originals, put_ledger
from tests.chaos.summary import Summary, spread
from tests.chaos.whole_case import LOOK_EVERY, Glance, correct
from tests.conftest import SAID
from tests.e2e.people import People, people_at
from tests.e2e.tree import Tree, running_tree
from workflows.domain.digest import Json

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

IN_ONE_TREE = 6
"""Who dies again and again is started again later and later, so there is a fresh tree after a few deaths."""


class Killer(threading.Thread):
    """Kills the API as soon as the case on a ledger has come to an event."""

    def __init__(self, tree: Tree, ledger: str, event: int) -> None:
        super().__init__(daemon=True)
        self._tree, self._ledger, self._event = tree, ledger, event
        self._is_over = threading.Event()
        self.killed: int | None = None

    def run(self) -> None:
        with closing(Glance(self._tree.data_dir / "register.sqlite")) as glance:
            while glance.last_event_on(self._ledger) < self._event:
                if self._is_over.wait(LOOK_EVERY):
                    return
            self.killed = self._tree.kill("api")

    def stop(self) -> None:
        self._is_over.set()
        self.join()


@contextmanager
def api_killed_after(event: int, tree: Tree, ledger: str) -> Iterator[None]:
    """Nothing is killed after event 0. Fails if the event never came."""
    killer = Killer(tree, ledger, event)
    if not event:
        yield
        return
    killer.start()
    try:
        yield
    finally:
        killer.stop()
    assert killer.killed is not None, f"there was an event {event}"
    tree.wait_for_another("api", than=killer.killed)


def play(tree: Tree, people: People, ledger: Path, event: int) -> dict[str, Json]:
    """Play a case in which the API is killed after this event; what it has left behind."""
    with api_killed_after(event, tree, ledger.stem):
        case = people.request(ledger=ledger.stem)
        people.approve_all(case)
        people.authorise(case)
        people.wait_for(case, "correcting")
        correct(ledger)
        people.finish(case)
        people.wait_for(case, "completed")
    return asyncio.run(_account(tree.data_dir, case, ledger))


async def _account(data_dir: Path, case: str, ledger: Path) -> dict[str, Json]:
    register = open_database(f"sqlite+aiosqlite:///{data_dir / 'register.sqlite'}")
    try:
        return await account_of(case, register, ledger, data_dir / "evidence")
    finally:
        await register.aclose()


def play_each(data_dir: Path, original: Path, events: Sequence[int]) -> Iterator[tuple[int, dict[str, Json]]]:
    """A case for each event, all in one tree; the account of each."""
    data_dir.mkdir()
    ledgers = {event: put_ledger(data_dir, f"after-{event:04d}", original) for event in events}
    put_ledger(data_dir, "demo", original)  # the tree would take longer to make its own
    with running_tree(data_dir) as tree, people_at(tree.url) as people:
        for event in events:
            yield event, play(tree, people, ledgers[event], event)


def test_the_api_is_killed_after_a_sample_of_events(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    original = make_originals(tmp_path / "original")
    [(_, reference)] = play_each(tmp_path / "undisturbed", original, [0])
    events = reference["events"]
    assert isinstance(events, list)
    points, summary = spread(len(events)), Summary("API")
    for n in range(0, len(points), IN_ONE_TREE):
        some = points[n : n + IN_ONE_TREE]
        for event, account in play_each(tmp_path / f"tree-{n}", original, some):
            summary.note(event, difference(reference, account))
    record_property(SAID, str(summary))
    assert summary.tried >= 10
    assert summary.fallen == {}
