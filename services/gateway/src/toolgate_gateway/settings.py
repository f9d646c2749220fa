"""The gateway's settings, and the models and upstreams of its YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, field_validator, model_validator
from toolgate_core import limits
from toolgate_core.dialects import DIALECTS
from toolgate_core.dialects.table import find_dialect
from toolgate_core.presets import PRESETS
from toolgate_core.strategies.table import STRATEGIES
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_core.types.policy_names import with_current_names
from toolgate_runtime.settings import PREFIX, Settings, setting

from toolgate_gateway.http.keys import check_listed
from toolgate_gateway.upstreams.authentication import is_header_name
from toolgate_gateway.upstreams.balance import Balance
from toolgate_gateway.upstreams.config import PROXY_FROM_ENVIRONMENT
from toolgate_gateway.upstreams.table import find_provider


class UpstreamEntry(BaseModel):
    """One upstream that serves models; its name is its key under `upstreams`.

    Attributes:
        url: a base URL (with or without `/v1`), or the full URL of chat completions.
        urls: several servers that serve the same models, instead of `url`. Unreachable ones are ejected and retried.
        balance: which of `urls` gets a request: the one with the fewest requests in flight (`least_in_flight`), or the
            one that served the conversation before, unless it is overloaded (`prefix_affinity`).
        api_key: the API key.
        api_key_file: a file that contains the API key, instead of `api_key`.
        key_header: the header that carries the API key (`api-key`, `x-api-key`); empty: as the provider expects it,
            which is a bearer token for `openai_compatible`.
        provider: the wire format that the upstream speaks, a name of the provider table.
        proxy: replaces the setting `upstream_proxy` for this upstream; empty: no proxy.
        read_timeout_s: read timeout: maximum time without data from the upstream; unset: the request's time limit.
        max_connections: connections to the upstream at once; 0: no limit.
        headers: sent with every request. Their values are treated as secrets.
        capabilities: override what the presets of its models assume.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = ""
    urls: tuple[str, ...] = ()
    balance: Balance = "least_in_flight"
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    key_header: str = ""
    provider: str = "openai_compatible"
    proxy: str | None = None
    read_timeout_s: float | None = Field(default=None, gt=0)
    max_connections: int = Field(default=2000, ge=0)
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    capabilities: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        return _checked_url(url)

    @field_validator("urls")
    @classmethod
    def _all_http(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_checked_url, urls))

    @field_validator("provider")
    @classmethod
    def _provider(cls, provider: str) -> str:
        find_provider(provider)
        return provider

    @field_validator("key_header")
    @classmethod
    def _header_name(cls, name: str) -> str:
        if name and not is_header_name(name):
            raise ValueError("must be the name of a header")
        return name

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, proxy: str | None) -> str | None:
        return None if proxy is None else _checked_proxy(proxy)

    @model_validator(mode="after")
    def _somewhere(self) -> UpstreamEntry:
        if bool(self.url) == bool(self.urls):
            raise ValueError("set either url or urls")
        return self

    @field_validator("capabilities")
    @classmethod
    def _known(cls, capabilities: dict[str, JsonValue]) -> dict[str, JsonValue]:
        msgspec.convert(capabilities, Capabilities)
        return capabilities

    def key(self) -> str | None:
        """Return the API key, or None; raise OSError for an unreadable `api_key_file`."""
        if self.api_key_file is not None:
            return self.api_key_file.read_text(encoding="utf-8").strip()
        return self.api_key.get_secret_value() if self.api_key is not None else None


