"""The part of a Kubernetes API server that lists and watches: a real socket, versions, and watches that can be ended."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

KINDS = {
    "services": "/api/v1/namespaces/{namespace}/services",
    "endpointslices": "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices",
}


class ApiServer:
    """Objects by kind and name; every change is sent to the watches of its kind that select it."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.refuse: dict[str, Any] | None = None
        self.refusals: Counter[str] = Counter()
        self._version = 10
        self._objects: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        self._watches: dict[str, set[asyncio.Queue[dict[str, Any] | None]]] = {kind: set() for kind in KINDS}
        self._changed = asyncio.Condition()

    async def put(self, kind: str, name: str, item: dict[str, Any]) -> None:
        """Create or change an object."""
        known = name in self._objects[kind]
        self._objects[kind][name] = self._stamped(name, item)
        self._tell(kind, "MODIFIED" if known else "ADDED", self._objects[kind][name])

    async def delete(self, kind: str, name: str) -> None:
        """Delete an object."""
        self._tell(kind, "DELETED", self._stamped(name, self._objects[kind].pop(name)))

    async def watched(self, kind: str) -> None:
        """Wait until a client watches a kind."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._watches[kind])

    async def refused_all(self, *, times: int) -> None:
        """Wait until each kind has been refused so often."""
        async with self._changed:
            await self._changed.wait_for(lambda: all(self.refusals[kind] >= times for kind in KINDS))

    async def _note(self, change: Callable[[Any], Any], what: Any) -> None:
        async with self._changed:
            change(what)
            self._changed.notify_all()

    def end_watches(self, error: dict[str, Any] | None = None) -> None:
        """End every watch: with an error event, or as after its time."""
        for kind, queues in self._watches.items():
            for queue in tuple(queues):
                if error is not None:
                    queue.put_nowait({"type": "ERROR", "object": error})
                queue.put_nowait(None)
            self._watches[kind] = set()

    def handler(self, kind: str) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.asked.append(f"{request.path}?{request.query.get('labelSelector', '')}")
            if self.refuse is not None:
                await self._note(self.refusals.update, [kind])
                return web.json_response(self.refuse, status=self.refuse["code"])
            if request.query.get("watch"):
                return await self._watch(kind, request)
            items = [item for item in self._objects[kind].values() if _selected(item, request)]
            return web.json_response({"metadata": {"resourceVersion": str(self._version)}, "items": items})

        return handle

    async def _watch(self, kind: str, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        await self._note(self._watches[kind].add, queue)
        while (change := await queue.get()) is not None:
            if change["type"] == "ERROR" or _selected(change["object"], request):
                await response.write(json.dumps(change).encode() + b"\n")
        return response

    def _stamped(self, name: str, item: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        return {**item, "metadata": {**item["metadata"], "name": name, "resourceVersion": str(self._version)}}

    def _tell(self, kind: str, change: str, item: dict[str, Any]) -> None:
        for queue in self._watches[kind]:
            queue.put_nowait({"type": change, "object": item})


def _selected(item: dict[str, Any], request: web.Request) -> bool:
    labels = item["metadata"].get("labels", {})
    for term in filter(None, request.query.get("labelSelector", "").split(",")):
        key, equals, value = term.partition("=")
        if (labels.get(key) != value) if equals else key not in labels:
            return False
    return True


@asynccontextmanager
async def api_server(namespace: str, kubeconfig: Path) -> AsyncIterator[ApiServer]:
    """A running server, and a kubeconfig that leads to it."""
    server = ApiServer()
    app = web.Application()
    for kind, path in KINDS.items():
        app.router.add_get(path.format(namespace=namespace), server.handler(kind))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"http://127.0.0.1:{port}"
    named = {"name": "test"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{**named, "cluster": {"server": server.url}}],
        "users": [{**named, "user": {"token": "t"}}],
        "contexts": [{**named, "context": {"cluster": "test", "user": "test"}}],
    }
    await asyncio.to_thread(kubeconfig.write_text, json.dumps(config), encoding="utf-8")
    try:
        yield server
    finally:
        server.end_watches()
        await runner.cleanup()
