"""Reads Kubernetes objects: which Services are models, the addresses of their pods, and their policies. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias, cast

from msgspec import Struct
from pydantic import ValidationError
from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode

from toolgate_gateway.settings import ModelEntry

INSTANCE_LABEL: Final = "app.kubernetes.io/instance"
MODEL_LABEL: Final = "toolgate.dev/model"
CONFIG_ANNOTATION: Final = "toolgate.dev/model-config"
SERVICE_LABEL: Final = "kubernetes.io/service-name"
PORT_NAME: Final = "http"

Objects: TypeAlias = Mapping[str, JsonObject]
"""Kubernetes objects of one kind by name, as the API writes them."""


class DiscoveredModel(Struct, frozen=True, kw_only=True):
    """A model in Kubernetes.

    Attributes:
        urls: one per pod that accepts requests, sorted.
        preset: the preset of its policy, if its Service names one.
        policy: overrides of the preset.
        fault: what is wrong with its Service's annotation, or empty. The model is then served by the defaults for its
            name.
    """

    urls: tuple[str, ...] = ()
    preset: str | None = None
    policy: dict[str, JsonValue] = {}
    fault: str = ""


def selector(release: str) -> str:
    """Return the label selector of one release's models."""
    return f"{INSTANCE_LABEL}={release},{MODEL_LABEL}"


def discovered_models(services: Objects, slices: Objects) -> dict[str, DiscoveredModel]:
    """Return the models by name (the value of the Service's label), sorted. Of two for one, the first counts."""
    models: dict[str, DiscoveredModel] = {}
    for name in sorted(services):
        model = str(_section(_section(services[name], "metadata"), "labels").get(MODEL_LABEL) or "")
        if model and model not in models:
            urls = _urls(each for each in slices.values() if _service_of(each) == name)
            models[model] = _configured(services[name], urls)
    return dict(sorted(models.items()))


def _configured(service: JsonObject, urls: tuple[str, ...]) -> DiscoveredModel:
    text = _section(_section(service, "metadata"), "annotations").get(CONFIG_ANNOTATION)
    if not isinstance(text, str) or not text.strip():
        return DiscoveredModel(urls=urls)
    try:
        config = decode(text.encode())
        if not isinstance(config, dict) or not config.keys() <= {"preset", "policy"}:
            raise ValueError("must be an object with the keys preset and policy")
        entry = ModelEntry.model_validate(config)
    except (JsonTextError, ValidationError, ValueError) as error:
        return DiscoveredModel(urls=urls, fault=f"annotation {CONFIG_ANNOTATION}: {_reason(error)}")
    return DiscoveredModel(urls=urls, preset=entry.preset, policy=entry.policy)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
    return " ".join(str(error).split())


def _urls(slices: Iterable[JsonObject]) -> tuple[str, ...]:
    """Return the addresses of ready pods; if there are none, of terminating pods that still serve.

    kube-proxy does the same (KEP-1669), so that a rollout of a single pod leaves no gap.
    """
    ready: set[str] = set()
    draining: set[str] = set()
    for each in slices:
        port = _port(each)
        if port is None:
            continue
        for endpoint in _list(each, "endpoints"):
            conditions = _section(endpoint, "conditions")
            urls = {_url(str(address), port) for address in cast("list[JsonValue]", endpoint.get("addresses") or [])}
            if conditions.get("ready") is not False:
                ready |= urls
            elif conditions.get("serving") and conditions.get("terminating"):
                draining |= urls
    return tuple(sorted(ready or draining))


def _port(each: JsonObject) -> int | None:
    """Return the port named `http`, or the only port."""
    ports = _list(each, "ports")
    chosen = next((port for port in ports if port.get("name") == PORT_NAME), ports[0] if len(ports) == 1 else {})
    number = chosen.get("port")
    return number if isinstance(number, int) else None


def _url(address: str, port: int) -> str:
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _service_of(each: JsonObject) -> str:
    return str(_section(_section(each, "metadata"), "labels").get(SERVICE_LABEL))


def _section(value: JsonObject, key: str) -> JsonObject:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _list(value: JsonObject, key: str) -> list[JsonObject]:
    inner = value.get(key)
    return [item for item in inner if isinstance(item, dict)] if isinstance(inner, list) else []