class ModelEntry(BaseModel):
    """One model's alias (its key under `models`), the upstream that serves it, and its policy.

    Attributes:
        upstream: the upstream's name; optional where only one is configured.
        model: the model's name at the upstream; unset: the alias.
        preset: a preset's name; unset: the model's name selects one.
        policy: overrides single fields of the preset.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    upstream: str | None = None
    model: str | None = None
    preset: str | None = None
    policy: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("preset")
    @classmethod
    def _preset(cls, preset: str | None) -> str | None:
        if preset is not None and preset not in PRESETS:
            raise ValueError(f"unknown preset, known are {', '.join(PRESETS)}")
        return preset

    @field_validator("policy")
    @classmethod
    def _policy(cls, policy: dict[str, JsonValue]) -> dict[str, JsonValue]:
        policy = with_current_names(policy)
        checked = msgspec.convert(policy, Policy)
        for strategy in checked.ladder:
            if strategy not in STRATEGIES:
                raise ValueError(f"strategy {strategy.value!r} has no row, known are {', '.join(STRATEGIES)}")
        for name in (checked.dialect, checked.native_dialect):
            if name is not None and find_dialect(name) is None:
                raise ValueError(f"unknown dialect {name!r}, known are {', '.join(DIALECTS)}")
        return policy


class GatewaySettings(Settings):
    """The gateway's settings."""

    service: ClassVar[str] = "gateway"

    host: str = setting("127.0.0.1", "Address that the HTTP server listens on.")
    port: int = setting(8002, "Port of the HTTP server; 0 selects a free one.", aliases=("PROXY_PORT",), ge=0, le=65535)
    emulate_port: int | None = setting(
        None,
        "Additional port whose requests default to mode `emulate`; unset: none, 0: a free one.",
        aliases=("EMULATE_PORT",),
        ge=0,
        le=65535,
    )
    passthrough_port: int | None = setting(
        None,
        "Additional port whose requests default to mode `passthrough`.",
        aliases=("PASSTHROUGH_PORT",),
        ge=0,
        le=65535,
    )
    upstream_url: str = setting(
        "", "The upstream `vllm`: its base URL, or the full URL of its chat completions.", aliases=("VLLM_URL",)
    )
    upstream_api_key: SecretStr = setting(SecretStr(""), "API key of the upstream `vllm`.")
    upstream_proxy: str = setting(
        "",
        "Proxy for requests to upstreams: its URL, or `environment` to use HTTP_PROXY, HTTPS_PROXY and NO_PROXY,"
        " which are ignored otherwise.",
    )
    bifrost_url: str = setting("", "The upstream `bifrost`: its base URL.", aliases=("BIFROST_URL",))
    bifrost_api_key: SecretStr = setting(
        SecretStr(""), "API key of the upstream `bifrost`.", aliases=("BIFROST_API_KEY",)
    )
    upstreams: dict[str, UpstreamEntry] = setting(dict, "Upstreams by name: url, api_key, api_key_file, capabilities.")
    models: dict[str, ModelEntry] = setting(dict, "Models by alias: upstream, model, preset, policy.")
    discovery: Literal["none", "kubernetes"] = setting(
        "none", "Discovery of further upstreams: `kubernetes` finds them by the labels of their Services."
    )
    discovery_namespace: str = setting("", "Namespace to discover models in; empty: the pod's own.")
    discovery_release: str = setting("", "Required value of `app.kubernetes.io/instance` on a model's Service.")
    discovery_api_key: SecretStr = setting(SecretStr(""), "API key of discovered upstreams.")
    discovery_balance: Balance = setting(
        "least_in_flight", "Load balancing over the pods of a discovered model, as `balance` of an upstream."
    )
    transformer: str = setting("127.0.0.1:50051", "Address of the prompt-transformer.")
    extractor: str = setting("127.0.0.1:50052", "Address of the extractor.")
    executor: str = setting("127.0.0.1:50053", "Address of the tool-executor.")
    mode: Literal["auto", "emulate", "passthrough"] = setting(
        "auto", "Mode of requests whose path and headers name none."
    )
    max_in_flight: int = setting(1000, "Maximum number of requests served at once.", unit="requests", ge=1)
    max_queue: int = setting(100, "Maximum number of requests in the admission queue.", unit="requests", ge=0)
    queue_wait_s: float = setting(
        2.0, "Maximum time that a request waits in the admission queue.", unit="seconds", ge=0, plausible=(0, 300)
    )
    request_timeout_ms: int = setting(
        300_000, "Time limit of a request.", unit="milliseconds", aliases=("REQUEST_TIMEOUT",), ge=100
    )
    keep_alive_s: float = setting(
        10.0, "Interval of SSE keep-alive comments on idle streams.", unit="seconds", ge=0.05, plausible=(0.5, 300)
    )
    max_body_bytes: int = setting(limits.MAX_BODY_BYTES, "Maximum size of a request body.", unit="bytes", ge=1024)
    max_bodies_bytes: int = setting(
        limits.MAX_BODIES_BYTES, "Maximum total size of the bodies of all requests in progress.", unit="bytes", ge=65536
    )
    max_connections: int = setting(
        limits.MAX_CONNECTIONS,
        "Maximum number of client connections; capped at half of the process's file limit.",
        unit="connections",
        ge=1,
    )
    models_refresh_s: float = setting(60.0, "Interval at which the upstreams' models are listed.", unit="seconds", ge=1)
    api_keys: list[SecretStr] = setting(
        list,
        "Accepted client API keys (`Authorization: Bearer` or `x-api-key`); empty disables authentication.",
        never_empty=True,
    )
    api_keys_file: Path | None = setting(
        None,
        "File with further client API keys, one per line; `#` starts a comment line. It is reloaded when it changes.",
        never_empty=True,
    )
    allowed_hosts: list[str] = setting(
        list,
        "Additional host names accepted in the Host header while `host` is a loopback address.",
    )
    cors_origins: list[str] = setting(
        list, "Origins that browsers may call from; `*` allows any. Never applies to /tools."
    )
    named_finish_reason: Literal["stop", "tool_calls"] = setting(
        "stop", "Finish reason after a named tool choice; OpenAI uses `stop`."
    )

    @model_validator(mode="after")
    def _different_ports(self) -> GatewaySettings:
        """Reject two listeners on one port: one of them would silently get the other's requests."""
        names = ("port", "emulate_port", "passthrough_port", *(("metrics_port",) if self.metrics else ()))
        taken: dict[int, str] = {}
        for name in names:
            port, variable = getattr(self, name), PREFIX + name.upper()
            if port and port in taken:
                raise ValueError(f"{taken[port]} and {variable} are both {port}: set different ports")
            if port:
                taken[port] = variable
        return self

    @model_validator(mode="after")
    def _whole(self) -> GatewaySettings:
        configs = self.upstream_configs()
        found_later = self.discovery != "none"
        if found_later and not self.discovery_release:
            raise ValueError("discovery_release: required with discovery; set it to the release whose models are used")
        for alias, model in self.models.items():
            if model.upstream is None and (found_later or len(configs) != 1):
                count = "discovery may add more" if found_later else f"there are {len(configs)}"
                raise ValueError(f"models: {alias}: set its upstream, {count}")
            if model.upstream is not None and model.upstream not in configs and not found_later:
                raise ValueError(f"models: {alias}: unknown upstream {model.upstream!r}")
        return self

    @field_validator("api_keys")
    @classmethod
    def _keys(cls, keys: list[SecretStr]) -> list[SecretStr]:
        check_listed([key.get_secret_value() for key in keys])
        return keys

    @field_validator("upstream_url", "bifrost_url")
    @classmethod
    def _http(cls, url: str) -> str:
        return _checked_url(url)

    @field_validator("upstream_proxy")
    @classmethod
    def _proxy(cls, proxy: str) -> str:
        return proxy if proxy == PROXY_FROM_ENVIRONMENT else _checked_proxy(proxy)

    def upstream_configs(self) -> dict[str, UpstreamEntry]:
        """Return the configuration of every upstream: those of single settings and those of the file."""
        single = {
            "vllm": (self.upstream_url, self.upstream_api_key),
            "bifrost": (self.bifrost_url, self.bifrost_api_key),
        }
        named = {name: UpstreamEntry(url=url, api_key=_or_none(key)) for name, (url, key) in single.items() if url}
        return {**named, **self.upstreams}

    def client_keys(self) -> tuple[str, ...]:
        """Return the client API keys of the setting `api_keys`; those of the file are read by `ClientKeys`."""
        return tuple(key.get_secret_value() for key in self.api_keys)


def _checked_url(url: str) -> str:
    if url and not url.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return url


def _checked_proxy(proxy: str) -> str:
    if proxy and not proxy.startswith("http://"):
        raise ValueError("must start with http://; TLS to the proxy is not supported")
    return proxy


def _or_none(key: SecretStr) -> SecretStr | None:
    return key if key.get_secret_value() else None
