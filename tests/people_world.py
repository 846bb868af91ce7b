"""The API as an installation has it, outside dev: everyone comes with a token of their own."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select, update

from service.app import create_app
from service.database import Database, open_database
from service.directory import RegisterDirectory
from service.ledger_book import LedgerBook
from service.settings import Settings
from service.tables import admin_events, api_tokens
from service.tokens import NewToken, Tokens, TokenWish
from service.user import EVERY_SCOPE, TokenScope, UserKind
from service.users import UserEntry, Users
from tests.fake_world import FakeLedger
from tests.fakes import FakeGateway
from workflows.domain.approval import Group
from workflows.domain.case import Actor

LEDGERS = """
[ledgers.demo]
name = "演示账套"
connector = "demo"
options = { path = "demo.sqlite" }
modules = ["inventory", "cost", "gl"]
closes_before = [["inventory", "cost"], ["cost", "gl"]]
"""

INSTALLER = Actor("cli:root@server")

STAFF: dict[str, tuple[Group, ...]] = {
    "clerk": (Group.APPLICANT,),
    "warehouse": (Group.WAREHOUSE,),
    "finance": (Group.FINANCE,),
    "it": (Group.IT,),
    "auditor": (Group.AUDITOR,),
    "operator": (Group.OPERATOR,),
    "admin": (Group.ADMIN,),
}


@dataclass
class Office:
    """The API, the register behind it, and everyone's token."""

    http: httpx.AsyncClient
    app: FastAPI
    gateway: FakeGateway
    database: Database
    users: Users
    tokens: Tokens
    directory: RegisterDirectory
    secrets: dict[str, str] = field(default_factory=dict)

    async def as_(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.with_token(self.secrets[who], method, path, **more)

    async def with_token(self, token: str, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return await self.http.request(method, f"/api/v1{path}", headers=headers, **more)

    async def hire(
        self, name: str, *groups: Group, kind: UserKind | None = None, active: bool = True
    ) -> None:
        await self.users.put(name, UserEntry(groups, active, kind=kind), INSTALLER)

    async def hand_out(
        self, user: str, scopes: tuple[TokenScope, ...] = EVERY_SCOPE, days: int = 90
    ) -> NewToken:
        made = await self.tokens.make(TokenWish(user, scopes, days), INSTALLER)
        self.secrets[user] = made.secret
        return made

    async def a_service(self, name: str = "portal", *groups: Group) -> str:
        await self.hire(name, *groups, kind=UserKind.SERVICE)
        return (await self.hand_out(name)).secret

    async def change_token(self, token: str, **values: Any) -> None:
        statement = update(api_tokens).where(api_tokens.c.id == token).values(**values)
        await self.database.write(lambda connection: connection.execute(statement))

    async def admin_events(self) -> list[tuple[str, str, str]]:
        """Who did what to whom or what, oldest first."""
        wanted = select(admin_events).order_by(admin_events.c.id)
        rows = await self.database.read(lambda connection: connection.execute(wanted).all())
        return [(row.actor, row.kind, row.subject) for row in rows]


@asynccontextmanager
async def an_office(folder: Path, empty_register: Path, **settings: Any) -> AsyncIterator[Office]:
    own = {"dev": False, "secret_key": SecretStr("our own"), **settings}
    configured = Settings(data_dir=folder, **own)
    shutil.copy(empty_register, folder / "register.sqlite")
    file = folder / "ledgers.toml"
    file.write_text(LEDGERS, encoding="utf-8")
    gateway = FakeGateway()
    app = create_app(configured, gateway, LedgerBook.load(file, connect=lambda _: FakeLedger()))
    database = open_database(configured.database_url)
    users = Users(database)
    way = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=way, base_url="http://t") as http,
    ):
        office = Office(
            http, app, gateway, database, users, Tokens(database, users), RegisterDirectory(database)
        )
        if not configured.dev:
            for name, groups in STAFF.items():
                await office.hire(name, *groups)
                await office.hand_out(name)
        yield office
    await database.aclose()


def problem(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem document, if it is that one."""
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["type"]) == (status, f"/problems/{name}"), body
    assert body["detail"]
    assert body["remedy"]
    return body
