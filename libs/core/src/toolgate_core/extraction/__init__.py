"""Extraction: turns a model's text into events. One engine reads all dialects."""

from toolgate_core.extraction.engine import Extraction
from toolgate_core.extraction.marker_scanner import MarkerScanner

__all__ = ["Extraction", "MarkerScanner"]
