"""Steps on the register and the people directory: receive, publish, find people, seal."""

from temporalio import activity
from typing_extensions import override

from activities.chain import ChainFinder
from activities.evidence import EvidenceStore
from activities.recording import Profiles, Register
from workflows.domain.consent_round import Standing
from workflows.steps import (
    CaseSteps,
    ChainFound,
    ChainOrder,
    LookUpOrder,
    Nothing,
    Order,
    Received,
    ReceiveOrder,
    Sealed,
    SealOrder,
)


class CaseActivities(CaseSteps):
    """What a change tells has been recorded by the interceptor before any of these begins."""

    def __init__(
        self, register: Register, profiles: Profiles, chains: ChainFinder, evidence: EvidenceStore
    ) -> None:
        self.register, self.profiles = register, profiles
        self.chains, self.evidence = chains, evidence

    @override
    @activity.defn
    async def receive(self, order: ReceiveOrder) -> Received:
        profile = self.profiles.profile(order.ledger)
        await self.register.receive(order.request)
        lease = await self.register.lease(order.ledger)
        return Received(profile, lease.holder if lease.holder != order.case else None)

    @override
    @activity.defn
    async def publish(self, order: Order) -> Nothing:
        return Nothing()

    @override
    @activity.defn
    async def find_chain(self, order: ChainOrder) -> ChainFound:
        return await self.chains.find(order.ledger, order.facts)

    @override
    @activity.defn
    async def look_up(self, order: LookUpOrder) -> Standing:
        directory = self.chains.directory
        principals = await directory.principals_of(order.actor, order.ledger)
        names = dict.fromkeys((*principals, *order.names))
        return Standing(principals, {name: await directory.groups_of(name) for name in names})

    @override
    @activity.defn
    async def seal(self, order: SealOrder) -> Sealed:
        return self.evidence.seal(await self.register.case_file(order.case))
