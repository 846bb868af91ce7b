"""Composition root of the HTTP process: settings become a register, ledgers, a gateway and routes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from service import fresh, problem_answers
from service.acceptance import Acceptance
from service.acts import Acts
from service.body_limit import BodyLimit
from service.configured_ledgers import load_ledgers
from service.database import open_database
from service.dependencies import Parts
from service.documented_api import DocumentedAPI
from service.dry_run import DryRun
from service.identity import open_identities
from service.intake import Answers, Intake
from service.ledger_book import LedgerBook
from service.queries import Reader
from service.query_names import refuse_unknown_parameters
from service.register import SqlRegister
from service.routes import demo_erp, health, ledgers, me, plans, requests, tasks
from service.settings import Settings
from service.temporal_client import connect
from service.temporal_gateway import Gateway, TemporalGateway
from service.views import API
from service.wishes import Wishes

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

VERSION = "0.1.0"


def create_app(
    settings: Settings, gateway: Gateway | None = None, given: LedgerBook | None = None
) -> FastAPI:
    """The API on these settings. A gateway or a book given stands in for the one the settings describe.

    Raises:
        DevelopmentSecret: a secret everybody knows, outside dev.
        LedgersUnreadable: the file of ledgers is absent or wrong.
    """
    settings.require_own_secrets()
    book = given or load_ledgers(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = open_database(settings.database_url)
        register, reader = SqlRegister(database), Reader(database)
        way = gateway or TemporalGateway(await connect(settings, lazy=True))
        identities, wishes = open_identities(settings.dev), Wishes(book)
        app.state.parts = Parts(
            book=book,
            register=register,
            reader=reader,
            answers=Answers(database),
            acceptance=Acceptance(wishes, Intake(database), way),
            acts=Acts(reader, way),
            dry_run=DryRun(book, register, identities, wishes),
            gateway=way,
            identities=identities,
            data_dir=settings.data_dir,
        )
        try:
            yield
        finally:
            await book.aclose()
            await database.aclose()

    return assemble(lifespan, dev=settings.dev)


def assemble(lifespan: Lifespan | None = None, *, dev: bool = False) -> FastAPI:
    """The routes and how they refuse, on nothing yet."""
    app = DocumentedAPI(
        title="Unclose",
        summary="The governed way back into a closed accounting period (反结账).",
        version=VERSION,
        lifespan=lifespan,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(refuse_unknown_parameters)],
        generate_unique_id_function=_operation,
    )
    api = APIRouter(prefix=API)
    for part in (requests, tasks, plans, ledgers, me, *((demo_erp,) if dev else ())):
        api.include_router(part.router)
    app.include_router(api)
    app.include_router(health.router)
    problem_answers.install(app)
    fresh.install(app)
    app.add_middleware(BodyLimit)
    return app


def _operation(route: APIRoute) -> str:
    return route.name
