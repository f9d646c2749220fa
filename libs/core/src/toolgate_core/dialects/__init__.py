"""Dialects: the text forms in which models write tool calls, as data on one engine."""

from toolgate_core.dialects.base import Dialect
from toolgate_core.dialects.engine import Extraction
from toolgate_core.dialects.marker import MarkerScanner
from toolgate_core.dialects.table import DIALECTS, dialect_names

__all__ = ["DIALECTS", "Dialect", "Extraction", "MarkerScanner", "dialect_names"]
