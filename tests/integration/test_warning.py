"""Whoever is in the ledger is given the time of the ledger's configuration to leave (R58)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment
from typing_extensions import override

from activities.demo_erp.desk import Desk
from activities.demo_erp.faults import Fault, Faults
from activities.erp.connector import Warned
from activities.erp.demo import DemoConnector, DemoOptions
from tests.demo_stage import DemoLedgers
from tests.scene import Play, Scene, on_stage
from workflows.domain.case import EventKind
from workflows.domain.request import CaseState

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Watched(DemoConnector):
    """A ledger that keeps how long people were given, and whether its doors were shut before that."""

    def __init__(self, path: Path, *, people_listen: bool) -> None:
        super().__init__(DemoOptions(str(path)))
        self.people_listen = people_listen
        self.given: list[timedelta] = []
        self.shut_in_time: list[bool] = []
        self._until: datetime | None = None

    @override
    async def warn_sessions(self, grace: timedelta, fence: int, reason: str) -> Warned:
        warned = await super().warn_sessions(grace, fence, reason)
        self.given.append(grace)
        self._until = warned.until
        for session in warned.sessions:
            if self.people_listen:
                Desk(self.ledger).logout(session.person)
            else:
                Faults(self.ledger).set(Fault.SESSION_WILL_NOT_LEAVE, session.person)
        return warned

    @override
    async def enter_exclusive(self, fence: int, reason: str) -> None:
        self.shut_in_time.append(self._until is None or datetime.now(UTC) < self._until)
        await super().enter_exclusive(fence, reason)


@asynccontextmanager
async def released(
    temporal: WorkflowEnvironment, folder: Path, connector: Watched, seconds: int
) -> AsyncIterator[Play]:
    """A case that may act on this ledger now, where somebody sits."""
    ledgers = DemoLedgers(connector, warning_seconds=seconds)
    async with on_stage(Scene(temporal, folder, ledgers=ledgers)) as scene:
        play = await scene.request()
        await play.consent()
        yield play
    await connector.aclose()


async def test_people_have_the_time_of_their_ledger_and_nobody_waits_once_they_have_left(
    shared_temporal: WorkflowEnvironment, path: Path, tmp_path: Path
) -> None:
    connector = Watched(path, people_listen=True)
    async with released(shared_temporal, tmp_path, connector, 3600) as play:
        await play.reaches(CaseState.CORRECTING)
        (isolated,) = play.scene.register.told(play.wish.id, EventKind.ISOLATED)
        assert (isolated["ended"], connector.given) == (["wang"], [timedelta(hours=1)])
        assert connector.shut_in_time[0]
        await play.stop()


async def test_whoever_stays_is_sent_out_only_when_the_time_is_over(
    shared_temporal: WorkflowEnvironment, path: Path, tmp_path: Path
) -> None:
    connector = Watched(path, people_listen=False)
    async with released(shared_temporal, tmp_path, connector, 1) as play:
        await play.has_task(f"{play.wish.id}-attention-1")
        (needed,) = play.scene.register.told(play.wish.id, EventKind.ATTENTION_NEEDED)
        assert (needed["came_from"], "SessionsRemain" in str(needed)) == ("isolating", True)
        assert (connector.given, connector.shut_in_time) == ([timedelta(seconds=1)], [False])
        await play.stop()


async def test_where_nobody_is_warned_nobody_waits(
    shared_temporal: WorkflowEnvironment, path: Path, tmp_path: Path
) -> None:
    connector = Watched(path, people_listen=False)
    async with released(shared_temporal, tmp_path, connector, 0) as play:
        await play.reaches(CaseState.CORRECTING)
        assert connector.given == []
        await play.stop()
