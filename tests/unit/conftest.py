"""Unit tests need nothing: no network, no random run of a property."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "unit",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("unit")


@pytest.fixture(scope="module", autouse=True)
def closed_sockets() -> Iterator[None]:
    """A pure rule that calls the world fails here. Per module, so that other folders keep their sockets."""

    def refuse(*_: object) -> None:
        raise AssertionError("a unit test tried to reach the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket.socket, "connect_ex", refuse)
        yield
