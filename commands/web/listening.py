"""The socket on which a server of ours listens, and its address."""

import socket

from ocrmill.pipeline.errors import UsageError


def listen(host: str, port: int) -> socket.socket:
    """Listen; port 0 takes a free one.

    Raises:
        UsageError: The host is not of this machine, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}, port {port}: {error.strerror or error}") from error


def address_of(listening: socket.socket, host: str, scheme: str = "http") -> str:
    """Return the address of a server, with a slash at its end."""
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}:{listening.getsockname()[1]}/"
