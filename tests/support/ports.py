"""Ports that a test names before anybody listens there."""

import itertools
import os
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000
_started = itertools.count(os.getpid())  # so that processes of tests do not meet


def free_port() -> int:
    """Return a port on which nobody listens now, and which no process gets that asks for any free one."""
    end = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    for number in itertools.islice(_started, end - _LOWEST):
        port = _LOWEST + number % (end - _LOWEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"all ports from {_LOWEST} to {end} are taken")
