"""Watching Kubernetes for the models of one release: both kinds of object are listed, then watched, for ever."""

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

WATCH_S: Final = 300
"""How long one watch lasts; the API server ends it, and the next begins where it ended."""
SILENCE_S: Final = WATCH_S + 30
"""A watch that lasts longer has lost its connection."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
_GONE: Final = 410
_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

_Ask: TypeAlias = Callable[..., Awaitable[Any]]
Apply: TypeAlias = Callable[[Mapping[str, DiscoveredModel]], None]


class Discovery(Protocol):
    """Who finds models."""

    async def run(self, apply: Apply) -> None:
        """Tell `apply` of all models that are there, at first and whenever they have changed, until cancelled."""
        ...


class Kubernetes:
    """The models of one release in one namespace.

    It needs a Role with get, list and watch on `services` and `endpointslices.discovery.k8s.io`. While the API server
    does not answer, what was seen last stays.
    """

    def __init__(self, *, namespace: str, release: str, log: Log) -> None:
        """Look in `namespace` (empty: the pod's own, else `default`) for the models of `release`."""
        self._namespace = namespace or _own_namespace()
        self._selector = selector(release)
        self._log = log
        self._seen: dict[str, Objects] = {}
        self._last: dict[str, DiscoveredModel] | None = None

    async def run(self, apply: Apply) -> None:
        """Tell `apply` of the models once both kinds have been seen, and whenever they have changed."""
        # Imported late and aside: it takes a second and 50 MB, which gateways without Kubernetes save.
        aio = await asyncio.to_thread(importlib.import_module, "kubernetes.aio")
        async with asyncio.TaskGroup() as group:
            for kind in _KINDS:
                group.create_task(self._keep(_Kind(aio, kind, self._namespace, self._selector), apply))

    async def _keep(self, kind: _Kind, apply: Apply) -> None:
        """Follow one kind; what fails is tried again, later each time."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async for objects in kind.states():
                    pause_s = FIRST_PAUSE_S
                    self._see(kind.name, objects, apply)
            except Exception as error:  # noqa: BLE001 - the boundary of a background task: whatever fails is tried again
                # History is kept for minutes only: that a watch has lost its place is no fault.
                if getattr(error, "status", None) == _GONE:
                    continue
                reason = getattr(error, "reason", None) or str(error).partition("\n")[0] or type(error).__name__
                self._log.warning("discovery_failed", kind=kind.name, reason=reason, again_in_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

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


class _Place(Struct):
    """Where a watch has got to."""

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
        # Made anew after every failure, as address and credentials may have changed.
        await _load_config(aio.config, configuration)
        api, function = _KINDS[self.name]
        async with aio.client.ApiClient(configuration) as client:
            ask = getattr(getattr(aio.client, api)(client), f"{function}_without_preload_content")
            place = await self._list(ask)
            while True:
                yield dict(place.objects)
                async for _ in self._changes(ask, place):
                    yield dict(place.objects)

    async def _list(self, ask: _Ask) -> _Place:
        async with self._answer(await ask(**self._asked)) as answer:
            whole: Any = decode(await answer.read())
        return _Place({_name(item): item for item in whole.get("items") or ()}, _version(whole))

    async def _changes(self, ask: _Ask, place: _Place) -> AsyncIterator[None]:
        """Follow one watch to its end, keeping `place` up to date."""
        options = {"watch": True, "allow_watch_bookmarks": True, "timeout_seconds": WATCH_S}
        async with self._answer(await ask(**self._asked, **options, resource_version=place.version)) as answer:
            # The client's own Watch makes objects of its models, and refuses lines beyond 128 KB.
            async for line in _lines(answer.content.iter_any()):
                change: Any = decode(line)
                item: JsonObject = change["object"]
                if change["type"] == "ERROR":
                    raise self._aio.client.ApiException(status=item.get("code"), reason=item.get("message"))
                place.version = _version(item) or place.version
                if change["type"] == "BOOKMARK":
                    continue
                place.objects.pop(_name(item), None)
                if change["type"] != "DELETED":
                    place.objects[_name(item)] = item
                yield

    @asynccontextmanager
    async def _answer(self, answer: Any) -> AsyncIterator[Any]:
        """Give an answer that is a success, and hang up in the end."""
        try:
            if answer.status != 200:
                raise self._aio.client.ApiException(status=answer.status, reason=answer.reason)
            yield answer
        finally:
            answer.close()


async def _lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a text that comes in parts."""
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
