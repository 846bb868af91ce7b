"""Calls to addresses that somebody else has named: never into our own network (SSRF, design §12).

The name is resolved here, every address it has is judged, and the connection goes to the address that was
judged: a name that answers otherwise a moment later leads nowhere else. Redirects are followed by nobody.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

import httpx
from typing_extensions import override

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name, in the order in which they are to be tried. Raises OSError."""

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""What lies outside of it is local, reserved, or an IPv4 address in disguise (mapped, NAT64)."""

_SPECIAL = tuple(ipaddress.IPv4Network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16"))
"""Global by the book, and yet answered by clouds for their own machines, or by gateways."""


class TargetRefused(Exception):
    """This address is not for us to call; the text names it as it was given."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """As the operating system does, which also reads 2130706433, 0177.1 and 0x7f.0.0.1 as addresses."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def is_public(address: IPAddress) -> bool:
    """Whether an address lies in the open internet: not private, local, metadata or multicast."""
    if isinstance(address, ipaddress.IPv4Address):
        is_special = any(address in network for network in _SPECIAL)
        return address.is_global and not address.is_multicast and not is_special
    if address.sixtofour is not None or address.teredo is not None:
        return False  # they carry an IPv4 address that a gateway would call for us
    return address in _GLOBAL_UNICAST and address.is_global and not address.is_multicast


class Guard:
    """Says which address a name may be called at. What is allowed by setting is allowed, wherever it lies."""

    def __init__(self, allowed: Sequence[str] = (), resolve: Resolve = resolve) -> None:
        self._resolve = resolve
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._names: set[str] = set()
        for entry in allowed:
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                self._names.add(_plain(entry))

    def is_allowed_name(self, host: str) -> bool:
        """Whether a host is allowed by its name, or by what it literally is."""
        return _plain(host) in self._names or any(_literal(host, network) for network in self._networks)

    async def address_of(self, host: str, port: int) -> str:
        """The address to connect to.

        Raises:
            TargetRefused: one of its addresses is not public.
            OSError: it has none.
        """
        found = await self._resolve(host, port)
        if not found:
            raise OSError(f"{host} has no address")
        if _plain(host) not in self._names:
            for text in found:
                self._require_public(host, ipaddress.ip_address(text))
        return found[0]

    def _require_public(self, host: str, address: IPAddress) -> None:
        # A link-local address may name an interface, which no network has.
        inner = getattr(address, "ipv4_mapped", None) or address
        if not is_public(inner) and not any(inner in network for network in self._networks):
            raise TargetRefused(f"{host} is not a public address")


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _literal(host: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(_plain(host)) in network
    return False


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connects to the address that was judged, and speaks to the name that was meant, in TLS as well."""

    def __init__(self, guard: Guard, inner: httpx.AsyncBaseTransport | None = None) -> None:
        self._guard = guard
        # No connection is kept: two names at one address must not share one that was made for the other.
        alone = httpx.Limits(max_keepalive_connections=0)
        self._inner = inner or httpx.AsyncHTTPTransport(limits=alone, trust_env=False)

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises TargetRefused."""
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            address = await self._guard.address_of(host, port)
        except OSError as error:
            raise httpx.ConnectError(f"{host} cannot be resolved", request=request) from error
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        return await self._inner.handle_async_request(pinned)

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()
