"""Starts the extractor."""

from __future__ import annotations

import sys

from prometheus_client import CollectorRegistry
from toolgate_runtime.handling import Handling
from toolgate_runtime.local import LocalExtractor
from toolgate_runtime.metrics import CacheMetrics
from toolgate_runtime.server import run
from toolgate_runtime.toolsets import toolset_cache

from toolgate_extractor.service import DESCRIPTOR, ExtractorService
from toolgate_extractor.settings import ExtractorSettings


def build(settings: ExtractorSettings, handling: Handling, registry: CollectorRegistry) -> ExtractorService:
    """Put the service together."""
    toolsets = toolset_cache(settings.toolset_cache_entries)
    CacheMetrics(registry, toolsets)
    return ExtractorService(LocalExtractor(toolsets), handling)


def main() -> int:
    """Serve until a signal stops the process; return the exit status."""
    return run(ExtractorSettings, build, DESCRIPTOR)


if __name__ == "__main__":
    sys.exit(main())
