"""Files of form records at addresses that somebody else has written: fetched only where that may be."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum

import httpx
from typing_extensions import override

from service.guarded import Guard, Resolve, TargetRefused, resolve
from service.jiandaoyun.answers import JiandaoyunUnreachable

PATIENCE = 15.0
"""Seconds for one file."""
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)


class Untaken(StrEnum):
    """Why a file of a form is not kept with its case."""

    MALFORMED = "malformed"
    FORBIDDEN = "forbidden"
    GONE = "gone"
    LARGE = "large"
    UNREACHABLE = "unreachable"
    KIND = "kind"
    MANY = "many"
    ENDED = "ended"


class FileNotTaken(Exception):
    """Nothing that we could do again would bring this file."""

    def __init__(self, why: Untaken) -> None:
        super().__init__(why)
        self.why = why


class FileGuard(Guard):
    """Lets through the vendor's own server and the configured hosts; without any, the open internet."""

    def __init__(self, base_url: str, hosts: Sequence[str] = (), resolve: Resolve = resolve) -> None:
        super().__init__(hosts, resolve)
        own = httpx.URL(base_url)
        self._own = (own.host, own.port or (443 if own.scheme == "https" else 80))
        self._has_hosts, self._find = bool(hosts), resolve

    @override
    async def address_of(self, host: str, port: int) -> str:
        if (host, port) == self._own:
            found = await self._find(host, port)
            if not found:
                raise OSError(f"{host} has no address")
            return found[0]
        if self._has_hosts and not self.is_allowed_name(host):
            raise TargetRefused(f"{host} is none of the configured hosts")
        return await super().address_of(host, port)


class FileSource:
    """Fetches by an HTTP client that is guarded. An address is its own key, so ours is not shown to it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def fetch(self, url: str, at_most: int) -> bytes:
        """The content of a file.

        Raises:
            FileNotTaken: it is gone, larger than `at_most` bytes, or nowhere that we go.
            JiandaoyunUnreachable: it may be had later.
        """
        if not _is_web_address(url):
            raise FileNotTaken(Untaken.FORBIDDEN)
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._read(url, at_most)
        except TargetRefused as refused:
            raise FileNotTaken(Untaken.FORBIDDEN) from refused
        except (httpx.HTTPError, TimeoutError) as error:
            raise JiandaoyunUnreachable(f"attachment: {error}") from error

    async def _read(self, url: str, at_most: int) -> bytes:
        content = bytearray()
        async with self._http.stream("GET", url, timeout=_TIMEOUT, follow_redirects=False) as response:
            if response.is_redirect:
                raise FileNotTaken(Untaken.FORBIDDEN)
            if response.is_server_error or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                raise JiandaoyunUnreachable(f"attachment: {response.status_code}")
            if not response.is_success:
                raise FileNotTaken(Untaken.GONE)
            async for part in response.aiter_bytes():
                content += part
                if len(content) > at_most:
                    raise FileNotTaken(Untaken.LARGE)
        return bytes(content)


def _is_web_address(url: str) -> bool:
    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return False
    return read.scheme in ("http", "https") and bool(read.host)
