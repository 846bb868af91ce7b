"""The socket the API answers on."""

import socket


class PortTaken(Exception):
    """Nobody can listen there; the text says why, for people."""


def listen(host: str, port: int) -> socket.socket:
    """Listen; port 0 takes a free one.

    Raises:
        PortTaken: another process has the port, or it may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PortTaken(f"cannot listen on {host} port {port} ({reason}); choose another port") from error
