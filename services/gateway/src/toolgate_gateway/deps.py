"""The gateway's dependencies on the outside world, as ports and plain functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct
from prometheus_client import CollectorRegistry
from toolgate_runtime.ports import ExecutorPort, ExtractorPort, HealthPort, TransformerPort
from toolgate_runtime.store import Store

from toolgate_gateway.upstreams.base import Provider
from toolgate_gateway.upstreams.discovery.kubernetes import Discovery
from toolgate_gateway.upstreams.replicas import Replicas


class DiscoveryConfig(Struct, frozen=True):
    """The source of discovered upstreams, and the function that creates one by name, without replicas at first."""

    source: Discovery
    create: Callable[[str], Replicas]


class Services(Struct, frozen=True, kw_only=True):
    """The gateway's ports to its services: over gRPC, or in this process.

    Attributes:
        transformer: the prompt-transformer.
        extractor: the extractor.
        executor: the tool-executor.
        health: the health of each service, by the service's name.
    """

    transformer: TransformerPort
    extractor: ExtractorPort
    executor: ExecutorPort
    health: Mapping[str, HealthPort]


class Process(Struct, frozen=True, kw_only=True):
    """What a process provides: time, ids, metrics and its name.

    Attributes:
        registry: the registry of metrics.
        clock: monotonic time, in seconds.
        now: wall-clock time, in Unix seconds.
        new_id: returns a new unguessable string of letters and digits.
        version: the version shown by `/health`.
        instance: the name of this process in `/stats`.
    """

    registry: CollectorRegistry
    clock: Callable[[], float]
    now: Callable[[], float]
    new_id: Callable[[], str]
    version: str
    instance: str


class Deps(Struct, frozen=True, kw_only=True):
    """All dependencies of one gateway: its upstreams, and the fields of `Services` and `Process`.

    Attributes:
        providers: one per upstream, by the upstream's name, in the order in which their models are listed.
        store: state with an expiry, such as counters of quotas.
        discovery: discovery of further upstreams; None: off.
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
    store: Store
    discovery: DiscoveryConfig | None = None
