"""A whole case, once for every event of it, something killed right after: it ends as if nothing had been."""

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

import pytest

from tests.chaos.account import difference
from tests.chaos.lane import Lane, make_originals
from tests.chaos.mortal_worker import Fate, Nursery, nursery
from tests.chaos.summary import Summary, spread
from tests.chaos.temporal import TemporalServer, running_temporal
from tests.chaos.whole_case import PATIENCE, CasePutBack, Glance, WholeCase, until
from tests.conftest import SAID
from tests.e2e.tree import is_alive
from workflows.domain.digest import Json

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

LANES = (os.cpu_count() or 1) + 1
"""One more than processors: much of the time of a killed case is waiting for Temporal to notice."""

LONG = 4 * PATIENCE
"""Seconds that a case may take to come to any of its events."""

Account = dict[str, Json]

EVERY_EVENT = os.environ.get("UNCLOSE_EVERY_EVENT") == "1"
"""`make chaos` kills the worker after each event; a usual run after every sixth, for time's sake."""
SAMPLED = 6


@dataclass(frozen=True)
class Theatre:
    """Temporal, the lanes, and the process that workers are forked from."""

    server: TemporalServer
    nursery: Nursery
    lanes: tuple[Lane, ...]

    def worker(self, lane: Lane, fate: Fate | None = None) -> int:
        return self.nursery.worker(lane.settings, lane.log, fate)


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    folder = tmp_path_factory.mktemp("every-event")
    names = tuple(f"lane{n}" for n in range(LANES))
    original = make_originals(folder / "original")
    with running_temporal(folder, names) as server, nursery(folder / "nursery.log") as workers:
        lanes = tuple(Lane(name, folder / name, server.address, original) for name in names)
        for lane in lanes:
            lane.prepare()
        yield Theatre(server, workers, lanes)


def case_after(killed: str, event: int) -> str:
    """The case in which this is killed after this event; in number 0 nothing is."""
    return f"UC-{killed}-{event:04d}"


def kill(worker: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)


async def undisturbed(
    theatre: Theatre, killed: str, script: type[WholeCase] = WholeCase
) -> tuple[Account, list[str]]:
    """The account of a case in which nothing is killed, and the kinds of its events."""
    lane, case = theatre.lanes[0], case_after(killed, 0)
    lane.open_ledger(case)
    worker = theatre.worker(lane)
    account = await lane.play(case, script)
    kill(worker)
    events = account["events"]
    assert isinstance(events, list)
    return account, [str(event["kind"]) for event in events if isinstance(event, dict)]


async def became(playing: asyncio.Task[Account], reference: Account) -> str:
    """How a case went otherwise than it should; empty if it did not."""
    try:
        return difference(reference, await playing)
    except Exception as failure:  # the other points are tried nevertheless
        return f"{type(failure).__name__}: {failure}"


class DeathsInLane:
    """Plays one case after another in a lane. Who takes over from a dead worker dies in the next case."""

    def __init__(
        self,
        theatre: Theatre,
        lane: Lane,
        points: deque[int],
        reference: Account,
        killed: str = "worker",
        script: type[WholeCase] = WholeCase,
    ) -> None:
        self._theatre, self._lane, self._points, self._reference = theatre, lane, points, reference
        self._killed, self._script = killed, script

    async def happen(self, summary: Summary) -> None:
        event, worker = self._next()
        while event:
            playing = asyncio.create_task(self._lane.play(case_after(self._killed, event), self._script))
            await until(lambda: playing.done() or not is_alive(worker), "the worker is dead", LONG)  # noqa: B023
            was_killed = not is_alive(worker)
            kill(worker)
            following, worker = self._next()
            end = await became(playing, self._reference)
            summary.note(event, end if was_killed else f"the worker was not killed; {end}")
            event = following
        kill(worker)

    def _next(self) -> tuple[int, int]:
        """The next event, 0 if there is none, and a worker that does not outlive it."""
        if not self._points:
            return 0, self._theatre.worker(self._lane)
        event = self._points.popleft()
        case = case_after(self._killed, event)
        self._lane.open_ledger(case)
        return event, self._theatre.worker(self._lane, Fate(case, event))


async def test_the_worker_is_killed_after_every_event(
    theatre: Theatre, record_property: Callable[[str, object], None]
) -> None:
    reference, kinds = await undisturbed(theatre, "worker")
    chosen = range(1, len(kinds) + 1, 1 if EVERY_EVENT else SAMPLED)
    points, summary = deque(chosen), Summary("worker")
    lanes = [DeathsInLane(theatre, lane, points, reference) for lane in theatre.lanes]
    await asyncio.gather(*(lane.happen(summary) for lane in lanes))
    record_property(SAID, str(summary))
    assert summary.tried == len(chosen)
    assert summary.fallen == {}


async def test_the_worker_is_killed_while_everything_is_put_back(
    theatre: Theatre, record_property: Callable[[str, object], None]
) -> None:
    reference, kinds = await undisturbed(theatre, "putback", CasePutBack)
    failed = kinds.index("step_failed") + 1
    # Up to the failure the case is as any other.
    chosen = range(1, len(kinds) + 1) if EVERY_EVENT else range(failed, len(kinds) + 1, SAMPLED)
    points, summary = deque(chosen), Summary("worker of a case that is put back")
    lanes = [DeathsInLane(theatre, lane, points, reference, "putback", CasePutBack) for lane in theatre.lanes]
    await asyncio.gather(*(lane.happen(summary) for lane in lanes))
    record_property(SAID, str(summary))
    assert summary.tried == len(chosen)
    assert summary.fallen == {}


async def test_the_temporal_server_is_killed_after_a_sample_of_events(
    theatre: Theatre, record_property: Callable[[str, object], None]
) -> None:
    reference, kinds = await undisturbed(theatre, "temporal")
    lane, points, summary = theatre.lanes[0], spread(len(kinds)), Summary("Temporal server")
    for event in points:
        lane.open_ledger(case_after("temporal", event))
    worker = theatre.worker(lane)
    with closing(Glance(lane.register)) as glance:
        for event in points:
            case = case_after("temporal", event)
            playing = asyncio.create_task(lane.play(case))
            await until(lambda: playing.done() or glance.last_event(case) >= event, "the event", LONG)  # noqa: B023
            theatre.server.kill()
            theatre.server.start()
            summary.note(event, await became(playing, reference))
    kill(worker)
    record_property(SAID, str(summary))
    assert summary.tried >= 10
    assert summary.fallen == {}
