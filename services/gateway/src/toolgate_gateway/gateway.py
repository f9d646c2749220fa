"""The gateway's state: what all requests share."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from toolgate_core.jsontext import JsonObject
from toolgate_runtime.logs import Log

from toolgate_gateway.admission import Admission
from toolgate_gateway.deps import Deps
from toolgate_gateway.discovery.found import Found
from toolgate_gateway.metrics import GatewayMetrics
from toolgate_gateway.models import Models, Upstream
from toolgate_gateway.providers.replicas import Replicas
from toolgate_gateway.settings import GatewaySettings
from toolgate_gateway.stats import Stats
from toolgate_gateway.upstreams import FoundUpstreams

_LAG_PROBE_S = 0.1


class Gateway:
    """One gateway. `run` does its work in the background."""

    def __init__(self, settings: GatewaySettings, deps: Deps) -> None:
        """Put the parts together; raises OSError where a file of keys can't be read."""
        self.settings = settings
        self.deps = deps
        self.log = Log(show_content=settings.log_content)
        self.metrics = GatewayMetrics(deps.registry)
        self.stats = Stats(deps.instance)
        self.keys = tuple(key.encode() for key in settings.client_keys())
        self.admission = Admission(limit=settings.max_in_flight, queue=settings.max_queue, wait_s=settings.queue_wait_s)
        places = settings.places()
        upstreams = {
            name: Upstream(provider=provider, capabilities=places[name].capabilities if name in places else {})
            for name, provider in deps.providers.items()
        }
        self.models = Models(upstreams, settings.models, clock=deps.clock, created=int(deps.now()))
        self._found: FoundUpstreams | None = None
        if deps.finding is not None:
            self._found = FoundUpstreams(self.models, self.metrics, deps.finding.create, frozenset(deps.providers))
        self.leaving = False
        self._news = asyncio.Event()
        self._expose()

    @property
    def ready(self) -> bool:
        """Whether new requests are welcome: models are known as far as they can be, and the end has not begun."""
        return (self._found is None or self._found.heard) and not self.leaving

    def loads(self) -> JsonObject:
        """Return the requests in flight of each replica, for upstreams that have several."""
        providers = {**self.deps.providers, **(self._found.providers if self._found else {})}
        return {
            name: {"ready": provider.count(ready=True), "in_flight": [load.in_flight for load in provider.loads()]}
            for name, provider in providers.items()
            if isinstance(provider, Replicas)
        }

    def _expose(self) -> None:
        metrics, admission = self.metrics, self.admission
        metrics.limit.set(admission.limit)
        metrics.in_flight.source = lambda: admission.in_flight
        metrics.queue_depth.source = lambda: admission.queued
        metrics.know(self.settings.models)
        for name, provider in self.deps.providers.items():
            metrics.know_upstream(name, provider)

    async def run(self) -> None:
        """Keep the table of models fresh and watch the event loop, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_models())
            group.create_task(self._watch_loop())
            if self.deps.finding is not None and self._found is not None:
                group.create_task(self.deps.finding.discovery.run(self._take_found))

    async def aclose(self) -> None:
        """Give up the upstreams that were found; what `deps` gave is its giver's to close."""
        if self._found is not None:
            await self._found.aclose()

    def _take_found(self, found: Mapping[str, Found]) -> None:
        assert self._found is not None
        self._found.take(found)
        if self.models.unlisted():
            self._news.set()

    async def refresh_models(self) -> None:
        """Ask the upstreams for their models now."""
        await self.models.refresh()
        self.metrics.know(self.models.labels)
        for name, healthy in self.models.health().items():
            self.metrics.upstream_healthy.labels(name).set(healthy)

    async def _keep_models(self) -> None:
        while True:
            try:
                await self.refresh_models()
            except Exception as error:  # noqa: BLE001 - one upstream's odd answer must not end the refreshing
                self.log.error("defect", error=error)
            # A model that has just been found, or whose pods have just come, need not wait for its turn.
            try:
                async with asyncio.timeout(self.settings.models_refresh_s):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()

    async def _watch_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_PROBE_S
            await asyncio.sleep(_LAG_PROBE_S)
            self.metrics.loop_lag_seconds.observe(max(loop.time() - due, 0.0))
