"""The settings of the tool-executor."""

from __future__ import annotations

from typing import ClassVar

from toolgate_runtime.settings import GrpcSettings, setting


class ToolExecutorSettings(GrpcSettings):
    """What can be set."""

    service: ClassVar[str] = "tool-executor"

    grpc_port: int = setting(50053, "Port of gRPC; 0 takes any free one.", ge=0, le=65535)
