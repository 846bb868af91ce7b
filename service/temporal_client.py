"""The connection to Temporal, as the settings describe it."""

import asyncio
import logging
from functools import cache
from pathlib import Path

from temporalio.client import Client
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import TLSConfig

from activities.converter import data_converter
from service.settings import Settings

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0

log = logging.getLogger(__name__)


async def connect(settings: Settings, *, lazy: bool = False) -> Client:
    """A client that reconnects by itself. A lazy one connects on first use.

    Raises:
        RuntimeError: nobody listens at the address.
    """
    key = settings.temporal_api_key
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        api_key=key.get_secret_value() if key else None,
        tls=_tls(settings),
        data_converter=data_converter,
        runtime=_runtime(),
        lazy=lazy,
    )


async def connect_patiently(settings: Settings) -> Client:
    """Try until Temporal is there: a worker that starts first has only to wait."""
    pause = _FIRST_PAUSE
    while True:
        try:
            return await connect(settings)
        except RuntimeError as error:
            log.log(
                logging.WARNING if pause > 1 else logging.DEBUG, "Temporal does not answer yet: %s", error
            )
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)


@cache
def _runtime() -> Runtime:
    """One for the process. The core writes to stdout unless its lines are forwarded to our own logging."""
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporal.core"))
    levels = TelemetryFilter(core_level="WARN", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=levels, forwarding=forwarding)))


def _tls(settings: Settings) -> TLSConfig | bool:
    if not settings.temporal_tls:
        return False
    return TLSConfig(
        server_root_ca_cert=_read(settings.temporal_tls_ca),
        domain=settings.temporal_tls_server_name,
        client_cert=_read(settings.temporal_tls_cert),
        client_private_key=_read(settings.temporal_tls_key),
    )


def _read(file: Path | None) -> bytes | None:
    return file.read_bytes() if file else None
