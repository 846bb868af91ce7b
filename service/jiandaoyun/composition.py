"""Composition of the way to Jiandaoyun: settings, a register and cases become what processes work with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx

from activities.recording import Directory
from service.acceptance import Acceptance
from service.acts import Acts
from service.database import Database
from service.guarded import GuardedTransport
from service.intake import Intake
from service.jiandaoyun.access import Access
from service.jiandaoyun.attachments import AttachmentKeeper, Attachments
from service.jiandaoyun.client import JiandaoyunClient
from service.jiandaoyun.file_source import FileGuard, FileSource
from service.jiandaoyun.intake import FormIntake, Register
from service.jiandaoyun.poller import FormPoller
from service.jiandaoyun.pushes import JiandaoyunPushes
from service.jiandaoyun.reading import RecordReader
from service.jiandaoyun.records import FormRecords
from service.jiandaoyun.showing import FormShowing
from service.ledger_book import LedgerBook
from service.queries import Reader
from service.temporal_gateway import Gateway
from service.wishes import Wishes


@dataclass(frozen=True)
class Around:
    """What the parts are made from."""

    database: Database
    book: LedgerBook
    directory: Directory
    gateway: Gateway
    keeper: AttachmentKeeper


@dataclass(frozen=True)
class JiandaoyunParts:
    """What a process needs to work with forms."""

    pushes: JiandaoyunPushes
    intake: FormIntake
    poller: FormPoller
    showing: FormShowing


@asynccontextmanager
async def open_jiandaoyun(access: Access | None, around: Around) -> AsyncIterator[JiandaoyunParts | None]:
    """The parts while the block runs; none if no forms are configured."""
    if access is None:
        yield None
        return
    guard = FileGuard(access.forms.base_url, access.forms.file_hosts)
    async with (
        httpx.AsyncClient() as http,
        httpx.AsyncClient(transport=GuardedTransport(guard)) as files,
    ):
        yield build_jiandaoyun(access, http, FileSource(files), around)


def build_jiandaoyun(
    access: Access,
    http: httpx.AsyncClient,
    files: FileSource,
    around: Around,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> JiandaoyunParts:
    """The parts on this HTTP client, which stays the caller's to close."""
    forms = access.forms
    client = JiandaoyunClient(http, forms.base_url, access.api_key, sleep=sleep)
    records = FormRecords(around.database)
    intake = FormIntake(
        client,
        records,
        RecordReader(around.book, forms.users),
        _register(around),
        Attachments(files, records, around.keeper),
    )
    return JiandaoyunParts(
        pushes=JiandaoyunPushes(client, intake, forms),
        intake=intake,
        poller=FormPoller(client, records, intake, forms),
        showing=FormShowing(client, records, forms, Reader(around.database)),
    )


def _register(around: Around) -> Register:
    reader, wishes = Reader(around.database), Wishes(around.book, around.directory)
    acceptance = Acceptance(wishes, Intake(around.database), around.gateway)
    return Register(acceptance, Acts(reader, around.gateway), wishes, reader, around.directory)


@asynccontextmanager
async def shown(parts: JiandaoyunParts | None) -> AsyncIterator[None]:
    """Keep forms up to date while the block runs."""
    if parts is None:
        yield
        return
    showing = asyncio.create_task(parts.showing.keep_going())
    try:
        yield
    finally:
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing
