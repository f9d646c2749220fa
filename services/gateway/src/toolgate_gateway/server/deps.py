"""The gateway's dependencies on the outside world, as ports and plain functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct
from prometheus_client import CollectorRegistry
from toolgate_runtime.ports import ExecutorPort, ExtractorPort, HealthPort, TransformerPort

from toolgate_gateway.upstreams.base import Provider
from toolgate_gateway.upstreams.discovery.kubernetes import Discovery
from toolgate_gateway.upstreams.replicas import Replicas


class DiscoveryConfig(Struct, frozen=True):
    """Who finds upstreams, and what makes one of a name: without replicas, which come and go."""

    source: Discovery
    create: Callable[[str], Replicas]


class Deps(Struct, frozen=True, kw_only=True):
    """The gateway's dependencies.

    Attributes:
        providers: one per upstream, by the upstream's name, in the order in which they are asked for models.
        discovery: where upstreams are found while the gateway runs; None: nowhere.
        transformer: the prompt-transformer.
        extractor: the extractor.
        executor: the tool-executor.
        health: who can say whether a service serves, by the service's name.
        registry: where the metrics live.
        clock: monotonic time, in seconds.
        now: wall time, in Unix seconds.
        new_id: a new string of letters and digits that nobody can guess.
        version: what `/health` says.
        instance: what `/stats` calls this process.
    """

    providers: Mapping[str, Provider]
    transformer: TransformerPort
    extractor: ExtractorPort
    executor: ExecutorPort
    health: Mapping[str, HealthPort]
    registry: CollectorRegistry
    clock: Callable[[], float]
    now: Callable[[], float]
    new_id: Callable[[], str]
    version: str
    instance: str
    discovery: DiscoveryConfig | None = None
