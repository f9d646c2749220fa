"""What commands say about names of dialects."""

from __future__ import annotations

from toolgate_core.dialects import dialect_names


def unknown_dialect(name: str) -> str:
    """Return what to say about a name that no dialect has, and no alias."""
    return f"unknown dialect {name!r}; known: auto, {', '.join(sorted(set(dialect_names()) - {'auto'}))}"
