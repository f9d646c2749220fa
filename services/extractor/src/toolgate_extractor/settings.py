"""The settings of the extractor."""

from __future__ import annotations

from typing import ClassVar

from toolgate_runtime.settings import GrpcSettings, setting
from toolgate_runtime.toolsets import MAX_ENTRIES


class ExtractorSettings(GrpcSettings):
    """What can be set."""

    service: ClassVar[str] = "extractor"

    grpc_port: int = setting(50052, "Port of gRPC; 0 takes any free one.", ge=0, le=65535)
    toolset_cache_entries: int = setting(
        MAX_ENTRIES, "How many compiled toolsets are remembered.", unit="toolsets", ge=1
    )
