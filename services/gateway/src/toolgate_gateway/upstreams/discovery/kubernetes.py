"""Watches Kubernetes for the models of one release: Services and EndpointSlices are listed, then watched."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from msgspec import Struct
from toolgate_core.jsontext import JsonObject, decode
from toolgate_runtime.logs import Log

from toolgate_gateway.upstreams.discovery.resources import DiscoveredModel, Objects, discovered_models, selector
from toolgate_gateway.upstreams.retries import DISCOVERY

WATCH_S: Final = 300
"""Duration of one watch; the API server ends it, and the next one continues. Seconds."""
SILENCE_S: Final = WATCH_S + 30
"""A watch without any data for this long has lost its connection. Seconds."""
_GONE: Final = 410
_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

_Ask: TypeAlias = Callable[..., Awaitable[Any]]
Apply: TypeAlias = Callable[[Mapping[str, DiscoveredModel]], None]


class Discovery(Protocol):
    """A source of models."""

    async def run(self, apply: Apply) -> None:
        """Call `apply` with all models, at first and after each change, until cancelled."""
        ...


class Kubernetes:
    """The models of one release in one namespace.

    It needs a Role with get, list and watch on `services` and `endpointslices.discovery.k8s.io`. While the API server
    does not answer, the last state stays.
    """

    def __init__(self, *, namespace: str, release: str, log: Log) -> None:
        """Look in `namespace` (empty: the pod's own, else `default`) for the models of `release`."""
        self._namespace = namespace or _own_namespace()
        self._selector = selector(release)
        self._log = log
        self._seen: dict[str, Objects] = {}
        self._last: dict[str, DiscoveredModel] | None = None

    async def run(self, apply: Apply) -> None:
        """Call `apply` once both kinds of object are known, and after each change."""
        # Imported late, in a thread: it takes a second and 50 MB, which gateways without Kubernetes save.
        aio = await asyncio.to_thread(importlib.import_module, "kubernetes.aio")
        async with asyncio.TaskGroup() as group:
            for kind in _KINDS:
                group.create_task(self._keep(_Kind(aio, kind, self._namespace, self._selector), apply))

    async def _keep(self, kind: _Kind, apply: Apply) -> None:
        """Follow one kind; a failure is tried again after a pause that grows."""
        failures = 0
        while True:
            try:
                async for objects in kind.states():
                    failures = 0
                    self._see(kind.name, objects, apply)
            except Exception as error:  # noqa: BLE001 - the boundary of a background task: every failure is tried again
                # The API server keeps minutes of history: losing the place in it is not a failure.
                if getattr(error, "status", None) == _GONE:
                    continue
                reason = getattr(error, "reason", None) or str(error).partition("\n")[0] or type(error).__name__
                pause_s = DISCOVERY.pause_s(failures)
                self._log.warning("discovery_failed", kind=kind.name, reason=reason, again_in_s=pause_s)
                await asyncio.sleep(pause_s)
                failures += 1

    def _see(self, kind: str, objects: Objects, apply: Apply) -> None:
        self._seen[kind] = objects
        if len(self._seen) < len(_KINDS):
            return
        models = discovered_models(self._seen["services"], self._seen["endpointslices"])
        if models != self._last:
            self._last = models
            apply(models)


_KINDS: Final = {
    "services": ("CoreV1Api", "list_namespaced_service"),
    "endpointslices": ("DiscoveryV1Api", "list_namespaced_endpoint_slice"),
}
"""Resource → the client's class and its function that lists and watches."""


class _WatchState(Struct):
    """The objects of a watch, and the version that it has reached."""

    objects: dict[str, JsonObject]
    version: str


class _Kind:
    """One kind of object in one namespace."""

    def __init__(self, aio: Any, name: str, namespace: str, labels: str) -> None:
        self.name = name
        self._aio = aio
        self._asked = {"namespace": namespace, "label_selector": labels, "_request_timeout": SILENCE_S}

    async def states(self) -> AsyncIterator[Objects]:
        """Yield all objects, at first and after each change; raise the client's errors."""
        aio = self._aio
        configuration = aio.client.Configuration()
        # Read again after every failure: address and credentials may have changed.
        await _load_config(aio.config, configuration)
        api, function = _KINDS[self.name]
        async with aio.client.ApiClient(configuration) as client:
            ask = getattr(getattr(aio.client, api)(client), f"{function}_without_preload_content")
            state = await self._list(ask)
            while True:
                yield dict(state.objects)
                async for _ in self._changes(ask, state):
                    yield dict(state.objects)

    async def _list(self, ask: _Ask) -> _WatchState:
        async with self._answer(await ask(**self._asked)) as answer:
            whole: Any = decode(await answer.read())
        return _WatchState({_name(item): item for item in whole.get("items") or ()}, _version(whole))

    async def _changes(self, ask: _Ask, state: _WatchState) -> AsyncIterator[None]:
        """Follow one watch to its end, and keep `state` up to date."""
        options = {"watch": True, "allow_watch_bookmarks": True, "timeout_seconds": WATCH_S}
        async with self._answer(await ask(**self._asked, **options, resource_version=state.version)) as answer:
            # The client's own Watch builds model objects, and refuses lines above 128 KB.
            async for line in _lines(answer.content.iter_any()):
                change: Any = decode(line)
                item: JsonObject = change["object"]
                if change["type"] == "ERROR":
                    raise self._aio.client.ApiException(status=item.get("code"), reason=item.get("message"))
                state.version = _version(item) or state.version
                if change["type"] == "BOOKMARK":
                    continue
                state.objects.pop(_name(item), None)
                if change["type"] != "DELETED":
                    state.objects[_name(item)] = item
                yield

    @asynccontextmanager
    async def _answer(self, answer: Any) -> AsyncIterator[Any]:
        """Provide a successful answer, and close it in the end."""
        try:
            if answer.status != 200:
                raise self._aio.client.ApiException(status=answer.status, reason=answer.reason)
            yield answer
        finally:
            answer.close()


async def _lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a text that arrives in parts."""
    rest: list[bytes] = []
    async for part in parts:
        *ended, last = part.split(b"\n")
        for line in ended:
            rest.append(line)
            if whole := b"".join(rest):
                yield whole
            rest.clear()
        rest.append(last)


async def _load_config(config: Any, configuration: Any) -> None:
    """Read the pod's own account, or where there is none the kubeconfig (`KUBECONFIG`, `~/.kube/config`)."""
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        await config.load_kube_config(client_configuration=configuration)


def _name(item: JsonObject) -> str:
    metadata: Any = item["metadata"]
    return str(metadata["name"])


def _version(item: JsonObject) -> str:
    metadata: Any = item.get("metadata") or {}
    return str(metadata.get("resourceVersion") or "")


def _own_namespace() -> str:
    try:
        return _NAMESPACE_FILE.read_text(encoding="utf-8").strip()
    except OSError:
        return "default"
