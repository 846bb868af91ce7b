"""Where a delivery of each kind stands in line; looked at before it is acknowledged."""

from collections.abc import Callable, Mapping

from service.inbox.ports import HookKind, Place
from service.inbox.pushes import place_of_push

Placing = Callable[[bytes], Place]
"""Quick, and never raises, whatever the body is."""


def place_of_request(_body: bytes) -> Place:
    """The body of `POST /requests` stands in no line."""
    return Place(event="request")


PLACES: Mapping[HookKind, Placing] = {
    HookKind.GENERIC: place_of_request,
    HookKind.JIANDAOYUN: place_of_push,
}
