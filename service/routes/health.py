"""Whether the process lives, whether it can serve, and what each problem means."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import PlainTextResponse

from service.dependencies import Parts, TheParts
from service.problem_answers import declared
from service.problems import BY_NAME, markdown
from service.refusals import InvalidRequest, UnknownPath
from service.schemas import Checks, Health, Ready
from workflows.domain.errors import StorageUnavailable

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def healthz() -> Health:
    """The process lives."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Ready, "description": "Something is out of reach."}})
async def readyz(parts: TheParts, response: Response) -> Ready:
    """Whether database, Temporal and a worker can be reached, so that cases get on."""
    found = await parts.gateway.readiness()
    checks = Checks(database=await _database_answers(parts), temporal=found.temporal, worker=found.workers)
    is_ready = checks.database and checks.temporal and checks.worker
    response.status_code = 200 if is_ready else 503
    demo = [code for code in parts.book.codes if parts.book.configuration(code).connector == "demo"]
    return Ready(status="ready" if is_ready else "not ready", checks=checks, demo_ledgers=demo)


async def _database_answers(parts: Parts) -> bool:
    try:
        await parts.reader.ping()
    except StorageUnavailable:
        return False
    return True


@router.get(
    "/problems/{name}", response_class=PlainTextResponse, responses=declared(UnknownPath, InvalidRequest)
)
async def explain_problem(
    name: Annotated[str, Path(description="Last part of a problem's type.", max_length=80)], request: Request
) -> PlainTextResponse:
    """What a problem means and what to do about it, in English and Chinese."""
    row = BY_NAME.get(name)
    if row is None:
        raise UnknownPath(request.url.path)
    return PlainTextResponse(markdown(row), media_type="text/markdown")
