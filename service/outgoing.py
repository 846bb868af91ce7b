"""Calls to other people's HTTP services: the one place that opens a client."""

import json
from typing import Any

import httpx

_TIMEOUT = httpx.Timeout(5.0)
_LARGEST = 1_000_000
"""Bytes of an answer that are read; more is no answer."""


class NoAnswer(Exception):
    """The other side is away, says no, or says something else than was asked for."""


class Outgoing:
    """Asks for JSON. Follows no redirect: who answers is who was asked."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False, transport=transport)

    async def get_json(self, url: str) -> dict[str, Any]:  # Any: JSON
        """Raises NoAnswer."""
        try:
            async with self._http.stream("GET", url, headers={"Accept": "application/json"}) as response:
                if response.status_code != httpx.codes.OK:
                    raise NoAnswer(f"{url} answers {response.status_code}")
                return _as_object(url, await _read(url, response))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswer(f"{url}: {type(error).__name__} {error}") from error

    async def aclose(self) -> None:
        await self._http.aclose()


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
