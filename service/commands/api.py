"""`unclose api`: serve the HTTP API and the dashboard."""

import socket
from typing import Annotated

import typer
import uvicorn

from service.app import create_app
from service.commands.opening import open_book, open_hooks, open_own_settings
from service.here_to_stay import here_to_stay
from service.listener import listen
from service.logs import set_up_logs

PATIENCE = 2
"""Seconds that open event streams may keep the server from ending."""


def api(fd: Annotated[int | None, typer.Option(hidden=True)] = None) -> None:
    """Serve the HTTP API and the dashboard."""
    settings = open_own_settings()
    set_up_logs(settings.log_format)
    with here_to_stay():
        app = create_app(settings, given=open_book(settings), ways_in=open_hooks(settings))
    listener = listen(settings.host, settings.port) if fd is None else socket.socket(fileno=fd)
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=PATIENCE)
    uvicorn.Server(config).run(sockets=[listener])


COMMAND = api
