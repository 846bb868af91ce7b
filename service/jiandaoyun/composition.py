"""Composition of the way to Jiandaoyun: forms, a client and the rest of the service become its parts."""

from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from service.database import Database
from service.jiandaoyun.attachments import AttachmentKeeper, Attachments
from service.jiandaoyun.client import JiandaoyunClient
from service.jiandaoyun.forms import Forms
from service.jiandaoyun.intake import FormIntake, Register
from service.jiandaoyun.poller import FormPoller
from service.jiandaoyun.reading import RecordReader
from service.jiandaoyun.records import FormRecords
from service.jiandaoyun.showing import FormShowing
from service.ledger_book import LedgerBook


@dataclass(frozen=True)
class JiandaoyunParts:
    """What a process needs to work with forms."""

    forms: Forms
    client: JiandaoyunClient
    intake: FormIntake
    poller: FormPoller
    showing: FormShowing


@dataclass(frozen=True)
class Around:
    """What the parts are made from."""

    database: Database
    book: LedgerBook
    register: Register
    keeper: AttachmentKeeper


def build_jiandaoyun(
    forms: Forms, api_key: SecretStr, http: httpx.AsyncClient, around: Around
) -> JiandaoyunParts:
    """The parts on this HTTP client, which stays the caller's to close."""
    client = JiandaoyunClient(http, forms.base_url, api_key)
    records = FormRecords(around.database)
    intake = FormIntake(
        client,
        records,
        RecordReader(around.book, forms.users),
        around.register,
        Attachments(client, records, around.keeper),
    )
    return JiandaoyunParts(
        forms=forms,
        client=client,
        intake=intake,
        poller=FormPoller(client, records, intake, forms),
        showing=FormShowing(client, records, forms),
    )
