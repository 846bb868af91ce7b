"""Steps on the lease: who holds a ledger, and whose turn is next."""

import asyncio

from temporalio import activity
from typing_extensions import override

from activities.recording import Register
from workflows.steps import Lease, LeaseSteps, Nothing, Order

LOOK_EVERY = 0.25
"""Seconds between two looks at a lease that another case holds."""


class LeaseActivities(LeaseSteps):
    """The lease lives in the register: it outlives workers and can be seen by operators."""

    def __init__(self, register: Register) -> None:
        self.register = register

    @override
    @activity.defn
    async def look_at_lease(self, order: Order) -> Lease:
        return await self.register.lease(order.ledger)

    @override
    @activity.defn
    async def take_lease(self, order: Order) -> Lease:
        return await self.register.take_lease(order.ledger, order.case)

    @override
    @activity.defn
    async def await_turn(self, order: Order) -> Lease:
        while True:
            lease = await self.register.lease(order.ledger)
            if lease.holder in (None, order.case):
                return lease
            activity.heartbeat(lease.holder)
            await asyncio.sleep(LOOK_EVERY)

    @override
    @activity.defn
    async def release_lease(self, order: Order) -> Nothing:
        await self.register.release_lease(order.ledger, order.case)
        return Nothing()
