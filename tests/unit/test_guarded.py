"""Addresses that somebody else has named never lead into our own network."""

import ipaddress
import socket
from collections.abc import Sequence

import httpx
import pytest

from service.guarded import Guard, GuardedTransport, TargetRefused, is_public, resolve
from service.outgoing import Outgoing

PUBLIC = "93.184.215.14"

INTERNAL = [
    "127.0.0.1",
    "127.8.9.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.0.1",
    "192.0.0.192",
    "168.63.129.16",
    "100.100.100.200",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
]


def a_resolver(**known: Sequence[str]) -> "Resolver":
    return Resolver(known)


class Resolver:
    """Knows names by heart; a name may answer otherwise each time."""

    def __init__(self, known: dict[str, Sequence[str]]) -> None:
        self.known, self.asked = known, 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        found = self.known.get(host.replace(".", "_"))
        if found is None:
            raise socket.gaierror("unknown")
        return found


@pytest.mark.parametrize("address", INTERNAL)
async def test_a_name_that_resolves_to_an_internal_address_is_refused(address: str) -> None:
    guard = Guard(resolve=a_resolver(inside_example=[address]))
    with pytest.raises(TargetRefused):
        await guard.address_of("inside.example", 443)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
async def test_a_public_address_is_called(address: str) -> None:
    guard = Guard(resolve=a_resolver(outside_example=[address]))
    assert await guard.address_of("outside.example", 443) == address


async def test_one_internal_address_among_public_ones_is_enough() -> None:
    guard = Guard(resolve=a_resolver(both_example=[PUBLIC, "10.0.0.1"]))
    with pytest.raises(TargetRefused):
        await guard.address_of("both.example", 443)


@pytest.mark.parametrize(
    "written",
    [
        "127.0.0.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "017700000001",
        "127.1",
        "169.254.169.254",
        "2852039166",
        "10.1",
        "::1",
        "::",
        "0.0.0.0",
        "100.64.0.1",
        "1681915905",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "0:0:0:0:0:ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "0",
    ],
)
async def test_every_way_to_write_an_internal_address_is_refused(written: str) -> None:
    # Numeric names are read by the system's own resolver; nobody is asked.
    found = await resolve(written, 443)
    assert found
    assert not any(is_public(_address(text)) for text in found)
    with pytest.raises(TargetRefused):
        await Guard().address_of(written, 443)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text)


@pytest.mark.parametrize(
    ("allowed", "host", "address"),
    [
        ("10.0.0.0/8", "hooks_example", "10.1.2.3"),
        ("10.1.2.3", "hooks_example", "10.1.2.3"),
        ("hooks_example", "hooks_example", "10.1.2.3"),
        ("HOOKS_example.", "hooks_example", "10.1.2.3"),
        ("fd00::/8", "hooks_example", "fd00::1"),
        ("10.0.0.0/8", "hooks_example", "::ffff:10.1.2.3"),
    ],
)
async def test_what_a_setting_allows_is_called(allowed: str, host: str, address: str) -> None:
    guard = Guard((allowed,), a_resolver(**{host: [address]}))
    assert await guard.address_of(host, 443) == address


async def test_what_a_setting_allows_allows_nothing_else() -> None:
    guard = Guard(("10.0.0.0/8", "hooks_example"), a_resolver(other=["192.168.0.1"]))
    with pytest.raises(TargetRefused):
        await guard.address_of("other", 443)


# --------------------------------------------------------------------------- the connection


class Wire(httpx.AsyncBaseTransport):
    """Remembers what would have been connected to."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer


async def test_the_connection_goes_to_the_address_that_was_judged_and_speaks_to_the_name() -> None:
    resolver, wire = a_resolver(hooks_example=[PUBLIC]), Wire(httpx.Response(204))
    outgoing = Outgoing(GuardedTransport(Guard(resolve=resolver), wire))
    reply = await outgoing.post("https://hooks.example:8443/in?x=1", b"{}", {})
    [sent] = wire.requests
    assert (reply.status, sent.url.host, sent.url.port, sent.url.path) == (204, PUBLIC, 8443, "/in")
    assert (sent.headers["host"], sent.extensions["sni_hostname"]) == ("hooks.example:8443", "hooks.example")
    assert resolver.asked == 1, "asked again, a name might answer otherwise"
    await outgoing.aclose()


async def test_a_name_that_changes_after_it_was_judged_is_judged_again_at_the_next_call() -> None:
    resolver, wire = a_resolver(hooks_example=[PUBLIC]), Wire(httpx.Response(204))
    outgoing = Outgoing(GuardedTransport(Guard(resolve=resolver), wire))
    await outgoing.post("https://hooks.example/", b"", {})
    resolver.known["hooks_example"] = ["127.0.0.1"]
    with pytest.raises(TargetRefused):
        await outgoing.post("https://hooks.example/", b"", {})
    assert len(wire.requests) == 1
    await outgoing.aclose()


async def test_a_name_that_answers_otherwise_between_the_judgement_and_the_connection_gains_nothing() -> None:
    class Rebinding:
        """Public for whoever judges, and inside for whoever connects: another answer at each look."""

        def __init__(self) -> None:
            self.answers = [PUBLIC, "127.0.0.1", "169.254.169.254"]

        async def __call__(self, host: str, port: int) -> Sequence[str]:
            return [self.answers.pop(0)]

    wire = Wire(httpx.Response(204))
    outgoing = Outgoing(GuardedTransport(Guard(resolve=Rebinding()), wire))
    await outgoing.post("https://hooks.example/", b"", {})
    for _ in range(2):
        with pytest.raises(TargetRefused):
            await outgoing.post("https://hooks.example/", b"", {})
    assert [request.url.host for request in wire.requests] == [PUBLIC]
    await outgoing.aclose()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_no_yes_wherever_it_leads(status: int) -> None:
    wire = Wire(httpx.Response(status, headers={"Location": "https://127.0.0.1/"}))
    outgoing = Outgoing(GuardedTransport(Guard(resolve=a_resolver(hooks_example=[PUBLIC])), wire))
    assert not (await outgoing.post("https://hooks.example/", b"", {})).is_good
    assert len(wire.requests) == 1
    await outgoing.aclose()


async def test_a_redirect_to_the_inside_is_not_followed() -> None:
    wire = Wire(httpx.Response(307, headers={"Location": "http://169.254.169.254/latest/meta-data"}))
    outgoing = Outgoing(GuardedTransport(Guard(resolve=a_resolver(hooks_example=[PUBLIC])), wire))
    reply = await outgoing.post("https://hooks.example/", b"", {})
    assert (reply.status, reply.is_good, len(wire.requests)) == (307, False, 1)
    await outgoing.aclose()
