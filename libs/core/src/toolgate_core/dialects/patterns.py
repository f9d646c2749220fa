"""Pieces of patterns that grammars are put together from."""

from __future__ import annotations

import re

ATTRIBUTES = r"""(?P<inside>(?:[\s/](?:[^<>"']|"[^"]*"|'[^']*')*)?)"""

ANY_ATTRIBUTES = r"""(?:[\s/](?:[^<>"']|"[^"]*"|'[^']*')*)?"""
"""The same where they say nothing: models give attributes to any tag."""


def open_tag(names: str, *, namespace: str = "") -> str:
    """Return the pattern of an opening tag with attributes (group `inside`); both arguments are patterns."""
    return f"<{_space(namespace)}(?:{names}){ATTRIBUTES}>"


def bare_tag(names: str, *, namespace: str = "") -> str:
    """Return the pattern of an opening tag whose attributes say nothing."""
    return f"<{_space(namespace)}(?:{names}){ANY_ATTRIBUTES}>"


def close_tag(names: str, *, namespace: str = "") -> str:
    """Return the pattern of a closing tag."""
    return rf"</\s{{0,4}}{_space(namespace)}(?:{names})\s{{0,16}}>"


def ungrouped(pattern: str) -> str:
    """Return a pattern without its groups' names, so that it may stand in another more than once."""
    return re.sub(r"\(\?P<\w+>", "(?:", pattern)


def _space(namespace: str) -> str:
    return f"(?:{namespace})?" if namespace else ""
