"""Composition of the mirror: what the dispatcher of a worker needs to show decisions to forms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from service.database import Database
from service.jiandaoyun.access import Access
from service.jiandaoyun.client import JiandaoyunClient
from service.jiandaoyun.mirror import CHANNEL, FormMirror, MirrorChannel
from service.jiandaoyun.mirrored import MirrorBook
from service.jiandaoyun.records import FormRecords
from service.sending.ports import Audience, Channel


@dataclass(frozen=True)
class Mirror:
    """Nothing, where no form asks for it."""

    audiences: Sequence[Audience] = ()
    channels: Mapping[str, Channel] = field(default_factory=dict)
    http: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        if self.http is not None:
            await self.http.aclose()


def open_mirror(access: Access | None, database: Database, http: httpx.AsyncClient | None = None) -> Mirror:
    """Without forms, or where none is mirrored, nobody is asked anything."""
    if access is None or all(form.mirror is None for form in access.forms.forms):
        return Mirror()
    http = http or httpx.AsyncClient()
    client = JiandaoyunClient(http, access.forms.base_url, access.api_key)
    channel = MirrorChannel(client, MirrorBook(database), access.forms)
    return Mirror((FormMirror(FormRecords(database), access.forms),), {CHANNEL: channel}, http)
