"""The gateway's settings, and the models and upstreams that its YAML file describes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, field_validator, model_validator
from toolgate_core import limits
from toolgate_core.dialects import DIALECTS
from toolgate_core.dialects.table import find_dialect
from toolgate_core.presets import PRESETS
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_runtime.settings import PREFIX, Settings, setting

from toolgate_gateway.http.keys import check_listed
from toolgate_gateway.upstreams.balance import Balance
from toolgate_gateway.upstreams.config import PROXY_FROM_ENVIRONMENT
from toolgate_gateway.upstreams.table import PROVIDERS


class UpstreamEntry(BaseModel):
    """One upstream that serves models; its name is its key under `upstreams`.

    `url` is a base (with or without `/v1`) or the full path of chat completions. Where several servers serve the same
    models, `urls` lists them instead, and `balance` says which one a request goes to: the one with the fewest requests
    in flight (`least_in_flight`), or the one that has seen the conversation before, unless it is crowded
    (`prefix_affinity`); servers that can't be reached are left out and tried again. The key is given as it is or as a
    file that holds it. `read_timeout_s` is the longest silence that is borne, before and between the bytes of an
    answer; unset: as long as the request may take. `proxy` replaces `upstream_proxy` for this upstream (empty: none).
    `headers` go with every request. `capabilities` overrides what the
    presets of its models assume.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = ""
    urls: tuple[str, ...] = ()
    balance: Balance = "least_in_flight"
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    provider: str = "openai_compatible"
    proxy: str | None = None
    read_timeout_s: float | None = Field(default=None, gt=0)
    max_connections: int = Field(default=2000, ge=0)
    headers: dict[str, str] = Field(default_factory=dict)
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
        if provider not in PROVIDERS:
            raise ValueError(f"unknown provider, known are {', '.join(PROVIDERS)}")
        return provider

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, proxy: str | None) -> str | None:
        return None if proxy is None else _checked_proxy(proxy)

    @model_validator(mode="after")
    def _somewhere(self) -> UpstreamEntry:
        if bool(self.url) == bool(self.urls):
            raise ValueError("give either url or urls")
        return self

    @field_validator("capabilities")
    @classmethod
    def _known(cls, capabilities: dict[str, JsonValue]) -> dict[str, JsonValue]:
        msgspec.convert(capabilities, Capabilities)
        return capabilities

    def key(self) -> str | None:
        """Return the API key; raise OSError for a file that can't be read."""
        if self.api_key_file is not None:
            return self.api_key_file.read_text(encoding="utf-8").strip()
        return self.api_key.get_secret_value() if self.api_key is not None else None


