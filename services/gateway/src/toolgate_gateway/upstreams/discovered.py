"""Discovered upstreams: models that appear while the gateway runs, each with a replica per pod."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from toolgate_runtime.logs import Log

from toolgate_gateway.telemetry.metrics import GatewayMetrics
from toolgate_gateway.upstreams.discovery.resources import DiscoveredModel
from toolgate_gateway.upstreams.metered import MeteredProvider
from toolgate_gateway.upstreams.registry import ModelRegistry, Upstream
from toolgate_gateway.upstreams.replicas import Replicas


class DiscoveredUpstreams:
    """Keeps the model registry in step with discovery. `synced`: discovery has reported at least once."""

    def __init__(
        self,
        models: ModelRegistry,
        metrics: GatewayMetrics,
        create: Callable[[str], Replicas],
        reserved: frozenset[str],
        clock: Callable[[], float],
    ) -> None:
        """`create` makes an upstream without replicas; `reserved`: names of configured ones; `clock`: monotonic."""
        self.providers: dict[str, Replicas] = {}
        self.synced = False
        self._models = models
        self._metrics = metrics
        self._create = create
        self._clock = clock
        self._reserved = reserved
        self._log = Log()
        self._discovered: dict[str, DiscoveredModel] = {}

    def apply(self, found: Mapping[str, DiscoveredModel]) -> None:
        """Add, update and remove upstreams to match `found`."""
        found = {name: each for name, each in found.items() if name not in self._reserved}
        for name in self._discovered.keys() - found.keys():
            self._models.remove(name)
            self.providers.pop(name).set_urls(())
            self._metrics.forget_upstream(name)
            self._log.info("upstream_gone", upstream=name)
        for name, each in found.items():
            self._apply_one(name, each, self._discovered.get(name))
        self._discovered = found
        self.synced = True

    async def aclose(self) -> None:
        """Close every connection."""
        for provider in self.providers.values():
            await provider.aclose()

    def _apply_one(self, name: str, now: DiscoveredModel, before: DiscoveredModel | None) -> None:
        if now.fault and (before is None or before.fault != now.fault):
            self._log.warning("model_config_ignored", upstream=name, reason=now.fault)
        if before is None:
            self.providers[name] = self._create(name)
            self._metrics.know_upstream(name, self.providers[name])
            self._log.info("upstream_found", upstream=name, replicas=len(now.urls), preset=now.preset)
        provider = self.providers[name]
        provider.set_urls(now.urls)
        if before is None or (before.preset, before.policy) != (now.preset, now.policy):
            metered = MeteredProvider(provider, self._metrics, self._clock)
            self._models.add(name, Upstream(provider=metered, preset=now.preset, policy=now.policy))
