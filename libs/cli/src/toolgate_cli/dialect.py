"""Messages of commands about the names of dialects."""

from __future__ import annotations

from toolgate_core.dialects import dialect_names


def unknown_dialect(name: str) -> str:
    """Return the message for an unknown name of a dialect."""
    return f"unknown dialect {name!r}; known: auto, {', '.join(sorted(set(dialect_names()) - {'auto'}))}"
