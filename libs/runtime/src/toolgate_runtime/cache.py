"""A bounded cache of what is compiled from a request's tools, keyed by the bytes of their JSON text.

The bytes themselves are the key (Python hashes them), so two toolsets can never be mistaken for one another. Both the
number of entries and the sum of their keys' sizes are bounded: a few requests with huge toolsets push each other out
instead of growing the process.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct
from toolgate_core.jsontext import JsonValue, decode
from toolgate_core.schema import EMPTY, Toolset, compiled, parse_tools
from toolgate_core.types.requests import ToolDefinition

V = TypeVar("V")

MAX_ENTRIES = 256
MAX_BYTES = 32 * 1024 * 1024


class Cache(Generic[V]):
    """Builds a value once per key and forgets what was not used for longest.

    Several threads may use it: at worst two of them build the same. `weigh` says how many bytes an entry counts;
    those of its key unless given.
    """

    def __init__(
        self,
        build: Callable[[bytes], V],
        *,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
        weigh: Callable[[bytes, V], int] = lambda key, _: len(key),
    ) -> None:
        self._lock = threading.Lock()
        self._weigh = weigh
        self._build = build
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[bytes, tuple[V, int]] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> V:
        """Return the value for `key`, building it if need be; what `build` raises is not remembered."""
        with self._lock:
            if key in self._entries:
                self.hits += 1
                self._entries.move_to_end(key)
                return self._entries[key][0]
            self.misses += 1
        value = self._build(key)
        weight = self._weigh(key, value)
        with self._lock:
            if weight <= self._max_bytes and key not in self._entries:
                self._entries[key] = (value, weight)
                self._bytes += weight
            while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
                _, (_, oldest) = self._entries.popitem(last=False)
                self._bytes -= oldest
        return value


def toolset_bytes(tools_json: bytes, toolset: Toolset) -> int:
    """Return how many bytes a compiled toolset counts in a cache: its validators may be far larger than their text."""
    return len(tools_json) + toolset.kept_bytes


class DeclaredTools(Struct, frozen=True):
    """A request's tools: as values to decide on, and as the JSON value that goes back into a body."""

    definitions: tuple[ToolDefinition, ...]
    value: JsonValue


def declared_tools(tools_json: bytes) -> DeclaredTools:
    """Read the tools of a request; empty bytes: none. Raises `JsonTextError`, `RequestError`."""
    return DeclaredTools(parse_tools(tools_json), decode(tools_json)) if tools_json else DeclaredTools((), None)


def compiled_tools(tools_json: bytes) -> Toolset:
    """Compile the tools of a request; empty bytes: none. Raises `JsonTextError`, `RequestError`."""
    return compiled(tools_json) if tools_json else EMPTY
