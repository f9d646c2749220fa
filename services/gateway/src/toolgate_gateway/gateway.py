"""The gateway's state: what all requests share."""

from __future__ import annotations

import asyncio

from toolgate_runtime.logs import Log

from toolgate_gateway.admission import Admission
from toolgate_gateway.deps import Deps
from toolgate_gateway.metrics import GatewayMetrics
from toolgate_gateway.models import Models, Upstream
from toolgate_gateway.settings import GatewaySettings
from toolgate_gateway.stats import Stats

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
        self._expose()

    def _expose(self) -> None:
        metrics, admission = self.metrics, self.admission
        metrics.limit.set(admission.limit)
        metrics.in_flight.source = lambda: admission.in_flight
        metrics.queue_depth.source = lambda: admission.queued
        metrics.know(self.settings.models)
        for name in self.deps.providers:
            metrics.upstream_in_flight.labels(name).set(0)
            metrics.upstream_healthy.labels(name).set(1)

    async def run(self) -> None:
        """Keep the table of models fresh and watch the event loop, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_models())
            group.create_task(self._watch_loop())

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
            await asyncio.sleep(self.settings.models_refresh_s)

    async def _watch_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_PROBE_S
            await asyncio.sleep(_LAG_PROBE_S)
            self.metrics.loop_lag_seconds.observe(max(loop.time() - due, 0.0))
