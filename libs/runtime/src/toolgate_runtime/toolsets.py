"""Caches of a request's tools, keyed by the JSON text of the `tools` array.

Both the number of entries and the sum of their sizes are bounded: a few requests with huge toolsets evict each other
instead of growing the process.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct
from toolgate_core.cache import Cache
from toolgate_core.jsontext import decode
from toolgate_core.schema import EMPTY, Toolset, compiled, parse_tools
from toolgate_core.types.requests import ToolDefinition
from toolgate_formats.api.openai_chat.tools import tools_text

MAX_ENTRIES = 256
"""Toolsets that a service remembers, unless its setting says otherwise."""

MAX_BYTES = 32 * 1024 * 1024
"""Bytes of all that a service remembers: the texts, and of compiled toolsets their validators."""

ToolsetCache: TypeAlias = "Cache[bytes, Toolset]"
DeclaredToolsCache: TypeAlias = "Cache[bytes, DeclaredTools]"


class DeclaredTools(Struct, frozen=True):
    """A request's tools: as values to decide on, and as the JSON text that goes to servers."""

    definitions: tuple[ToolDefinition, ...]
    sent: bytes


def toolset_cache(max_entries: int = MAX_ENTRIES) -> ToolsetCache:
    """Return an empty cache of compiled tools; a validator may far outweigh its text."""
    return Cache(
        compiled_tools,
        cost=lambda text, toolset: len(text) + toolset.kept_bytes,
        max_cost=MAX_BYTES,
        max_entries=max_entries,
    )


def declared_tools_cache(max_entries: int = MAX_ENTRIES) -> DeclaredToolsCache:
    """Return an empty cache of tools that are read but not compiled."""
    return Cache(declared_tools, cost=lambda text, _: len(text), max_cost=MAX_BYTES, max_entries=max_entries)


def declared_tools(tools_json: bytes) -> DeclaredTools:
    """Read the tools of a request; empty bytes: none. Raises `JsonTextError`, `RequestError`."""
    if not tools_json:
        return DeclaredTools((), b"")
    return DeclaredTools(parse_tools(tools_json), tools_text(decode(tools_json), tools_json).sent)


def compiled_tools(tools_json: bytes) -> Toolset:
    """Compile the tools of a request; empty bytes: none. Raises `JsonTextError`, `RequestError`."""
    return compiled(tools_json) if tools_json else EMPTY
