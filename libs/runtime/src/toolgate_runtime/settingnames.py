"""The names of all services' settings, with their aliases; written by scripts/configuration.py, never edited.

No service can import another's settings, and each has to know which variables are none.
"""

from __future__ import annotations

from typing import Final

SETTING_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "TOOLGATE_API_KEYS": (),
    "TOOLGATE_API_KEYS_FILE": (),
    "TOOLGATE_BIFROST_API_KEY": ("BIFROST_API_KEY",),
    "TOOLGATE_BIFROST_URL": ("BIFROST_URL",),
    "TOOLGATE_CORS_ORIGINS": (),
    "TOOLGATE_DEBUG": ("DEBUG_MODE",),
    "TOOLGATE_DISCOVERY": (),
    "TOOLGATE_DISCOVERY_API_KEY": (),
    "TOOLGATE_DISCOVERY_BALANCE": (),
    "TOOLGATE_DISCOVERY_NAMESPACE": (),
    "TOOLGATE_DISCOVERY_RELEASE": (),
    "TOOLGATE_DRAIN_S": (),
    "TOOLGATE_EMULATE_PORT": ("EMULATE_PORT",),
    "TOOLGATE_EXECUTOR": (),
    "TOOLGATE_EXTRACTOR": (),
    "TOOLGATE_GRPC_HOST": (),
    "TOOLGATE_GRPC_PORT": (),
    "TOOLGATE_HEALTH_GRACE_S": (),
    "TOOLGATE_HEALTH_PORT": (),
    "TOOLGATE_HOST": (),
    "TOOLGATE_KEEP_ALIVE_S": (),
    "TOOLGATE_LOG_CONTENT": (),
    "TOOLGATE_LOG_LEVEL": (),
    "TOOLGATE_MAX_BODY_BYTES": (),
    "TOOLGATE_MAX_CALL_S": (),
    "TOOLGATE_MAX_CONCURRENT_CALLS": (),
    "TOOLGATE_MAX_CONNECTION_AGE_S": (),
    "TOOLGATE_MAX_IN_FLIGHT": (),
    "TOOLGATE_MAX_MESSAGE_BYTES": (),
    "TOOLGATE_MAX_QUEUE": (),
    "TOOLGATE_METRICS": (),
    "TOOLGATE_METRICS_HOST": (),
    "TOOLGATE_METRICS_PORT": (),
    "TOOLGATE_MODE": (),
    "TOOLGATE_MODELS": (),
    "TOOLGATE_MODELS_REFRESH_S": (),
    "TOOLGATE_NAMED_FINISH_REASON": (),
    "TOOLGATE_PASSTHROUGH_PORT": ("PASSTHROUGH_PORT",),
    "TOOLGATE_PORT": ("PROXY_PORT",),
    "TOOLGATE_QUEUE_WAIT_S": (),
    "TOOLGATE_REQUEST_TIMEOUT_MS": ("REQUEST_TIMEOUT",),
    "TOOLGATE_TLS_DIR": (),
    "TOOLGATE_TOOLSET_CACHE_ENTRIES": (),
    "TOOLGATE_TRANSFORMER": (),
    "TOOLGATE_UPSTREAMS": (),
    "TOOLGATE_UPSTREAM_API_KEY": (),
    "TOOLGATE_UPSTREAM_PROXY": (),
    "TOOLGATE_UPSTREAM_URL": ("VLLM_URL",),
}
