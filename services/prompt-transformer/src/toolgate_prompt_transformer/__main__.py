"""Starts the prompt-transformer."""

from __future__ import annotations

import sys

from prometheus_client import CollectorRegistry
from toolgate_runtime.handling import Handling
from toolgate_runtime.local import LocalTransformer
from toolgate_runtime.metrics import CacheMetrics
from toolgate_runtime.server import run
from toolgate_runtime.toolsets import declared_tools_cache

from toolgate_prompt_transformer.service import DESCRIPTOR, PromptTransformerService
from toolgate_prompt_transformer.settings import PromptTransformerSettings


def build(
    settings: PromptTransformerSettings, handling: Handling, registry: CollectorRegistry
) -> PromptTransformerService:
    """Put the service together."""
    tools = declared_tools_cache(settings.toolset_cache_entries)
    CacheMetrics(registry, tools)
    return PromptTransformerService(LocalTransformer(), tools, handling)


def main() -> int:
    """Serve until a signal stops the process; return the exit status."""
    return run(PromptTransformerSettings, build, DESCRIPTOR)


if __name__ == "__main__":
    sys.exit(main())
