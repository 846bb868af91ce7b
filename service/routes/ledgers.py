"""The ledgers there are, what is closed in them, and who is logged in."""

from typing import Annotated

from fastapi import APIRouter, Path

from service import views
from service.dependencies import DoneOnce, Parts, TheActor, TheParts
from service.lease_schemas import ReleasedOut, ReleaseIn
from service.problem_answers import responses
from service.refusals import KeyReused
from service.schemas import CloseStateOut, LedgerList, LedgerOut, SessionList, SessionOut
from workflows.domain.errors import (
    CaseStillRuns,
    LeaseNotHeld,
    LedgerUnavailable,
    NotAnOperator,
    NotClosedAgain,
    OwnCase,
    StaleFence,
    UnknownLedger,
    WorkflowUnavailable,
)

router = APIRouter(prefix="/ledgers", tags=["ledgers"])

Code = Annotated[str, Path(description="Code of the ledger.", max_length=63)]


@router.get("", responses=responses())
async def list_ledgers(parts: TheParts, _actor: TheActor) -> LedgerList:
    """Every ledger that is configured."""
    return LedgerList(items=[await _ledger(parts, code) for code in parts.book.codes], next=None)


@router.get("/{code}", responses=responses(UnknownLedger))
async def read_ledger(code: Code, parts: TheParts, _actor: TheActor) -> LedgerOut:
    """How one ledger is configured."""
    return await _ledger(parts, code)


async def _ledger(parts: Parts, code: str) -> LedgerOut:
    configuration = parts.book.configuration(code)
    return views.ledger(configuration, await parts.policies.in_force(code), await parts.leases.on(code))


@router.post(
    "/{code}/lease/release",
    responses=responses(
        UnknownLedger,
        NotAnOperator,
        OwnCase,
        LeaseNotHeld,
        CaseStillRuns,
        NotClosedAgain,
        StaleFence,
        KeyReused,
        LedgerUnavailable,
        WorkflowUnavailable,
    ),
    openapi_extra={"x-irreversible": "The next case may take the ledger; the ended one never gets it back."},
)
async def release_lease(code: Code, body: ReleaseIn, parts: TheParts, once: DoneOnce) -> ReleasedOut:
    """Free a ledger that is held by a case which runs no longer.

    The ledger itself is asked: every period that the case was to open must be closed again. Rights of its
    correctors are withdrawn, people are let in, and only then the lease is free.
    """

    async def do() -> ReleasedOut:
        await parts.lease_release.release(code, body.fence, once.actor, body.comment)
        return ReleasedOut(ledger=code, fence=body.fence)

    return await once.answer(ReleasedOut, do)


@router.get("/{code}/close-state", responses=responses(UnknownLedger, LedgerUnavailable))
async def read_close_state(code: Code, parts: TheParts, _actor: TheActor) -> CloseStateOut:
    """What is closed, read from the ERP now."""
    state = await parts.book.connector(code).read_close_state()
    lease = await parts.register.lease(code)
    return views.close_state(code, state, lease.holder, parts.now())


@router.get("/{code}/sessions", responses=responses(UnknownLedger, LedgerUnavailable))
async def list_sessions(code: Code, parts: TheParts, _actor: TheActor) -> SessionList:
    """Who is in the ledger now, besides Unclose itself."""
    seen = await parts.book.connector(code).sessions()
    return SessionList(
        items=[SessionOut(id=s.id, person=s.person, since=s.since, doing=s.doing) for s in seen], next=None
    )
