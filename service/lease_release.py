"""Freeing the lease of a case that runs no longer: only when the ledger is proven closed again."""

from activities.lease_watching import HeldLease, RunningCases
from service.leases import Leases
from service.ledger_book import LedgerBook
from service.queries import Reader
from workflows.domain.approval import Group
from workflows.domain.case import Actor
from workflows.domain.digest import Json
from workflows.domain.errors import (
    CaseStillRuns,
    LeaseNotHeld,
    LedgerUnavailable,
    NotAnOperator,
    NotClosedAgain,
    OwnCase,
)
from workflows.domain.ledger import CloseState, Module, Verb
from workflows.domain.period import Period
from workflows.domain.request import UncloseRequest
from workflows.steps import CORRECTION_RIGHT


class LeaseRelease:
    """One operator may do it, because the ledger itself is asked.

    Two persons could agree to free a ledger that is half open, and the next case would start from there.
    """

    def __init__(self, book: LedgerBook, leases: Leases, reader: Reader, cases: RunningCases) -> None:
        self._book, self._leases, self._reader, self._cases = book, leases, reader, cases

    async def release(self, ledger: str, fence: int, by: Actor, comment: str) -> None:
        """Take rights back, let people in, free the lease. Repeating it after a failure does the rest.

        Raises:
            UnknownLedger, NotAnOperator, OwnCase: not there, or not theirs to do.
            LeaseNotHeld, CaseStillRuns, NotClosedAgain: it must not be freed.
            LedgerUnavailable, WorkflowUnavailable: it cannot be known, so nothing is freed.
            StaleFence: a higher fence has been in the ledger.
        """
        if Group.OPERATOR not in by.groups:
            raise NotAnOperator(by.person, (Group.OPERATOR,))
        if self._book.profile(ledger).at_site:
            raise LedgerUnavailable(ledger, "only the worker at its site reaches it")
        lease = await self._leases.on(ledger)
        if lease is None or lease.fence != fence:
            raise LeaseNotHeld(ledger, fence)
        request = (await self._reader.case(lease.holder)).request
        if by.person in (request.applicant, request.on_behalf_of, *request.correctors):
            raise OwnCase(by.person, request.id)
        if await self._cases.is_running(lease.holder):
            raise CaseStillRuns(lease.holder, ledger)
        await self._let_go(lease, request)
        await self._leases.free(lease, by, comment)

    async def _let_go(self, lease: HeldLease, request: UncloseRequest) -> None:
        connector = self._book.connector(lease.ledger)
        plan = (await self._reader.parts(lease.holder)).get("plan")
        still_open = _still_open(plan, await connector.read_close_state())
        if still_open:
            raise NotClosedAgain(lease.ledger, lease.holder, still_open)
        await connector.revoke(request.correctors, CORRECTION_RIGHT, lease.fence)
        await connector.leave_exclusive(lease.fence)


def _still_open(plan: Json, state: CloseState) -> tuple[str, ...]:
    """The places of a plan that are not closed now. A plan that is not on record proves nothing closed."""
    steps = plan.get("steps") if isinstance(plan, dict) else None
    if not isinstance(steps, list) or not steps:
        return tuple(f"{each.module} {each.current}" for each in state.modules)
    found = []
    for step in steps:
        assert isinstance(step, dict)
        module, period = Module(str(step["module"])), Period.parse(str(step["period"]))
        if step["verb"] == Verb.UNCLOSE and not state.of(module).is_closed(period):
            found.append(f"{module} {period}")
    return tuple(found)
