"""Steps on the register and the people directory: receive, publish, find people, seal."""

from temporalio import activity
from typing_extensions import override

from activities.evidence import EvidenceStore
from activities.recording import Directory, Profiles, Register
from workflows.steps import (
    CaseSteps,
    Nothing,
    Order,
    PeopleFound,
    PeopleOrder,
    Received,
    ReceiveOrder,
    Sealed,
    SealOrder,
)


class CaseActivities(CaseSteps):
    """What a change tells has been recorded by the interceptor before any of these begins."""

    def __init__(
        self, register: Register, profiles: Profiles, directory: Directory, evidence: EvidenceStore
    ) -> None:
        self.register, self.profiles = register, profiles
        self.directory, self.evidence = directory, evidence

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
    async def find_people(self, order: PeopleOrder) -> PeopleFound:
        return PeopleFound(await self.directory.people(order.groups))

    @override
    @activity.defn
    async def seal(self, order: SealOrder) -> Sealed:
        return self.evidence.seal(await self.register.case_file(order.case))
