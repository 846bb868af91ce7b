"""Who holds a ledger and for how long: warnings, leases that run out, rights that end, late awakenings."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from activities.demo_erp import closing, isolation
from activities.demo_erp.creation import EXECUTOR
from activities.demo_erp.desk import Desk
from activities.demo_erp.faults import Fault, Faults
from activities.demo_erp.isolation import LEASE
from activities.demo_erp.journal import Act
from activities.demo_erp.ledger import DemoLedger
from activities.demo_erp.rights import CORRECT
from activities.erp.connector import Warned
from activities.erp.demo import DemoConnector, DemoOptions
from activities.ledger import LedgerActivities
from tests.integration.test_demo_ledger import MAY
from workflows.domain.errors import (
    LedgerBusy,
    MissingRight,
    RightNotGranted,
    RightNotWithdrawn,
    SessionsRemain,
    StaleFence,
)
from workflows.domain.ledger import Module, Verb
from workflows.steps import CloseWindowOrder, IsolateOrder, LeaveOrder, WindowOrder

FIRST, SECOND = 3, 4
"""Two fences; the second is taken later."""
NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def connector(path: Path) -> AsyncIterator[DemoConnector]:
    made = DemoConnector(DemoOptions(str(path)))
    yield made
    await made.aclose()


@pytest.fixture
def desk(connector: DemoConnector) -> Desk:
    return Desk(connector.ledger)


@pytest.fixture
def faults(connector: DemoConnector) -> Faults:
    return Faults(connector.ledger)


@contextmanager
def at(path: Path, moment: datetime) -> Iterator[DemoLedger]:
    """The same ledger, seen at another time."""
    with DemoLedger(str(path), clock=lambda: moment) as ledger:
        yield ledger


# --------------------------------------------------------------------------- warnings


async def test_everybody_in_the_ledger_is_told_when_to_leave(connector: DemoConnector, desk: Desk) -> None:
    desk.login("clerk")
    warned = await connector.warn_sessions(MINUTE, FIRST, "UC-1")
    assert {session.person for session in warned.sessions} == {"wang", "clerk"}
    (notice,) = desk.notices("clerk")
    assert (notice.until, notice.reason) == (warned.until, "UC-1")


async def test_a_warning_asked_for_again_is_not_prolonged(path: Path, connector: DemoConnector) -> None:
    with at(path, NOW) as now, at(path, NOW + MINUTE) as later:
        until = isolation.warn(now, FIRST, MINUTE, "UC-1")
        Desk(later).login("clerk")
        assert isolation.warn(later, FIRST, MINUTE, "UC-1") == until == NOW + MINUTE
        assert [notice.until for notice in Desk(later).notices("clerk")] == [until]


async def test_nobody_there_is_nobody_warned(connector: DemoConnector, desk: Desk) -> None:
    desk.logout("wang")
    warned = await connector.warn_sessions(MINUTE, FIRST, "UC-1")
    assert (warned.sessions, warned.until) == ((), None)


async def test_who_was_warned_works_on_until_the_doors_are_shut(connector: DemoConnector, desk: Desk) -> None:
    desk.login("warehouse")
    await connector.warn_sessions(timedelta(0), FIRST, "UC-1")
    desk.unaudit("warehouse", "IN-2025-06-0001")
    await connector.enter_exclusive(FIRST, "UC-1")
    assert await connector.sessions() == ()
    assert desk.notices("warehouse") == ()


async def test_who_ignores_the_warning_and_cannot_be_sent_out_is_named(
    connector: DemoConnector, faults: Faults
) -> None:
    faults.set(Fault.SESSION_WILL_NOT_LEAVE, "wang")
    await connector.warn_sessions(timedelta(0), FIRST, "UC-1")
    with pytest.raises(SessionsRemain, match="wang"):
        await connector.enter_exclusive(FIRST, "UC-1")


async def test_a_case_that_gives_up_takes_its_warning_back(connector: DemoConnector, desk: Desk) -> None:
    await connector.warn_sessions(MINUTE, FIRST, "UC-1")
    await connector.leave_exclusive(FIRST)
    assert desk.notices("wang") == ()


class PeopleListen(DemoConnector):
    """A ledger in which everybody leaves when told to."""

    @override
    async def warn_sessions(self, grace: timedelta, fence: int, reason: str) -> Warned:
        warned = await super().warn_sessions(grace, fence, reason)
        for session in warned.sessions:
            Desk(self.ledger).logout(session.person)
        return warned


async def test_the_doors_are_shut_as_soon_as_everybody_has_left(path: Path) -> None:
    connector = PeopleListen(DemoOptions(str(path)))
    order = IsolateOrder(case="UC-1", ledger="demo", fence=FIRST, reason="UC-1", grace_seconds=3600)
    isolated = await LedgerActivities(OneLedger(connector)).isolate(order)
    assert isolated.ended == ("wang",)
    await connector.aclose()


# --------------------------------------------------------------------------- leases


async def test_a_higher_fence_waits_until_the_lease_has_run_out(path: Path) -> None:
    with at(path, NOW) as now, at(path, NOW + LEASE - MINUTE) as soon, at(path, NOW + LEASE) as later:
        isolation.enter_exclusive(now, FIRST, "UC-1")
        with pytest.raises(LedgerBusy, match="UC-1"):
            isolation.enter_exclusive(soon, SECOND, "UC-2")
        with pytest.raises(LedgerBusy, match="UC-1"):
            isolation.warn(soon, SECOND, MINUTE, "UC-2")
        isolation.enter_exclusive(later, SECOND, "UC-2")


async def test_every_act_of_the_holder_renews_its_lease(path: Path) -> None:
    acts: tuple[Callable[[DemoLedger], None], ...] = (
        lambda ledger: isolation.enter_exclusive(ledger, FIRST, "UC-1"),
        lambda ledger: closing.perform(ledger, an_act(ledger, FIRST, "UC-1/1")),
        lambda ledger: isolation.restrict_to(ledger, ("clerk",), FIRST),
    )
    for n, act in enumerate(acts):
        with at(path, NOW + n * (LEASE - MINUTE)) as ledger:
            act(ledger)
            with ledger.reading() as db:
                assert isolation.read_holding(db).held_until == ledger.clock() + LEASE


async def test_what_another_fence_holds_is_not_let_go(path: Path, desk: Desk) -> None:
    with at(path, NOW) as ledger:
        isolation.enter_exclusive(ledger, FIRST, "UC-1")
        isolation.leave_exclusive(ledger, SECOND)
        with pytest.raises(LedgerBusy):
            Desk(ledger).login("clerk")


async def test_a_free_ledger_refuses_an_old_fence_to_leave_as_well(connector: DemoConnector) -> None:
    await connector.enter_exclusive(SECOND, "UC-2")
    await connector.leave_exclusive(SECOND)
    with pytest.raises(StaleFence):
        await connector.leave_exclusive(FIRST)


def an_act(ledger: DemoLedger, fence: int, key: str) -> Act:
    return Act(Verb.UNCLOSE, Module.GL, ledger.book.index(MAY), fence, key, EXECUTOR)


PAUSED = """
import asyncio, sys
from activities.erp.demo import DemoConnector, DemoOptions
from tests.integration.test_demo_ledger import MAY, a_step
from workflows.domain.errors import StaleFence
from workflows.domain.ledger import Module, Verb

