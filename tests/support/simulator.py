"""A simulator on a free port, for one test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from toolgate_simulator.server import bind, make_server
from toolgate_simulator.settings import Settings


@asynccontextmanager
async def simulator(settings: Settings = Settings()) -> AsyncIterator[str]:  # noqa: B008 - frozen
    """Serve a simulator in this event loop; yields its base URL (`http://…/v1`)."""
    server = make_server(replace(settings, grace_s=min(settings.grace_s, 1)))
    listening = bind(Settings(port=0))
    listening.listen(2048)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        await serving
        listening.close()
