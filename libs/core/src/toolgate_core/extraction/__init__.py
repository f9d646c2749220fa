"""Extraction: a model's text in, events out; the one engine that reads all dialects."""

from toolgate_core.extraction.engine import Extraction
from toolgate_core.extraction.marker_scanner import MarkerScanner

__all__ = ["Extraction", "MarkerScanner"]
