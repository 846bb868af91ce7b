"""Composition root of the HTTP process: settings become a register, ledgers, a gateway and routes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache, partial

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from activities.chain import ChainFinder
from activities.lease_watching import RunningCases
from service import fresh, problem_answers
from service.acceptance import Acceptance
from service.acts import Acts
from service.archive import Archive
from service.audit_trail import AuditTrail
from service.backup_catalogue import SqlBackupCatalogue
from service.backup_works import BackupWorks, TemporalBackupWorks
from service.body_limit import BodyLimit
from service.case_attachments import CaseAttachments
from service.configured_ledgers import load_ledgers
from service.database import open_database
from service.delegations import Delegations
from service.deliveries import Deliveries
from service.dependencies import IDENTIFIED, Parts
from service.dev_people import known_people
from service.directory import RegisterDirectory
from service.documented_api import DocumentedAPI
from service.dry_run import DryRun
from service.event_document import described_events
from service.evidence_packages import EvidencePackages, SealedReports, Sources
from service.identity import Identities
from service.inbox.hooks import HookBook, load_hooks
from service.inbox.store import Inbox
from service.intake import Answers, Intake
from service.jiandaoyun.access import load_access
from service.jiandaoyun.records import FormRecords
from service.jobs import jobs_with
from service.key_sets import KeySets
from service.lease_release import LeaseRelease
from service.leases import Leases
from service.ledger_book import LedgerBook
from service.legal_holds import LegalHolds
from service.oidc import Provider, SignIns
from service.outgoing import Outgoing
from service.policies import PolicyStore
from service.problem_answers import BODY_LIMIT
from service.queries import Reader
from service.query_names import refuse_unknown_parameters
from service.rate_limits import DEV_FACTOR, RateLimits, Rates
from service.register import SqlRegister
from service.reports.building import build_reports
from service.root_causes import SqlRootCauses
from service.routes import (
    archive,
    attachments,
    audit,
    backups,
    delegations,
    deliveries,
    demo_erp,
    evidence,
    health,
    holds,
    knowledge,
    ledgers,
    me,
    plans,
    preferences,
    reports,
    requests,
    root_causes,
    schedules,
    statistics,
    subscriptions,
    tasks,
    tokens,
    users,
    webhooks,
)
from service.routes import policies as policy_routes
from service.running_cases import TemporalRunningCases
from service.schedule_plan import planned_schedules
from service.schedule_register import ScheduleRegister
from service.schedules import ScheduleKeeper, ScheduleServer, TemporalSchedules
from service.sealed_files import CaseFiles, DataFolder
from service.sending.source import Sent
from service.sending.wiring import open_sending
from service.settings import Settings
from service.signing import load_signer
from service.standing_tasks import StandingTasks
from service.statistics import StatisticsReader
from service.temporal_client import connect
from service.temporal_gateway import Gateway, TemporalGateway
from service.tokens import Tokens
from service.users import Users
from service.vault import build_store
from service.verification import Verification, trust_in
from service.views import API
from service.wishes import Wishes

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

VERSION = "0.1.0"


def create_app(
    settings: Settings,
    gateway: Gateway | None = None,
    given: LedgerBook | None = None,
    works: BackupWorks | None = None,
    schedule_server: ScheduleServer | None = None,
    running: RunningCases | None = None,
    ways_in: HookBook | None = None,
) -> FastAPI:
    """The API on these settings. What is given stands in for what the settings describe.

    Raises:
        DevelopmentSecret: a secret everybody knows, outside dev.
        LedgersUnreadable: the file of ledgers is absent or wrong.
        HooksUnreadable: the file of hooks is, or a secret that it refers to.
        FormsUnreadable: the file of forms is, or the key that it refers to.
    """
    settings.require_own_secrets()
    book = given or load_ledgers(settings)
    hooks = load_hooks(settings.hooks, settings.data_dir) if ways_in is None else ways_in
    access = load_access(settings.jiandaoyun, settings.data_dir)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = open_database(settings.database_url)
        register, reader = SqlRegister(database), Reader(database)
        policies = PolicyStore(database, book)
        client = await connect(settings, lazy=True)
        way = gateway or TemporalGateway(client)
        development = known_people(settings.dev)
        directory, known = RegisterDirectory(database, development), Users(database, development)
        wishes = Wishes(book, directory)
        acceptance, inbox = Acceptance(wishes, Intake(database), way), Inbox(database)
        handed_out, outgoing = Tokens(database, known), Outgoing()
        schedule_log, held = ScheduleRegister(database), Leases(database)
        trail, store = AuditTrail(database), build_store(settings)
        folder = DataFolder(settings.data_dir, book.sites)
        sealed = build_reports(settings, store, database, register, known, book)
        attachments = CaseAttachments(database, way, store, trail, settings.attachment_max_bytes)
        app.state.parts = Parts(
            book=book,
            register=register,
            reader=reader,
            answers=Answers(database),
            acceptance=acceptance,
            acts=Acts(reader, way),
            wishes=wishes,
            dry_run=DryRun(book, register, ChainFinder(policies, directory), wishes),
            policies=policies,
            gateway=way,
            catalogue=SqlBackupCatalogue(database),
            works=works or TemporalBackupWorks(client),
            schedules=ScheduleKeeper(
                schedule_server or TemporalSchedules(client),
                schedule_log,
                partial(planned_schedules, book, jobs_with(forms=access is not None)),
            ),
            schedule_log=schedule_log,
            standing=StandingTasks(database),
            leases=held,
            lease_release=LeaseRelease(book, held, reader, running or TemporalRunningCases(lambda: client)),
            identities=Identities(known, handed_out, _sign_ins(settings, outgoing), development),
            limits=RateLimits(_rates(settings)),
            directory=directory,
            users=known,
            tokens=handed_out,
            delegations=Delegations(database),
            hooks=hooks,
            inbox=inbox,
            deliveries=Deliveries((inbox, Sent(database))),
            archive=Archive(database),
            root_causes=SqlRootCauses(database, book.causes),
            sending=open_sending(settings, database),
            statistics=StatisticsReader(database, book.zones),
            forms=FormRecords(database),
            holds=LegalHolds(database),
            trail=trail,
            verification=Verification(database, store, trust_in(settings), folder),
            attachments=attachments,
            packages=EvidencePackages(
                database,
                Sources(way, store, folder, load_signer(settings), SealedReports(sealed)),
                trail,
            ),
            files=CaseFiles(database, folder),
            reports=sealed,
        )
        try:
            yield
        finally:
            await outgoing.aclose()
            await book.aclose()
            await database.aclose()

    return assemble(lifespan, dev=settings.dev, largest_file=settings.attachment_max_bytes)


def _sign_ins(settings: Settings, outgoing: Outgoing) -> SignIns | None:
    """None if no provider is configured: then its tokens are nobody's."""
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    provider = Provider(
        settings.oidc_issuer,
        settings.oidc_audience,
        settings.oidc_user_claim,
        settings.oidc_groups_claim,
        settings.oidc_group_map,
    )
    return SignIns(provider, KeySets(outgoing, settings.oidc_issuer, settings.oidc_jwks_url))


