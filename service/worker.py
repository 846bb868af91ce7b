"""Composition root of a worker: settings become a register, ledgers, activities and served queues."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from temporalio.client import Client
from temporalio.worker import Worker

from activities.backup.backing_up import BackupActivities
from activities.backup.keeper import BackupKeeper
from activities.backup.rehearsal import RehearsalActivities, WithRehearsals
from activities.backup.restoring import RestoreActivities
from activities.backup.snapshots import SnapshotActivities
from activities.case import CaseActivities
from activities.chain import ChainFinder
from activities.comparison import ComparisonActivities
from activities.evidence import EvidenceStore
from activities.guiding import GuidingActivities
from activities.lease import LeaseActivities
from activities.ledger import LedgerActivities
from activities.periodic import PeriodicActivities
from activities.recording import Recording
from activities.restored import StoredBackups
from service.archiving import Archivist, archiving
from service.audit_trail import AuditTrail
from service.backup_catalogue import SqlBackupCatalogue
from service.case_attachments import CaseAttachments
from service.checkpoints import Checkpoints
from service.configured_ledgers import load_ledgers
from service.database import Database, open_database
from service.delivery_retention import DeliveryRetention
from service.dev_people import known_people
from service.directory import RegisterDirectory
from service.evidence_packages import EvidencePackages, SealedReports, Sources
from service.inbox.hooks import load_hooks
from service.inbox.wiring import Incoming
from service.jiandaoyun.access import load_access
from service.jiandaoyun.composition import Around, open_jiandaoyun
from service.jiandaoyun.mirroring import open_mirror
from service.jiandaoyun.polling import FormPolls
from service.job_bodies import job_bodies
from service.jobs import jobs_with
from service.ledger_book import LedgerBook
from service.policies import PolicyStore
from service.register import SqlRegister
from service.reports.building import build_reports
from service.reports.sealed import Reports
from service.sandbox import sandbox_for
from service.schedule_plan import planned_schedules
from service.schedule_register import ScheduleRegister
from service.schedules import ScheduleKeeper, TemporalSchedules
from service.sealed_files import DataFolder
from service.sending.dispatcher import Dispatcher, running
from service.sending.wiring import open_post
from service.settings import Settings
from service.signing import load_signer
from service.temporal_gateway import Gateway, TemporalGateway
from service.time_stamps import build_time_stamps
from service.trail_job import TrailJob
from service.users import Users
from service.vault import build_store, build_vault, warn_of_overwriting
from workflows.backup_steps import RehearsalSteps, RestoreSteps, SnapshotSteps
from workflows.backup_work import BackupWorkflow
from workflows.ledger_steps import ComparisonSteps, GuidingSteps
from workflows.periodic import PeriodicWorkflow
from workflows.periodic_steps import PeriodicSteps
from workflows.steps import WORKFLOW_QUEUE, BackupSteps, CaseSteps, LeaseSteps, LedgerSteps, ledger_queue
from workflows.unclose import UncloseWorkflow

GRACE = timedelta(seconds=4)
"""How long running activities may take to finish at the end; each is safe to start again elsewhere."""
STICKY = timedelta(seconds=1)
"""How long a case waits for the worker that had it in its cache, before any other may take it."""

Activities = Sequence[Callable[..., Any]]  # Any: each has its own order and answer

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Queues:
    """Which task queues a worker serves."""

    main: str | None = WORKFLOW_QUEUE
    """Workflows and every activity; none for a worker that stands at a site."""
    ledgers: tuple[str, ...] = ()
    """Codes of the ledgers whose own queues are served beside the ERP."""


@dataclass(frozen=True)
class Parts:
    """What the activities are made of."""

    register: SqlRegister
    schedules: ScheduleRegister
    book: LedgerBook
    case: Activities
    ledger: Activities
    dispatcher: Dispatcher
    """Sends what the cases have to tell."""
    archivist: Archivist
    """Makes found what has ended."""
    incoming: Incoming | None
    """Hands on what comes from outside; none without a client."""
    reads_forms: bool


@asynccontextmanager
async def open_parts(
    settings: Settings, given: LedgerBook | None = None, client: Client | None = None
) -> AsyncIterator[Parts]:
    """Open register and ledgers, and let go of them at the end. Without a client no forms are read."""
    book = given or load_ledgers(settings)
    database = open_database(settings.database_url)
    register = SqlRegister(database)
    evidence = EvidenceStore(settings.data_dir / "evidence")
    directory = RegisterDirectory(database, known_people(settings.dev))
    chains = ChainFinder(PolicyStore(database, book), directory)
    case = CaseActivities(register, book, chains, evidence)
    vault = build_vault(settings)
    await asyncio.to_thread(warn_of_overwriting, vault.store)
    ledgers = WithRehearsals(book, settings.data_dir / "rehearsals")
    catalogue = SqlBackupCatalogue(database)
    keeper = BackupKeeper(ledgers, vault, catalogue, settings.data_dir / "scratch")
    comparison = ComparisonActivities(book, StoredBackups(keeper), settings.data_dir / "evidence")
    people = Users(database, known_people(settings.dev))
    reports = build_reports(settings, vault.store, database, register, people, book)
    access = load_access(settings.jiandaoyun, settings.data_dir)
    mirror = open_mirror(access, database)
    post = open_post(settings, database, directory, mirror.channels, mirror.audiences)
    polls, incoming = FormPolls(None), None
    if client is not None:
        gateway, limit = TemporalGateway(client), settings.attachment_max_bytes
        files = CaseAttachments(database, gateway, vault.store, AuditTrail(database), limit)
        around = Around(database, book, directory, gateway, files)
        hooks = load_hooks(settings.hooks, settings.data_dir, to_verify=False)
        incoming = Incoming(hooks, access, around, people)
        if access is not None:
            polls = FormPolls(partial(open_jiandaoyun, access, around))
    try:
        schedules = ScheduleRegister(database)
        trail = _trail_job(settings, database, reports, book.sites)
        retention = DeliveryRetention(database, timedelta(days=settings.delivery_days))
        bodies = job_bodies(book, database, register, catalogue, ledgers, polls, reports, trail, retention)
        yield Parts(
            register,
            schedules,
            book,
            case=[*_steps(CaseSteps, case), *_steps(LeaseSteps, LeaseActivities(register))],
            ledger=[
                *_steps(LedgerSteps, LedgerActivities(ledgers)),
                *_steps(BackupSteps, BackupActivities(keeper)),
                *_steps(RestoreSteps, RestoreActivities(keeper)),
                *_steps(RehearsalSteps, RehearsalActivities(keeper, ledgers)),
                *_steps(SnapshotSteps, SnapshotActivities(keeper, book.retention)),
                *_steps(ComparisonSteps, comparison),
                *_steps(GuidingSteps, GuidingActivities(book, book)),
                *_steps(
                    PeriodicSteps,
                    PeriodicActivities(bodies, schedules),
                ),
            ],
            archivist=Archivist(database, book.causes),
            dispatcher=post.dispatcher,
            incoming=incoming,
            reads_forms=polls.are_wanted,
        )
    finally:
        await post.aclose()
        await mirror.aclose()
        await ledgers.aclose()
        await book.aclose()
        await database.aclose()


def _trail_job(settings: Settings, database: Database, reports: Reports, sites: frozenset[str]) -> TrailJob:
    store, signer, sealed = build_store(settings), load_signer(settings), SealedReports(reports)
    folder = DataFolder(settings.data_dir, sites)

    def packages(gateway: Gateway) -> EvidencePackages:
        sources = Sources(gateway, store, folder, signer, sealed)
        return EvidencePackages(database, sources, AuditTrail(database))

    return TrailJob(Checkpoints(database, signer, build_time_stamps(settings)), packages)


def _steps(contract: type[T], activities: T) -> Activities:
    """The activity behind every step that the contract names."""
    return [getattr(activities, name) for name in vars(contract) if not name.startswith("_")]


def build_workers(client: Client, parts: Parts, queues: Queues) -> tuple[Worker, ...]:
    """One worker for each queue."""
    workers = [_main_worker(client, parts, queues.main)] if queues.main else []
    return (*workers, *(_site_worker(client, parts, code) for code in queues.ledgers))


def _main_worker(client: Client, parts: Parts, queue: str) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=[UncloseWorkflow, BackupWorkflow, PeriodicWorkflow],
        activities=[*parts.case, *parts.ledger],
        interceptors=[Recording(parts.register)],
        workflow_runner=sandbox_for(client.data_converter),
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=GRACE,
    )


def _site_worker(client: Client, parts: Parts, code: str) -> Worker:
    """Touches one ERP and knows nothing of cases: orders that reach a site carry nothing to be recorded."""
    return Worker(
        client,
        task_queue=ledger_queue(code),
        activities=parts.ledger,
        graceful_shutdown_timeout=GRACE,
    )


def _schedules(client: Client, parts: Parts, queue: str) -> ScheduleKeeper:
    plan = partial(planned_schedules, parts.book, jobs_with(forms=parts.reads_forms))
    return ScheduleKeeper(TemporalSchedules(client, queue), parts.schedules, plan)


async def work(client: Client, settings: Settings, book: LedgerBook, queues: Queues) -> None:
    """Serve the queues until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_parts(settings, book, client) as parts, AsyncExitStack() as stack:
        for worker in build_workers(client, parts, queues):
            await stack.enter_async_context(worker)
            log.info("serving queue %s", worker.task_queue)
        if queues.main:
            await stack.enter_async_context(running(parts.dispatcher))
            await stack.enter_async_context(archiving(parts.archivist))
            assert parts.incoming is not None, "there is a client"
            await stack.enter_async_context(parts.incoming.handed_on())
            await stack.enter_async_context(_schedules(client, parts, queues.main).kept_in_line())
        await stop.wait()
        log.info("stopping")
