"""Anything may be killed outright while periods are opened: the case completes, and nothing happens twice."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from activities.demo_erp import tables
from activities.demo_erp.faults import Fault, Faults
from activities.demo_erp.journal import entries
from activities.demo_erp.ledger import DemoLedger
from tests.e2e.people import People, people_at
from tests.e2e.tree import Tree, eventually, running_tree

pytestmark = pytest.mark.slow

MODULES = ("gl", "cost", "inventory")
PERIODS = ("2025-05", "2025-04", "2025-03")
OPENED = [f"unclose {module} {period}" for period in PERIODS for module in MODULES]
CLOSED = [act.replace("unclose", "reclose") for act in reversed(OPENED)]
A_LONG_TIME_AGO = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
SLOW = 300
"""Milliseconds that each act takes longer, so that a kill finds one under way."""


class Witness:
    """The ledger's own journal and its faults, past Unclose."""

    def __init__(self, place: Path) -> None:
        self._ledger = DemoLedger(str(place))
        self.faults = Faults(self._ledger)

    def acts(self, case: str) -> list[str]:
        """Every act that was done for the case, in the order it was done."""
        with self._ledger.reading() as db:
            return [entry.act for entry in entries(db, f"{case}/")]

    def let_the_lease_run_out(self) -> None:
        """As if longer than a lease had passed since the holder's latest act."""
        with self._ledger.writing() as db:
            db.execute(update(tables.holding).values(held_until=A_LONG_TIME_AGO))

    def wait_for_acts(self, case: str, count: int) -> None:
        eventually(lambda: len(self.acts(case)) >= count, f"{count} acts are on the ledger's journal")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    with running_tree(tmp_path_factory.mktemp("chaos")) as running:
        yield running


@pytest.fixture
def witness(tree: Tree) -> Iterator[Witness]:
    found = Witness(tree.data_dir / "demo.sqlite")
    yield found
    found.faults.clear()


@pytest.fixture
def people(tree: Tree, witness: Witness, request: pytest.FixtureRequest) -> Iterator[People]:
    failed_before = request.session.testsfailed
    with people_at(tree.url) as everyone:
        yield everyone
    if request.session.testsfailed > failed_before:
        print(tree.logs())


def released(people: People) -> str:
    """A case up to the moment from which only machines act."""
    case = people.request()
    people.approve_all(case)
    people.authorise(case)
    return case


def complete(people: People, case: str) -> None:
    """Nothing to correct: straight on to the end."""
    people.wait_for(case, "correcting")
    people.finish(case)
    people.wait_for(case, "completed")


@pytest.mark.parametrize("acts", [1, 4, 8])
def test_the_worker_is_killed_between_two_steps(
    tree: Tree, people: People, witness: Witness, acts: int
) -> None:
    before = people.pointers()
    witness.faults.set(Fault.SLOW, SLOW)
    case = released(people)
    witness.wait_for_acts(case, acts)
    tree.wait_for_another("worker", than=tree.kill("worker"))
    complete(people, case)
    assert witness.acts(case) == OPENED + CLOSED
    assert people.pointers() == before


@pytest.mark.parametrize("act", [2, 12])
def test_the_worker_dies_before_it_can_tell_what_it_did(
    tree: Tree, people: People, witness: Witness, act: int
) -> None:
    first = tree.pids()["worker"]
    witness.faults.set(Fault.CRASH_AFTER_ACT, act)
    case = released(people)
    complete(people, case)
    assert tree.pids()["worker"] != first
    assert witness.acts(case) == OPENED + CLOSED


def test_the_temporal_server_is_killed(tree: Tree, people: People, witness: Witness) -> None:
    witness.faults.set(Fault.SLOW, SLOW)
    case = released(people)
    witness.wait_for_acts(case, 3)
    tree.wait_for_another("temporal", than=tree.kill("temporal"))
    complete(people, case)
    assert witness.acts(case) == OPENED + CLOSED


def test_the_api_is_killed(tree: Tree, people: People, witness: Witness) -> None:
    witness.faults.set(Fault.SLOW, SLOW)
    case = released(people)
    witness.wait_for_acts(case, 3)
    tree.wait_for_another("api", than=tree.kill("api"))
    complete(people, case)
    assert witness.acts(case) == OPENED + CLOSED


def test_a_worker_paused_past_its_lease_finds_the_ledger_held_by_a_higher_fence(
    tree: Tree, people: People, witness: Witness
) -> None:
    before = people.pointers()
    witness.faults.set(Fault.SLOW, 10 * SLOW)
    case = released(people)
    witness.wait_for_acts(case, 2)
    time.sleep(SLOW / 1000)  # past the commit, into the next act
    tree.pause("worker")
    witness.let_the_lease_run_out()
    witness.faults.clear()
    with tree.another("worker"):
        complete(people, case)
        next_case = released(people)
        people.wait_for(next_case, "correcting")
        tree.go_on("worker")
        eventually(lambda: "StaleFence" in tree.logs(1000) or None, "the late act is refused")
        people.finish(next_case)
        people.wait_for(next_case, "completed")
    for each in (case, next_case):
        assert witness.acts(each) == OPENED + CLOSED
        assert [event["kind"] for event in people.timeline(each)].count("sealed") == 1
    assert people.pointers() == before