def _rates(settings: Settings) -> Rates | None:
    if settings.rate_limits == "off":
        return None
    factor = DEV_FACTOR if settings.dev else 1
    return Rates(
        settings.rate_limit_reads * factor,
        settings.rate_limit_acts * factor,
        settings.rate_limit_failures * factor,
    )


def assemble(
    lifespan: Lifespan | None = None, *, dev: bool = False, largest_file: int = BODY_LIMIT
) -> FastAPI:
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
        routes=[*_routes(dev).routes],
        webhooks=described_events(),
    )
    problem_answers.install(app)
    fresh.install(app)
    app.add_middleware(BodyLimit, files=max(largest_file, BODY_LIMIT))
    return app


@cache
def _routes(dev: bool) -> APIRouter:
    """Every route. Built once in a process: that takes most of an app's time, and no app changes them."""
    every = APIRouter(
        dependencies=[Depends(refuse_unknown_parameters)], generate_unique_id_function=_operation
    )
    api = APIRouter(prefix=API, dependencies=[IDENTIFIED])
    for part in (
        requests,
        reports,
        knowledge,
        attachments,
        evidence,
        audit,
        tasks,
        plans,
        policy_routes,
        ledgers,
        backups,
        schedules,
        me,
        users,
        tokens,
        delegations,
        deliveries,
        archive,
        root_causes,
        holds,
        subscriptions,
        preferences,
        statistics,
        *((demo_erp,) if dev else ()),
    ):
        api.include_router(part.router)
    # Routes are tried in turn, and hooks must answer soonest.
    every.include_router(webhooks.router, prefix=API)
    every.include_router(api)
    every.include_router(health.router)
    return every


def _operation(route: APIRoute) -> str:
    return route.name
