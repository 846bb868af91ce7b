"""Events posted to subscribers, signed by Standard Webhooks; and which addresses a subscription may name."""

import json
from datetime import UTC, timedelta
from http import HTTPStatus
from typing import TypeAlias

import httpx
from standardwebhooks import Webhook
from typing_extensions import override

from service.guarded import Guard, TargetRefused
from service.outgoing import NoAnswer, Outgoing, Reply
from service.refusals import TargetForbidden, UnknownSubscription
from service.sending.ports import Channel, Parcel, Undelivered
from service.sending.subscriptions import PREFIX, Subscriptions
from service.texts import TARGETS
from workflows.domain.digest import Json

Headers: TypeAlias = dict[str, str]

NO_ADDRESS, NOT_SECURE, CARRIES_MORE, INTERNAL = TARGETS
"""Why an address is refused."""

_LONGEST_URL = 2000
_HIGHEST_PORT = 65_535
_THIS_MACHINE = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
"""Names of the machine itself, whether or not they resolve here."""


def parse_target(url: str, guard: Guard) -> httpx.URL:
    """An address that events may be posted to, as far as it can be told without asking anybody.

    Plain HTTP only inside, where a setting allows the host.

    Raises:
        TargetForbidden: it is not; the reason says why.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise TargetForbidden(NO_ADDRESS) from error
    if not parsed.host or len(url) > _LONGEST_URL or any(character.isspace() for character in url):
        raise TargetForbidden(NO_ADDRESS)
    if parsed.port is not None and not 0 < parsed.port <= _HIGHEST_PORT:
        raise TargetForbidden(NO_ADDRESS)
    may_be_plain = guard.is_allowed_name(parsed.host)
    if parsed.scheme != "https" and not (parsed.scheme == "http" and may_be_plain):
        raise TargetForbidden(NOT_SECURE)
    if parsed.userinfo or parsed.fragment:
        raise TargetForbidden(CARRIES_MORE)
    if _is_this_machine(parsed.host) and not guard.is_allowed_name(parsed.host):
        raise TargetForbidden(INTERNAL)
    return parsed


def _is_this_machine(host: str) -> bool:
    name = host.rstrip(".").lower()
    return name in _THIS_MACHINE or name.endswith(".localhost")


async def require_target(url: str, guard: Guard) -> None:
    """The same, with its name resolved. A name without an address is let pass: it leads nowhere yet.

    Raises:
        TargetForbidden: it is not to be called.
    """
    parsed = parse_target(url, guard)
    try:
        await guard.address_of(parsed.host, parsed.port or 443)
    except TargetRefused as error:
        raise TargetForbidden(INTERNAL) from error
    except OSError:
        return


class WebhookChannel(Channel):
    """The transport behind `outgoing` judges every address anew, whatever was judged before."""

    per_minute = None

    def __init__(self, subscriptions: Subscriptions, outgoing: Outgoing) -> None:
        self._subscriptions, self._outgoing = subscriptions, outgoing

    @override
    async def send(self, parcel: Parcel) -> None:
        try:
            subscription = await self._subscriptions.find(parcel.receiver.removeprefix(PREFIX))
        except UnknownSubscription as error:
            raise Undelivered(str(error), is_final=True) from error
        if subscription.ended_at is not None:
            raise Undelivered("the subscription has ended", is_final=True)
        body = _text(parcel.body)
        headers = signed(self._subscriptions.secret_of(subscription), parcel, body)
        try:
            reply = await self._outgoing.post(subscription.url, body.encode(), headers)
        except TargetRefused as error:
            raise Undelivered(str(error), is_final=True) from error
        except NoAnswer as error:
            raise Undelivered(str(error), is_away=True) from error
        _require_taken(reply)


def signed(secret: str, parcel: Parcel, body: str) -> Headers:
    """The headers that show from whom it comes, and that nobody has changed it on the way."""
    name = str(parcel.body["id"])
    return {
        "content-type": "application/cloudevents+json; charset=utf-8",
        "user-agent": "unclose",
        "webhook-id": name,
        "webhook-timestamp": str(int(parcel.at.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, parcel.at.astimezone(UTC), body),
    }


def _text(body: dict[str, Json]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _require_taken(reply: Reply) -> None:
    if reply.is_good:
        return
    is_gone = reply.status == HTTPStatus.GONE
    raise Undelivered(f"answered {reply.status}", is_final=is_gone, retry_after=_retry_after(reply))


def _retry_after(reply: Reply) -> timedelta | None:
    said = reply.headers.get("retry-after", "")
    return timedelta(seconds=int(said)) if said.isascii() and said.isdigit() and len(said) < 7 else None
