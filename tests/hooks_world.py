"""The API with hooks, on a register of its own, with senders that sign."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import Connection, select
from typing_extensions import override

from service.inbox.dispatcher import Dispatcher
from service.inbox.generic import GenericIntake
from service.inbox.ports import Delivery, Handler, Hook, HookKind, Outcome
from service.inbox.store import Inbox
from service.inbox_tables import inbox
from tests.people_world import Office, an_office
from tests.pushes import FORM_SECRET, STANDARD_SECRET, Push, signed_push, standard_headers

HOOKS = """
[hooks.form]
kind = "jiandaoyun"
secrets = ["file:form.secret"]
account = "portal"

[hooks.portal]
kind = "generic"
secrets = ["file:portal.secret"]
account = "portal"
"""

OFTEN = 0.01
"""Seconds between two looks of a dispatcher that a test waits for."""

Reaction = Callable[[Delivery], Awaitable[Outcome]]


async def _done(delivery: Delivery) -> Outcome:
    return Outcome(note="done")


@dataclass
class FakeHandler(Handler):
    """Keeps what it was handed, in order, and reacts as a test says."""

    handed: list[Delivery] = field(default_factory=list)
    react: Reaction = _done

    @override
    async def handle(self, delivery: Delivery, hook: Hook) -> Outcome:
        self.handed.append(delivery)
        return await self.react(delivery)


@dataclass
class Senders:
    """Everybody who sends something, and the office that it reaches."""

    office: Office
    handler: FakeHandler

    async def push(self, push: Push | bytes, delivery: str | None = None, query: str = "") -> httpx.Response:
        """A push of the form."""
        sent = signed_push(push) if isinstance(push, bytes) else push
        where = f"/api/v1/webhooks/jiandaoyun/form?timestamp={sent.timestamp}&nonce={sent.nonce}{query}"
        headers = sent.headers(delivery or uuid4().hex)
        return await self.office.http.post(where, content=sent.body, headers=headers)

    async def post(self, body: bytes, message: str | None = None, **headers: str) -> httpx.Response:
        """A body to the generic hook."""
        signed = {**standard_headers(body, message or uuid4().hex), **headers}
        return await self.office.http.post("/api/v1/webhooks/generic/portal", content=body, headers=signed)

    async def dispatched(self) -> None:
        """Until nothing is due or in hand."""
        parts = self.office.app.state.parts

        async def is_settled() -> bool:
            return not await parts.inbox.is_any_due() and not await self.office.database.read(_is_any_in_hand)

        await until(is_settled)

    async def handed(self, many: int) -> None:
        """Until the handler has been given so many."""

        async def is_given() -> bool:
            return len(self.handler.handed) >= many

        await until(is_given)

    async def delivery(self, delivery: str, language: str = "en") -> dict[str, Any]:
        answer = await self.office.as_(
            "operator", "GET", f"/deliveries/{delivery}", headers={"Accept-Language": language}
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def deliveries(self, query: str = "") -> list[dict[str, Any]]:
        answer = await self.office.as_("operator", "GET", f"/deliveries{query}")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])


def _is_any_in_hand(connection: Connection) -> bool:
    in_hand = select(inbox.c.id).where(inbox.c.state == "new", inbox.c.claim.is_not(None))
    return connection.execute(in_hand).first() is not None


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Look again and again; fails if it does not come to hold."""
    ends = asyncio.get_running_loop().time() + seconds
    while not await holds():
        assert asyncio.get_running_loop().time() < ends, "it does not come to hold"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def an_office_with_hooks(
    folder: Path, empty_register: Path, hooks: str = HOOKS
) -> AsyncIterator[Senders]:
    (folder / "hooks.toml").write_text(hooks, encoding="utf-8")
    (folder / "form.secret").write_text(FORM_SECRET + "\n", encoding="utf-8")
    (folder / "portal.secret").write_text(STANDARD_SECRET, encoding="utf-8")
    async with an_office(folder, empty_register) as office:
        await office.a_service("portal")
        parts, handler = office.app.state.parts, FakeHandler()
        handlers: dict[HookKind, Handler] = {
            HookKind.GENERIC: GenericIntake(parts.acceptance, parts.users),
            HookKind.JIANDAOYUN: handler,
        }
        worker = Dispatcher(Inbox(office.database), parts.hooks, handlers, look_every=OFTEN)
        async with worker.running():
            yield Senders(office, handler)
