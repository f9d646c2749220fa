"""Dialects: text forms of tool calls, as data for `toolgate_core.extraction`. To add one: `catalog/`, `table.py`."""

from toolgate_core.dialects.base import Dialect
from toolgate_core.dialects.table import DIALECTS, dialect_names

__all__ = ["DIALECTS", "Dialect", "dialect_names"]
