"""Serve a simulator on a socket, from the command line or inside another program."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

import uvicorn

from toolgate_simulator.app import create_app
from toolgate_simulator.settings import Settings


def bind(settings: Settings) -> socket.socket:
    """Return a socket bound to the settings' address (port 0: a free one).

    Raises:
        OSError: the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
    except OSError:
        bound.close()
        raise
    return bound


def make_server(settings: Settings) -> uvicorn.Server:
    """Return a server for the settings; `await server.serve(sockets=[bind(settings)])` runs it.

    Set `server.should_exit` to stop it: requests in flight get the settings' `grace_s`.
    """
    config = uvicorn.Config(
        create_app(settings),
        lifespan="off",
        access_log=False,
        # A cut stream is one of the things that are simulated; uvicorn would log each as an error.
        log_level="critical",
        timeout_graceful_shutdown=settings.grace_s,
        backlog=2048,
    )
    return uvicorn.Server(config)


def run(settings: Settings, announce: Callable[[int], None]) -> None:
    """Serve until SIGINT or SIGTERM; `announce` receives the port once it is bound."""
    server = make_server(settings)
    listening = bind(settings)
    listening.listen(2048)
    announce(listening.getsockname()[1])
    # uvicorn shuts down gracefully and then raises the signal again for the next handler: here that is an end
    # like any other, not a failure.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    server.run(sockets=[listening])
