"""Dialects: the text forms in which models write tool calls, as data for one engine (`toolgate_core.extraction`)."""

from toolgate_core.dialects.base import Dialect
from toolgate_core.dialects.table import DIALECTS, dialect_names

__all__ = ["DIALECTS", "Dialect", "dialect_names"]
