"""Starts the tool-executor."""

from __future__ import annotations

import sys

from prometheus_client import CollectorRegistry
from toolgate_runtime.handling import Handling
from toolgate_runtime.server import run

from toolgate_tool_executor.executor import Executor
from toolgate_tool_executor.service import DESCRIPTOR, ToolExecutorService
from toolgate_tool_executor.settings import ToolExecutorSettings


def build(settings: ToolExecutorSettings, handling: Handling, registry: CollectorRegistry) -> ToolExecutorService:  # noqa: ARG001
    """Put the service together."""
    return ToolExecutorService(Executor(), handling)


def main() -> int:
    """Serve until a signal stops the process; return the exit status."""
    return run(ToolExecutorSettings, build, DESCRIPTOR)


if __name__ == "__main__":
    sys.exit(main())
