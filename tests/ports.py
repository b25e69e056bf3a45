"""Ports for servers that must know theirs before they listen."""

import itertools
import secrets
import socket

_FIRST, _LAST = 10_000, 32_768
"""Below the range from which Linux takes ports that nobody asked for: those never get in the way later."""
_NUMBERS = itertools.count(secrets.randbelow(_LAST - _FIRST))


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses now and that was not returned lately."""
    while True:
        port = _FIRST + next(_NUMBERS) % (_LAST - _FIRST)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
