"""The settings of the prompt-transformer."""

from __future__ import annotations

from typing import ClassVar

from toolgate_runtime.settings import GrpcSettings, setting
from toolgate_runtime.toolsets import MAX_ENTRIES


class PromptTransformerSettings(GrpcSettings):
    """What can be set."""

    service: ClassVar[str] = "prompt-transformer"

    grpc_port: int = setting(50051, "Port of the gRPC server; 0 selects a free one.", ge=0, le=65535)
    toolset_cache_entries: int = setting(MAX_ENTRIES, "Maximum number of cached toolsets.", unit="toolsets", ge=1)
