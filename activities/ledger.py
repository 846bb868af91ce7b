"""Steps that touch one ERP, through its connector. They translate; what may be done is decided elsewhere."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from temporalio import activity
from typing_extensions import override

from activities.backup.progress import heartbeats
from activities.erp.connector import LedgerConnector
from activities.ledgers import Ledgers
from activities.proof import prove_ledger
from activities.rights import require_granted, require_withdrawn
from workflows.domain.errors import SessionsRemain, StaleFence
from workflows.domain.ledger import Verb
from workflows.domain.proof import Proof
from workflows.steps import (
    CORRECTION_RIGHT,
    Checked,
    CheckOrder,
    CloseWindowOrder,
    Isolated,
    IsolateOrder,
    LeaveOrder,
    LedgerSteps,
    Nothing,
    Order,
    Reading,
    Soundness,
    StepOrder,
    StepReadBack,
    WindowClosed,
    WindowOrder,
)

LOOK_EVERY = 0.25
"""Seconds between two looks at who is still in a ledger."""


class LedgerActivities(LedgerSteps):
    """Acts on the ledgers this worker serves."""

    def __init__(self, ledgers: Ledgers) -> None:
        self.ledgers = ledgers

    @override
    @activity.defn
    async def read(self, order: Order) -> Reading:
        connector = self.ledgers.connector(order.ledger)
        return Reading(await connector.read_close_state(), await connector.capabilities())

    @override
    @activity.defn
    async def check(self, order: CheckOrder) -> Checked:
        return Checked(await self.ledgers.connector(order.ledger).findings(order.scope))

    @override
    @activity.defn
    async def isolate(self, order: IsolateOrder) -> Isolated:
        connector = self.ledgers.connector(order.ledger)
        inside = await connector.sessions()
        if inside and order.grace_seconds:
            async with heartbeats():
                await _let_them_leave(connector, order)
        await connector.enter_exclusive(order.fence, order.reason)
        remaining = await connector.sessions()
        if remaining:
            raise SessionsRemain(order.ledger, tuple(session.person for session in remaining))
        return Isolated(tuple(session.person for session in inside), await connector.mark())

    @override
    @activity.defn
    async def perform(self, order: StepOrder) -> StepReadBack:
        connector = self.ledgers.connector(order.ledger)
        on_record = any(entry.key == order.key for entry in await connector.journal(order.key))
        if not on_record:
            act = connector.unclose if order.step.verb == Verb.UNCLOSE else connector.close
            await act(order.step, order.fence, order.key)
        return StepReadBack(await connector.read_close_state(), on_record)

    @override
    @activity.defn
    async def open_window(self, order: WindowOrder) -> Nothing:
        connector = self.ledgers.connector(order.ledger)
        await connector.grant(order.persons, CORRECTION_RIGHT, order.until, order.fence)
        await require_granted(connector, order.ledger, order.persons, CORRECTION_RIGHT)
        await connector.restrict_to(order.persons, order.fence)
        return Nothing()

    @override
    @activity.defn
    async def close_window(self, order: CloseWindowOrder) -> WindowClosed:
        connector = self.ledgers.connector(order.ledger)
        await connector.enter_exclusive(order.fence, order.case)
        await connector.revoke(order.persons, CORRECTION_RIGHT, order.fence)
        await require_withdrawn(connector, order.ledger, order.persons, CORRECTION_RIGHT)
        return WindowClosed(await connector.changes_since(order.mark))

    @override
    @activity.defn
    async def weigh(self, order: Order) -> Soundness:
        return Soundness(await self.ledgers.connector(order.ledger).invariants())

    @override
    @activity.defn
    async def prove(self, order: Order) -> Proof:
        return await prove_ledger(self.ledgers.connector(order.ledger))

    @override
    @activity.defn
    async def leave(self, order: LeaveOrder) -> Nothing:
        connector = self.ledgers.connector(order.ledger)
        # A higher fence means that the ledger has passed to another case: then nothing is held any more.
        with suppress(StaleFence):
            await connector.revoke(order.persons, CORRECTION_RIGHT, order.fence)
            await require_withdrawn(connector, order.ledger, order.persons, CORRECTION_RIGHT)
            await connector.leave_exclusive(order.fence)
        return Nothing()


async def _let_them_leave(connector: LedgerConnector, order: IsolateOrder) -> None:
    """Warn whoever is there, and wait until all have left or the time is over."""
    grace = timedelta(seconds=order.grace_seconds)
    warned = await connector.warn_sessions(grace, order.fence, order.reason)
    while warned.until is not None:
        if datetime.now(UTC) >= warned.until or not await connector.sessions():
            return
        await asyncio.sleep(LOOK_EVERY)
