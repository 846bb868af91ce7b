"""The port to the register, and the interceptor that records what rides on an act.

Two truths (ADR-0004): Temporal knows what happens next, the register knows what happened, for ever. The
class behind the port lives in `service/register.py`.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)
from typing_extensions import override

from workflows.domain.approval import Group
from workflows.domain.case import CaseChange, CaseEvent
from workflows.domain.digest import Json
from workflows.domain.request import UncloseRequest
from workflows.steps import Lease, LedgerProfile, Order


@dataclass(frozen=True)
class CaseFile:
    """All that the register holds of one case, for the evidence."""

    request: UncloseRequest
    events: tuple[CaseEvent, ...]
    tasks: tuple[dict[str, Json], ...]
    parts: dict[str, Json]


class Register(Protocol):
    """Legal truth: append-only. Every method is one transaction and safe to repeat."""

    async def receive(self, request: UncloseRequest) -> None:
        """Write the case's row in state `received`; a row that is there stays as it is."""

    async def record(self, change: CaseChange) -> None:
        """Append events not yet known by `(case, seq)` and bring row, tasks and parts up to date.

        A change whose last event is known already leaves the row as it is: late repeats do not turn the
        state back.
        """

    async def take_lease(self, ledger: str, case: str) -> Lease:
        """Take the ledger if nobody holds it, with the next fence; tell who holds it in any case."""

    async def release_lease(self, ledger: str, case: str) -> None:
        """Give the ledger back if this case holds it; otherwise do nothing."""

    async def lease(self, ledger: str) -> Lease:
        """Who holds the ledger now; `holder` is none if it is free."""

    async def case_file(self, case: str) -> CaseFile:
        """Raises UnknownRequest if there is no such case."""


class Directory(Protocol):
    """Who is in which group now, and who stands in for whom."""

    async def people(self, groups: tuple[Group, ...]) -> dict[Group, tuple[str, ...]]:
        """The active members of each group."""

    async def principals_of(self, delegate: str, ledger: str) -> tuple[str, ...]:
        """Everyone the person may stand in for right now on that ledger, nearest first."""

    async def groups_of(self, person: str) -> tuple[Group, ...] | None:
        """The person's groups; none if there is no such person, or none active."""


class Profiles(Protocol):
    """The configuration of each ledger as a case pins it."""

    def profile(self, ledger: str) -> LedgerProfile:
        """Raises UnknownLedger."""


class Recording(Interceptor):
    """Writes the `change` of an order to the register before the act it rides on."""

    def __init__(self, register: Register) -> None:
        self.register = register

    @override
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _RecordingInbound(next, self.register)


class _RecordingInbound(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, register: Register) -> None:
        super().__init__(inner)
        self.register = register

    @override
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # Any: the activity's own answer
        order = input.args[0] if input.args else None
        if isinstance(order, Order) and order.change is not None:
            await self.register.record(order.change)
        return await super().execute_activity(input)
