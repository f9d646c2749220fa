"""The settings of the tool-executor."""

from __future__ import annotations

from typing import ClassVar

from toolgate_runtime.settings import GrpcSettings, setting


class ToolExecutorSettings(GrpcSettings):
    """The service's settings."""

    service: ClassVar[str] = "tool-executor"

    grpc_port: int = setting(50053, "Port of the gRPC server; 0 selects a free one.", ge=0, le=65535)
