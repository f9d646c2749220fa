"""The gateway's state, shared by all requests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from toolgate_core.jsontext import JsonObject
from toolgate_core.types.failures import Failure
from toolgate_runtime.logs import Log

from toolgate_gateway.deps import Deps
from toolgate_gateway.http.limits.base import LimitDeps
from toolgate_gateway.http.limits.table import create_limits
from toolgate_gateway.http.pipeline import RequestPipeline
from toolgate_gateway.settings import GatewaySettings
from toolgate_gateway.telemetry.metrics import GatewayMetrics
from toolgate_gateway.telemetry.record import RequestRecord
from toolgate_gateway.telemetry.sinks.base import SinkDeps
from toolgate_gateway.telemetry.sinks.table import create_sinks
from toolgate_gateway.telemetry.stats import Stats
from toolgate_gateway.upstreams.discovered import DiscoveredUpstreams
from toolgate_gateway.upstreams.discovery.resources import DiscoveredModel
from toolgate_gateway.upstreams.metered import MeteredProvider
from toolgate_gateway.upstreams.registry import ModelRegistry, Upstream
from toolgate_gateway.upstreams.replicas import Replicas

_LAG_PROBE_S = 0.1
_AGAIN_S = 5.0
"""Interval at which the models of an unreachable upstream are listed, in seconds."""
_REASON_LENGTH = 300
"""Maximum characters of an upstream's message in the log."""


class Gateway:
    """The state of one gateway; `run` does its background work.

    Attributes:
        draining: a shutdown has begun; requests are still served.
        pipeline: the steps around every request, with authentication and admission control.
    """

    def __init__(self, settings: GatewaySettings, deps: Deps) -> None:
        """Create the shared parts; raises OSError for an unreadable file of keys, `SettingsError` for a wrong one."""
        self.settings = settings
        self.deps = deps
        self.log = Log(show_content=settings.log_content)
        self.metrics = GatewayMetrics(deps.registry)
        self.stats = Stats(deps.instance)
        self.pipeline = RequestPipeline(
            settings,
            self.log,
            clock=deps.clock,
            now=deps.now,
            new_id=deps.new_id,
            limits=create_limits(LimitDeps(store=deps.store, now=deps.now)),
            write=self._record,
        )
        self._sinks = create_sinks(SinkDeps(metrics=self.metrics, stats=self.stats, log=self.log, store=deps.store))
        configs = settings.upstream_configs()
        upstreams = {
            name: Upstream(
                provider=MeteredProvider(provider, self.metrics, deps.clock),
                capabilities=configs[name].capabilities if name in configs else {},
            )
            for name, provider in deps.providers.items()
        }
        self.models = ModelRegistry(upstreams, settings.models, clock=deps.clock, created=int(deps.now()))
        self._discovered: DiscoveredUpstreams | None = None
        if deps.discovery is not None:
            self._discovered = DiscoveredUpstreams(
                self.models, self.metrics, deps.discovery.create, frozenset(deps.providers), deps.clock
            )
        self.draining = False
        self._unreachable: set[str] = set()
        self._news = asyncio.Event()
        self._expose()

    @property
    def ready(self) -> bool:
        """Whether new requests are accepted: discovery has reported once, and no shutdown has begun."""
        return (self._discovered is None or self._discovered.synced) and not self.draining

    def loads(self) -> JsonObject:
        """Return the requests in flight per replica, for upstreams with several replicas."""
        providers = {**self.deps.providers, **(self._discovered.providers if self._discovered else {})}
        return {
            name: {"ready": provider.count(ready=True), "in_flight": [load.in_flight for load in provider.loads()]}
            for name, provider in providers.items()
            if isinstance(provider, Replicas)
        }

    def _record(self, record: RequestRecord) -> None:
        """Hand a finished request to all sinks; a sink that fails disturbs neither the request nor the other sinks."""
        for sink in self._sinks:
            try:
                sink.write(record)
            except Exception as error:  # noqa: BLE001 - the boundary of a request
                self.log.error("defect", error=error)

    def _expose(self) -> None:
        metrics, admission = self.metrics, self.pipeline.admission
        metrics.limit.set(admission.limit)
        metrics.in_flight.source = lambda: admission.in_flight
        metrics.queue_depth.source = lambda: admission.queued
        metrics.know(self.settings.models)
        for name, provider in self.deps.providers.items():
            metrics.know_upstream(name, provider if isinstance(provider, Replicas) else None)

    async def run(self) -> None:
        """Refresh the models, run discovery and measure the event loop's delay, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_models())
            group.create_task(self._watch_loop())
            if self.deps.discovery is not None and self._discovered is not None:
                group.create_task(self.deps.discovery.source.run(self._apply_discovered))

    async def aclose(self) -> None:
        """Close the discovered upstreams; the caller closes those of `deps`."""
        if self._discovered is not None:
            await self._discovered.aclose()

    def _apply_discovered(self, found: Mapping[str, DiscoveredModel]) -> None:
        assert self._discovered is not None
        self._discovered.apply(found)
        if self.models.unlisted():
            self._news.set()

    async def refresh_models(self) -> None:
        """List the upstreams' models now."""
        await self.models.refresh()
        self.metrics.know(self.models.labels)
        for name, healthy in self.models.health().items():
            self.metrics.upstream_healthy.labels(name).set(healthy)
        self._tell_changes(self.models.failures)

    def _tell_changes(self, failures: Mapping[str, Failure]) -> None:
        """Log one line when listing an upstream's models starts to fail, and one when it works again."""
        for name, failure in failures.items():
            if name not in self._unreachable:
                # A server that responds without a list of models is reachable; it just does not list them.
                event = "upstream_models_unknown" if failure.answered else "upstream_unreachable"
                reason = failure.message[:_REASON_LENGTH]
                self.log.warning(
                    event,
                    upstream=name,
                    kind=failure.kind,
                    status=int(failure.origin) if failure.answered else None,
                    reason=reason,
                )
        for name in sorted(self._unreachable - failures.keys()):
            self.log.info("upstream_reachable", upstream=name)
        self._unreachable = set(failures)

    async def _keep_models(self) -> None:
        while True:
            try:
                await self.refresh_models()
            except Exception as error:  # noqa: BLE001 - one upstream's odd answer must not end the refreshing
                self.log.error("defect", error=error)
            # A newly discovered model, or one with new pods, is listed at once.
            try:
                async with asyncio.timeout(self._pause_s()):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()

    def _pause_s(self) -> float:
        """Return the pause until the next listing: short while an upstream is unreachable, to notice its recovery."""
        refresh_s = self.settings.models_refresh_s
        silent = any(not failure.answered for failure in self.models.failures.values())
        return min(refresh_s, _AGAIN_S) if silent else refresh_s

    async def _watch_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_PROBE_S
            await asyncio.sleep(_LAG_PROBE_S)
            self.metrics.loop_lag_seconds.observe(max(loop.time() - due, 0.0))
