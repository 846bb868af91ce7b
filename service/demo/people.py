"""The people of `unclose demo`, acting over HTTP like any outside script."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import uuid4

import httpx

from workflows.domain.case import TaskAction, TaskKind

Json: TypeAlias = dict[str, Any]  # Any: JSON as the API sends it

API = "/api/v1"
ERP = f"{API}/demo-erp/demo"
"""The other side: what users of the demo ledger do there."""
_LOOK_EVERY = 0.05
"""Seconds between two looks into an inbox; people look less often."""
_PATIENCE = 30.0
"""Seconds after which a task that should be there is missed."""


class Answered(Exception):
    """The API said no; the text is its own."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"{response.request.method} {response.request.url.path}: {_said(response)}")


def _said(response: httpx.Response) -> str:
    try:
        problem = response.json()
    except ValueError:
        return f"{response.status_code} {response.text[:200]}"
    return f"{response.status_code} {problem.get('detail', '')} → {problem.get('remedy', '')}"


@dataclass(frozen=True)
class Person:
    """One person with a token."""

    http: httpx.AsyncClient
    name: str

    async def get(self, path: str, **query: str) -> Json:
        return _body(await self.http.get(path, params=query, headers=self._headers))

    async def download(self, path: str, **query: str) -> str:
        """Have the API give out a file; the answer is its `ETag`, without the quotes."""
        response = await self.http.get(path, params=query, headers=self._headers)
        if not response.is_success:
            raise Answered(response)
        return str(response.headers["ETag"]).strip('"')

    async def post(self, path: str, body: Mapping[str, object]) -> Json:
        headers = {**self._headers, "Idempotency-Key": uuid4().hex}
        return _body(await self.http.post(path, json=body, headers=headers))

    async def act(self, case: str, kind: TaskKind, action: TaskAction, comment: str) -> None:
        """Do what the inbox asks for, for the digest it shows."""
        task = await self._find(case, kind)
        body = {"action": action, "digest": task["digest"], "comment": comment}
        await self.post(f"{API}/tasks/{task['id']}/actions", body)

    async def _find(self, case: str, kind: TaskKind) -> Json:
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            found = await self.get(f"{API}/tasks", request=case, kind=kind, state="open", mine="true")
            if found["items"]:
                return dict(found["items"][0])
            await asyncio.sleep(_LOOK_EVERY)
        raise TimeoutError(f"{self.name} found no {kind} task of {case} within {_PATIENCE:.0f} s")

    async def add_quantity(self, document: str, more: int) -> tuple[str, str]:
        """Put more on a document's first line, as a user of the ERP: the quantity before and after."""
        line = (await self.get(f"{ERP}/documents/{document}"))["lines"][0]
        change = {"line": line["n"], "qty": str(Decimal(line["qty"]) + more), "note": "盘点更正"}
        await self.post(f"{ERP}/login", {"doing": "更正单据"})
        try:
            changed = await self.post(f"{ERP}/documents/{document}/change-line", change)
        finally:
            await self.post(f"{ERP}/logout", {})
        return line["qty"], changed["lines"][0]["qty"]

    async def follow(self, case: str) -> AsyncIterator[Json]:
        """The events of a case as they come; a broken stream is taken up again where it broke."""
        last = "0"
        while True:
            try:
                async for event in self._stream(case, last):
                    if "seq" not in event:
                        return  # the stream says that nothing more will come
                    last = str(event["seq"])
                    yield event
            except httpx.TransportError:
                pass
            await asyncio.sleep(_LOOK_EVERY)

    async def _stream(self, case: str, last: str) -> AsyncIterator[Json]:
        headers = {**self._headers, "Last-Event-ID": last}
        path = f"{API}/requests/{case}/events"
        async with self.http.stream("GET", path, headers=headers, timeout=None) as response:
            if response.is_error:
                await response.aread()
                raise Answered(response)
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    yield dict(json.loads(line.removeprefix("data:")))

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer demo-{self.name}"}


def _body(response: httpx.Response) -> Json:
    if response.is_error:
        raise Answered(response)
    return dict(response.json()) if response.content else {}