async def main():
    connector = DemoConnector(DemoOptions(sys.argv[1]))
    try:
        await connector.unclose(a_step(Verb.UNCLOSE, Module.GL, MAY), int(sys.argv[2]), "UC-1/1")
    except StaleFence:
        sys.exit(3)

asyncio.run(main())
"""


def a_worker(path: Path, fence: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PAUSED, str(path), str(fence)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2])


async def test_a_worker_paused_in_the_middle_of_an_act_is_refused_when_it_wakes_up(
    path: Path, connector: DemoConnector, faults: Faults
) -> None:
    await connector.enter_exclusive(FIRST, "UC-1")
    faults.set(Fault.PAUSE_BEFORE_COMMIT)
    child = await asyncio.to_thread(a_worker, path, FIRST)
    try:
        _, status = await asyncio.to_thread(os.waitpid, child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        with at(path, datetime.now(UTC) + LEASE) as later:
            isolation.enter_exclusive(later, SECOND, "UC-2")
            closing.perform(later, an_act(later, SECOND, "UC-2/1"))
        child.send_signal(signal.SIGCONT)
        assert await asyncio.to_thread(child.wait) == 3
    finally:
        child.kill()
        child.wait()
    assert [(entry.key, entry.fence) for entry in await connector.journal("UC-")] == [("UC-2/1", SECOND)]
    assert (await connector.read_close_state()).of(Module.GL).current == MAY


async def test_a_worker_that_wakes_up_before_anybody_took_over_goes_on(
    path: Path, connector: DemoConnector, faults: Faults
) -> None:
    await connector.enter_exclusive(FIRST, "UC-1")
    with at(path, datetime.now(UTC) + 2 * LEASE) as later:
        closing.perform(later, an_act(later, FIRST, "UC-1/1"))
    assert (await connector.read_close_state()).of(Module.GL).current == MAY


# --------------------------------------------------------------------------- rights, read back


class OneLedger:
    def __init__(self, demo: DemoConnector) -> None:
        self.demo = demo

    def connector(self, ledger: str) -> DemoConnector:
        return self.demo


@pytest.fixture
async def steps(connector: DemoConnector) -> LedgerActivities:
    await connector.enter_exclusive(FIRST, "UC-1")
    return LedgerActivities(OneLedger(connector))


SOON = NOW + timedelta(hours=1)
OPEN = WindowOrder(case="UC-1", ledger="demo", persons=("clerk", "li"), until=SOON, fence=FIRST)
SHUT = CloseWindowOrder(case="UC-1", ledger="demo", persons=("clerk", "li"), fence=FIRST, mark="0")
LEAVE = LeaveOrder(case="UC-1", ledger="demo", persons=("clerk", "li"), fence=FIRST)


async def test_the_ledger_tells_who_has_which_right_until_when(
    steps: LedgerActivities, connector: DemoConnector
) -> None:
    await steps.open_window(OPEN)
    told = {(held.person, held.right, held.until) for held in await connector.rights(("clerk", "li"))}
    assert told == {("clerk", "write", None), ("clerk", CORRECT, SOON), ("li", CORRECT, SOON)}
    await steps.close_window(SHUT)
    assert [held.right for held in await connector.rights(("clerk", "li"))] == ["write"]


async def test_a_right_that_has_run_out_is_none_and_opens_nothing(
    path: Path, connector: DemoConnector
) -> None:
    await connector.grant(("clerk",), CORRECT, SOON, FIRST)
    with at(path, SOON) as later, Desk(later).seat("clerk") as desk, pytest.raises(MissingRight):
        desk.unaudit("clerk", "IN-2025-06-0001")


@pytest.mark.parametrize("person", ["li", "1"])
async def test_a_right_that_was_silently_not_given_is_found_out(
    steps: LedgerActivities, connector: DemoConnector, faults: Faults, desk: Desk, person: str
) -> None:
    faults.set(Fault.GRANT_NOT_MADE, person)
    with pytest.raises(RightNotGranted):
        await steps.open_window(OPEN)
    with pytest.raises(LedgerBusy):  # nobody is let in on a right that does not exist
        desk.login("clerk")


async def test_a_right_that_was_silently_not_taken_is_found_out(
    steps: LedgerActivities, faults: Faults, desk: Desk
) -> None:
    await steps.open_window(OPEN)
    faults.set(Fault.REVOKE_NOT_MADE, "li")
    with pytest.raises(RightNotWithdrawn, match="li"):
        await steps.close_window(SHUT)
    with pytest.raises(RightNotWithdrawn, match="li"):
        await steps.leave(LEAVE)
    with pytest.raises(LedgerBusy):  # the doors stay shut meanwhile
        desk.login("clerk")
    faults.clear()
    await steps.leave(LEAVE)
    desk.login("clerk")
