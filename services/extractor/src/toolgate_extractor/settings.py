"""The settings of the extractor."""

from __future__ import annotations

from typing import ClassVar

from toolgate_runtime.settings import GrpcSettings, setting
from toolgate_runtime.toolsets import MAX_ENTRIES


class ExtractorSettings(GrpcSettings):
    """The service's settings."""

    service: ClassVar[str] = "extractor"

    grpc_port: int = setting(50052, "Port of the gRPC server; 0 selects a free one.", ge=0, le=65535)
    toolset_cache_entries: int = setting(
        MAX_ENTRIES, "Maximum number of cached compiled toolsets.", unit="toolsets", ge=1
    )
