"""JSON Schema: the compiled tools of a request, coercion, lenient reading."""

from toolgate_core.schema.coerce import coerce, coerce_text
from toolgate_core.schema.definitions import parse_tools
from toolgate_core.schema.relaxed import relax
from toolgate_core.schema.toolset import EMPTY, Tool, Toolset, cached_toolset, compiled
from toolgate_core.schema.violations import Violation

__all__ = [
    "EMPTY",
    "Tool",
    "Toolset",
    "Violation",
    "cached_toolset",
    "coerce",
    "coerce_text",
    "compiled",
    "parse_tools",
    "relax",
]