class ModelEntry(BaseModel):
    """One model's alias (its key under `models`), where it is served, and how.

    `upstream` may be left out where there is only one, `model` where the upstream's name is the alias. `preset` is a
    preset's name; without it the model's name decides. `policy` overrides single fields of the preset.
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
        told = msgspec.convert(policy, Policy)
        for name in (told.dialect, told.native_dialect):
            if name is not None and find_dialect(name) is None:
                raise ValueError(f"unknown dialect {name!r}, known are {', '.join(DIALECTS)}")
        return policy


class GatewaySettings(Settings):
    """What the gateway can be told."""

    service: ClassVar[str] = "gateway"

    host: str = setting("127.0.0.1", "Address on which HTTP is served.")
    port: int = setting(8002, "Port of HTTP; 0 takes any free one.", aliases=("PROXY_PORT",), ge=0, le=65535)
    emulate_port: int | None = setting(
        None,
        "A further port on which the mode is `emulate` unless the path names another; unset: none, 0: any free one.",
        aliases=("EMULATE_PORT",),
        ge=0,
        le=65535,
    )
    passthrough_port: int | None = setting(
        None, "The same for the mode `passthrough`.", aliases=("PASSTHROUGH_PORT",), ge=0, le=65535
    )
    upstream_url: str = setting(
        "", "The upstream `vllm`: a base URL, or the full path of its chat completions.", aliases=("VLLM_URL",)
    )
    upstream_api_key: SecretStr = setting(SecretStr(""), "The key for the upstream `vllm`.")
    upstream_proxy: str = setting(
        "",
        "Proxy for requests to upstreams: its URL, or `environment` to follow HTTP_PROXY, HTTPS_PROXY and NO_PROXY,"
        " which are not read otherwise.",
    )
    bifrost_url: str = setting("", "The upstream `bifrost`: a base URL.", aliases=("BIFROST_URL",))
    bifrost_api_key: SecretStr = setting(
        SecretStr(""), "The key for the upstream `bifrost`.", aliases=("BIFROST_API_KEY",)
    )
    upstreams: dict[str, UpstreamEntry] = setting(dict, "Upstreams by name: url, api_key, api_key_file, capabilities.")
    models: dict[str, ModelEntry] = setting(dict, "Models by alias: upstream, model, preset, policy.")
    discovery: Literal["none", "kubernetes"] = setting(
        "none", "Where models are found beside the file: in Kubernetes, by the labels of their Services."
    )
    discovery_namespace: str = setting("", "The namespace in which models are looked for; none: the pod's own.")
    discovery_release: str = setting("", "The value of `app.kubernetes.io/instance` that a model's Service must have.")
    discovery_api_key: SecretStr = setting(SecretStr(""), "The key for the models that are found.")
    discovery_balance: Balance = setting(
        "least_in_flight", "Which of a found model's pods a request goes to, as `balance` of an upstream."
    )
    transformer: str = setting("127.0.0.1:50051", "Address of the prompt-transformer.")
    extractor: str = setting("127.0.0.1:50052", "Address of the extractor.")
    executor: str = setting("127.0.0.1:50053", "Address of the tool-executor.")
    mode: Literal["auto", "emulate", "passthrough"] = setting(
        "auto", "The mode of a request that names none, by path or header."
    )
    max_in_flight: int = setting(1000, "Chat requests that are served at once.", unit="requests", ge=1)
    max_queue: int = setting(100, "Chat requests that may wait for a place.", unit="requests", ge=0)
    queue_wait_s: float = setting(
        2.0, "How long a chat request waits for a place.", unit="seconds", ge=0, plausible=(0, 300)
    )
    request_timeout_ms: int = setting(
        300_000, "A chat request's time limit.", unit="milliseconds", aliases=("REQUEST_TIMEOUT",), ge=100
    )
    keep_alive_s: float = setting(
        10.0, "Silence after which a stream's client is sent a comment.", unit="seconds", ge=0.05, plausible=(0.5, 300)
    )
    max_body_bytes: int = setting(limits.MAX_BODY_BYTES, "The largest request body.", unit="bytes", ge=1024)
    max_bodies_bytes: int = setting(
        limits.MAX_BODIES_BYTES, "The bodies of all requests that are read or served at once.", unit="bytes", ge=65536
    )
    max_connections: int = setting(
        limits.MAX_CONNECTIONS,
        "Connections of clients at once; never more than half of what the process may open.",
        unit="connections",
        ge=1,
    )
    models_refresh_s: float = setting(60.0, "How often the upstreams are asked for their models.", unit="seconds", ge=1)
    api_keys: list[SecretStr] = setting(
        list,
        "Accepted client API keys, in `Authorization: Bearer` or `x-api-key`; none: no key is asked for.",
        never_empty=True,
    )
    api_keys_file: Path | None = setting(
        None,
        "A file with one such key a line; `#` begins a comment line. It is read again when it changes.",
        never_empty=True,
    )
    allowed_hosts: list[str] = setting(
        list,
        "Host names for which requests are served beside this machine's, where `host` is a loopback address.",
    )
    cors_origins: list[str] = setting(list, "Origins that browsers may call from; `*` is any. Never on /tools.")
    named_finish_reason: Literal["stop", "tool_calls"] = setting(
        "stop", "The finish reason after a named tool choice; OpenAI says `stop`."
    )

    @model_validator(mode="after")
    def _different_ports(self) -> GatewaySettings:
        """Refuse two listeners on one port: one of them would silently get the other's requests."""
        names = ("port", "emulate_port", "passthrough_port", *(("metrics_port",) if self.metrics else ()))
        taken: dict[int, str] = {}
        for name in names:
            port, variable = getattr(self, name), PREFIX + name.upper()
            if port and port in taken:
                raise ValueError(f"{taken[port]} and {variable} are both {port}: each needs its own port")
            if port:
                taken[port] = variable
        return self

    @model_validator(mode="after")
    def _whole(self) -> GatewaySettings:
        configs = self.upstream_configs()
        found_later = self.discovery != "none"
        if found_later and not self.discovery_release:
            raise ValueError("discovery_release: name the release whose models are looked for")
        for alias, model in self.models.items():
            if model.upstream is None and (found_later or len(configs) != 1):
                count = "others may be found" if found_later else f"there are {len(configs)}"
                raise ValueError(f"models: {alias}: name its upstream, {count}")
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
        """Return all upstreams: those of the file, and those that single settings name."""
        single = {
            "vllm": (self.upstream_url, self.upstream_api_key),
            "bifrost": (self.bifrost_url, self.bifrost_api_key),
        }
        named = {name: UpstreamEntry(url=url, api_key=_or_none(key)) for name, (url, key) in single.items() if url}
        return {**named, **self.upstreams}

    def client_keys(self) -> tuple[str, ...]:
        """Return the keys of clients that are settings themselves; those of the file may change."""
        return tuple(key.get_secret_value() for key in self.api_keys)


def _checked_url(url: str) -> str:
    if url and not url.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return url


def _checked_proxy(proxy: str) -> str:
    if proxy and not proxy.startswith("http://"):
        raise ValueError("must start with http://; proxies are reached without TLS")
    return proxy


def _or_none(key: SecretStr) -> SecretStr | None:
    return key if key.get_secret_value() else None
