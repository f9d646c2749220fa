"""Listening sockets, with one error text for every service."""

from __future__ import annotations

import socket

from toolgate_runtime.errors import StartError

_BACKLOG = 2048


def join_address(host: str, port: int) -> str:
    """Return `host:port`, or `[host]:port` for an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0: a free one. Raise `StartError` if the address is unavailable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A restarted process must not wait for connections of its predecessor in TIME_WAIT.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(f"cannot listen on {join_address(host, port)}: {error.strerror or error}") from error
    return listener
