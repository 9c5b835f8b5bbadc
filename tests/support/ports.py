"""Ports that a test names before anybody listens there."""

import itertools
import os
import socket

_PORTS = range(20_000, 32_768)  # above those that Ray gives to its workers, below those that Linux gives to anybody
_started = itertools.count(os.getpid())  # so that processes of tests do not meet


def free_port() -> int:
    """Return a port on which nobody listens now, and which no process gets that asks for any free one."""
    for number in itertools.islice(_started, len(_PORTS)):
        port = _PORTS[number % len(_PORTS)]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"all ports from {_PORTS[0]} to {_PORTS[-1]} are taken")
