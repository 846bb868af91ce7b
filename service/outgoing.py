"""Calls to other people's HTTP services: the one place that opens a client."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

_PATIENCE = 5.0
_LARGEST = 1_000_000
"""Bytes of an answer that are read; more is no answer."""


class NoAnswer(Exception):
    """The other side is away, says no, or says something else than was asked for."""


@dataclass(frozen=True)
class Reply:
    """What was answered to something that was posted."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> dict[str, Any]:  # Any: JSON
        """Raises NoAnswer if it is no JSON object."""
        return _as_object("the receiver", self.body)


class Outgoing:
    """Asks for JSON, and posts. Follows no redirect: who answers is who was asked."""

    def __init__(
        self, transport: httpx.AsyncBaseTransport | None = None, patience: float = _PATIENCE
    ) -> None:
        """`patience`: seconds without a byte after which there is no answer."""
        timeout = httpx.Timeout(patience, connect=_PATIENCE)
        self._http = httpx.AsyncClient(timeout=timeout, follow_redirects=False, transport=transport)

    async def get_json(self, url: str) -> dict[str, Any]:  # Any: JSON
        """Raises NoAnswer."""
        try:
            async with self._http.stream("GET", url, headers={"Accept": "application/json"}) as response:
                if response.status_code != httpx.codes.OK:
                    raise NoAnswer(f"{url} answers {response.status_code}")
                return _as_object(url, await _read(url, response))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswer(f"{url}: {type(error).__name__} {error}") from error

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Raises NoAnswer, which names no more of the address than its host: the rest may be a secret."""
        try:
            async with self._http.stream("POST", url, content=body, headers=headers) as response:
                said = {name.lower(): value for name, value in response.headers.items()}
                where = response.request.url.host
                return Reply(response.status_code, said, await _read(where, response))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswer(f"{_host(url)}: {type(error).__name__}") from error

    async def aclose(self) -> None:
        await self._http.aclose()


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host
    except httpx.InvalidURL:
        return "the address"


async def _read(url: str, response: httpx.Response) -> bytes:
    read = bytearray()
    async for part in response.aiter_bytes():
        read += part
        if len(read) > _LARGEST:
            raise NoAnswer(f"{url} answers more than {_LARGEST} bytes")
    return bytes(read)


def _as_object(url: str, body: bytes) -> dict[str, Any]:  # Any: JSON
    try:
        found = json.loads(body)
    except ValueError as error:
        raise NoAnswer(f"{url} does not answer JSON") from error
    if not isinstance(found, dict):
        raise NoAnswer(f"{url} does not answer an object")
    return found
